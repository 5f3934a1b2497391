//! Signed notes (C2SP `signed-note`) and log checkpoints (C2SP `tlog-checkpoint`): small texts with Ed25519
//! signatures under them, readable by people and by every tool of transparency logs.
//!
//! A reader knows some keys. Lines by keys it does not know are kept and prove nothing; a line by a key it knows
//! that does not verify spoils the whole note.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::keys::{Key, KeyKind, PublicKey, Scheme};
use crate::{Error, Limits};

/// Algorithm byte of Ed25519 in key strings.
const ED25519: u8 = 0x01;
/// Algorithm byte of timestamped Ed25519 cosignatures (C2SP `tlog-cosignature`).
const COSIGNATURE: u8 = 0x04;
/// Between text and signature lines.
const SPLIT: &str = "\n\n";
/// Begins a signature line: em dash, space.
const LINE: &str = "— ";

fn malformed(why: &'static str) -> Error {
    Error::Malformed { what: "signed note", why }
}

/// A key that verifies notes, written `name+hash+key`: `ubnd.example.vn+1a2b3c4d+AQ…`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifierKey {
    name: String,
    hash: [u8; 4],
    key: [u8; 32],
}

impl VerifierKey {
    /// Names an Ed25519 public key. Errors: another kind of key, or a name with spaces or `+`.
    pub fn new(name: &str, key: &PublicKey) -> Result<VerifierKey, Error> {
        let bytes = <[u8; 32]>::try_from(key.key_bytes()).ok().filter(|_| key.kind() == KeyKind::Ed25519);
        Self::from_raw(name, bytes.ok_or(Error::KeyUnfit("notes are signed with Ed25519"))?)
    }

    fn from_raw(name: &str, key: [u8; 32]) -> Result<VerifierKey, Error> {
        if name.is_empty()
            || name.len() > 256
            || name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
        {
            return Err(malformed("a key name has no spaces and no plus"));
        }
        Ok(VerifierKey { name: name.to_owned(), hash: key_hash(name, &key), key })
    }

    /// The key's name, usually the log's origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// First four bytes of SHA-256 over name, line feed, algorithm and key.
    pub fn hash(&self) -> [u8; 4] {
        self.hash
    }

    /// The same key under another name: a log that keeps a tree for each year signs them all with one key.
    ///
    /// Errors: as [`VerifierKey::new`].
    pub fn named(&self, name: &str) -> Result<VerifierKey, Error> {
        Self::from_raw(name, self.key)
    }

    fn verifies(&self, text: &str, signature: &[u8]) -> bool {
        let key = ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, self.key);
        key.verify(text.as_bytes(), signature).is_ok()
    }
}

fn key_hash(name: &str, key: &[u8; 32]) -> [u8; 4] {
    hash_as(name, ED25519, key)
}

fn hash_as(name: &str, algorithm: u8, key: &[u8; 32]) -> [u8; 4] {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    context.update(name.as_bytes());
    context.update(&[b'\n', algorithm]);
    context.update(key);
    let mut hash = [0; 4];
    hash.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
    hash
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut typed = vec![ED25519];
        typed.extend_from_slice(&self.key);
        write!(f, "{}+{:08x}+{}", self.name, u32::from_be_bytes(self.hash), STANDARD.encode(typed))
    }
}

impl FromStr for VerifierKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<VerifierKey, Error> {
        let (name, hash, key) = key_parts(text, ED25519)?;
        let key = Self::from_raw(&name, key)?;
        match hash == key.hash {
            true => Ok(key),
            false => Err(malformed("the key hash does not fit")),
        }
    }
}

/// Name, hash and key of a key string.
fn key_parts(text: &str, algorithm: u8) -> Result<(String, [u8; 4], [u8; 32]), Error> {
    // The key is base64 and may itself contain `+`; name and hash may not.
    let mut parts = text.trim().splitn(3, '+');
    let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(malformed("a verifier key is name+hash+key"));
    };
    let typed = STANDARD.decode(key).map_err(|_| malformed("the key is not base64"))?;
    let raw = match typed.split_first() {
        Some((kind, raw)) if *kind == algorithm => raw,
        _ => return Err(Error::Unsupported("this kind of note key")),
    };
    let raw = <[u8; 32]>::try_from(raw).map_err(|_| malformed("an Ed25519 key has 32 bytes"))?;
    let plain = hash.len() == 8 && hash.bytes().all(|b| b.is_ascii_hexdigit());
    let stated = u32::from_str_radix(hash, 16).ok().filter(|_| plain);
    let stated = stated.ok_or(malformed("the key hash does not fit"))?;
    Ok((name.to_owned(), stated.to_be_bytes(), raw))
}

/// A witness's key, written like a [`VerifierKey`] with the algorithm byte of timestamped Ed25519 cosignatures (C2SP
/// `tlog-cosignature`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WitnessKey {
    name: String,
    hash: [u8; 4],
    key: [u8; 32],
}

impl WitnessKey {
    /// The witness's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When the witness has seen this checkpoint, Unix seconds; `None` when no line of the note is its cosignature over the
    /// note's text.
    pub fn cosigned_at(&self, note: &Note) -> Option<u64> {
        let ours = |line: &&SignatureLine| line.name == self.name && line.hash == self.hash;
        note.unknown.iter().filter(ours).find_map(|line| {
            let (time, signature) = line.signature.split_first_chunk::<8>()?;
            let time = u64::from_be_bytes(*time);
            let message = format!("cosignature/v1\ntime {time}\n{}", note.text);
            let key = ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, self.key);
            let is_good =
                time <= i64::MAX.unsigned_abs() && key.verify(message.as_bytes(), signature).is_ok();
            is_good.then_some(time)
        })
    }
}

impl FromStr for WitnessKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<WitnessKey, Error> {
        let (name, hash, key) = key_parts(text, COSIGNATURE)?;
        let named = VerifierKey::from_raw(&name, key)?;
        let own = hash_as(&named.name, COSIGNATURE, &key);
        match hash == own {
            true => Ok(WitnessKey { name, hash, key }),
            false => Err(malformed("the key hash does not fit")),
        }
    }
}

/// Signs notes under a name.
#[derive(Debug)]
pub struct NoteSigner<'k> {
    verifier: VerifierKey,
    key: &'k Key,
}

impl<'k> NoteSigner<'k> {
    /// Errors: as [`VerifierKey::new`].
    pub fn new(name: &str, key: &'k Key) -> Result<NoteSigner<'k>, Error> {
        Ok(NoteSigner { verifier: VerifierKey::new(name, key.public())?, key })
    }

    /// What others need to verify.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }
}

/// One signature line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignatureLine {
    /// The signer's name.
    pub name: String,
    /// Which of its keys.
    pub hash: [u8; 4],
    /// The signature.
    pub signature: Vec<u8>,
}

/// A note of which at least one signature was verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    text: String,
    verified: Vec<VerifierKey>,
    unknown: Vec<SignatureLine>,
}

impl Note {
    /// Signs a text, which must end with a line feed. Every signer adds a line, in order.
    pub fn sign(text: &str, signers: &[NoteSigner<'_>]) -> Result<String, Error> {
        check_text(text)?;
        let mut note = format!("{text}\n");
        for signer in signers {
            let signature = signer.key.sign(Scheme::Ed25519, text.as_bytes())?;
            let mut bytes = signer.verifier.hash.to_vec();
            bytes.extend_from_slice(signature.as_bytes());
            note.push_str(&format!("{LINE}{} {}\n", signer.verifier.name, STANDARD.encode(bytes)));
        }
        Ok(note)
    }

    /// Reads a note and verifies the lines by known keys.
    ///
    /// Errors: [`Error::BadSignature`] when a known key's line does not verify, or no known key signed.
    pub fn open(bytes: &[u8], known: &[VerifierKey], limits: &Limits) -> Result<Note, Error> {
        if bytes.len() > limits.note_bytes {
            return Err(Error::TooLarge { what: "signed note", limit: limits.note_bytes });
        }
        let whole = std::str::from_utf8(bytes).map_err(|_| malformed("not UTF-8"))?;
        let split = whole.rfind(SPLIT).ok_or(malformed("no signatures"))?;
        let (text, lines) = whole.split_at(split + 1);
        check_text(text)?;
        let lines = lines
            .strip_prefix('\n')
            .and_then(|l| l.strip_suffix('\n'))
            .ok_or(malformed("the last line is cut"))?;
        let mut note = Note { text: text.to_owned(), verified: Vec::new(), unknown: Vec::new() };
        for (count, line) in lines.split('\n').enumerate() {
            if count == limits.note_signatures {
                return Err(Error::TooLarge { what: "signed note", limit: limits.note_signatures });
            }
            note.line(signature_line(line)?, known)?;
        }
        if note.verified.is_empty() { Err(Error::BadSignature) } else { Ok(note) }
    }

    fn line(&mut self, line: SignatureLine, known: &[VerifierKey]) -> Result<(), Error> {
        match known.iter().find(|key| key.name == line.name && key.hash == line.hash) {
            None => self.unknown.push(line),
            // A second line by the same key adds nothing.
            Some(key) if self.verified.contains(key) => {}
            Some(key) if key.verifies(&self.text, &line.signature) => self.verified.push(key.clone()),
            Some(_) => return Err(Error::BadSignature),
        }
        Ok(())
    }

    /// The signed text, line feed at the end included.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Keys whose signatures were verified. Not empty.
    pub fn verified(&self) -> &[VerifierKey] {
        &self.verified
    }

    /// Lines by keys the reader does not know, cosignatures of foreign witnesses among them.
    pub fn unknown(&self) -> &[SignatureLine] {
        &self.unknown
    }
}

fn check_text(text: &str) -> Result<(), Error> {
    if !text.ends_with('\n') {
        return Err(malformed("the text ends with a line feed"));
    }
    if text.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
        return Err(malformed("control characters"));
    }
    Ok(())
}

fn signature_line(line: &str) -> Result<SignatureLine, Error> {
    let bad = || malformed("a signature line is an em dash, a name and base64");
    let (name, encoded) = line.strip_prefix(LINE).and_then(|rest| rest.split_once(' ')).ok_or_else(bad)?;
    let bytes = STANDARD.decode(encoded).map_err(|_| bad())?;
    let (hash, signature) = bytes.split_first_chunk::<4>().ok_or_else(bad)?;
    if name.is_empty() || name.contains('+') || name.contains(char::is_whitespace) || signature.is_empty() {
        return Err(bad());
    }
    Ok(SignatureLine { name: name.to_owned(), hash: *hash, signature: signature.to_vec() })
}

/// The body of a log's checkpoint (C2SP `tlog-checkpoint`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// How many leaves.
    pub size: u64,
    /// Merkle tree head, RFC 6962 §2.1.
    pub root: [u8; 32],
    /// Further lines, none empty.
    pub extensions: Vec<String>,
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl FromStr for Checkpoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Checkpoint, Error> {
        let bad = |why| Error::Malformed { what: "checkpoint", why };
        let mut lines = text.strip_suffix('\n').ok_or(bad("ends with a line feed"))?.split('\n');
        let origin =
            lines.next().filter(|line| !line.is_empty()).ok_or(bad("the origin is missing"))?.to_owned();
        let number = lines.next().unwrap_or_default();
        let plain = number.bytes().all(|b| b.is_ascii_digit()) && (number == "0" || !number.starts_with('0'));
        let size = number.parse().ok().filter(|_| plain).ok_or(bad("the size is a plain number"))?;
        let root =
            STANDARD.decode(lines.next().unwrap_or_default()).ok().and_then(|root| root.try_into().ok());
        let root = root.ok_or(bad("the root is 32 bytes in base64"))?;
        let extensions: Vec<String> = lines.map(str::to_owned).collect();
        if extensions.iter().any(String::is_empty) {
            return Err(bad("an extension line is empty"));
        }
        Ok(Checkpoint { origin, size, root, extensions })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the documentation of golang.org/x/mod/sumdb/note.
    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn open(note: &str, keys: &[&str]) -> Result<Note, Error> {
        let keys: Vec<VerifierKey> = keys.iter().map(|key| key.parse().unwrap()).collect();
        Note::open(note.as_bytes(), &keys, &Limits::default())
    }

    #[test]
    fn the_go_example_opens() {
        let note = open(NOTE, &[KEY]).unwrap();
        assert!(note.text().starts_with("If you think") && note.text().ends_with("problem is.\n"));
        assert_eq!(note.verified()[0].to_string(), KEY);
    }

    #[test]
    fn the_go_example_signs_the_same() {
        // PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz
        let seed = STANDARD.decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz").unwrap();
        let key = Key::ed25519_from_seed(seed[1..].try_into().unwrap()).unwrap();
        let signer = NoteSigner::new("PeterNeumann", &key).unwrap();
        assert_eq!(signer.verifier().to_string(), KEY);
        let (text, _) = NOTE.split_once("\n\n").unwrap();
        assert_eq!(Note::sign(&format!("{text}\n"), &[signer]).unwrap(), NOTE);
    }

    #[test]
    fn lines_by_unknown_keys_are_kept_and_prove_nothing() {
        let key = Key::ed25519_from_seed(&[7; 32]).unwrap();
        let witness = NoteSigner::new("witness.example.vn", &key).unwrap();
        let text = NOTE.split_once("\n\n").unwrap().0.to_owned() + "\n";
        let cosigned = Note::sign(&text, &[witness]).unwrap();
        let line = cosigned.rsplit_once("\n\n").unwrap().1;
        let both = format!("{NOTE}{line}");
        let note = open(&both, &[KEY]).unwrap();
        assert_eq!((note.verified().len(), note.unknown().len()), (1, 1));
        assert_eq!(note.unknown()[0].name, "witness.example.vn");
        assert_eq!(open(&cosigned, &[KEY]), Err(Error::BadSignature), "only a stranger signed");
    }

    #[test]
    fn one_key_under_two_names_is_two_keys() {
        let key: VerifierKey = KEY.parse().unwrap();
        let other = key.named("PeterNeumann/2026").unwrap();
        assert!(other.to_string().starts_with("PeterNeumann/2026+"));
        assert_ne!(other.hash(), key.hash());
        assert_eq!(other.named("PeterNeumann").unwrap(), key);
        assert!(key.named("a b").is_err());
        assert_eq!(open(NOTE, &[&other.to_string()]), Err(Error::BadSignature));
    }

    /// The example of C2SP tlog-cosignature: key id, time and signature of its line. Its keys are not published, so what is
    /// verified is a line made here in the form it describes.
    const COSIGNED: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        — witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

    #[test]
    fn the_example_of_tlog_cosignature_is_read() {
        let (text, lines) = COSIGNED.split_once("\n\n").unwrap();
        let body: Checkpoint = format!("{text}\n").parse().unwrap();
        assert_eq!((body.origin.as_str(), body.size), ("example.com/behind-the-sofa", 20_852_163));
        let line = signature_line(lines.lines().nth(1).unwrap()).unwrap();
        assert_eq!((line.name.as_str(), line.hash), ("witness.example.com/w1", [0x8d, 0x66, 0xcf, 0x3f]));
        assert_eq!(line.signature.len(), 8 + 64);
        assert_eq!(u64::from_be_bytes(line.signature[..8].try_into().unwrap()), 1_679_315_147);
    }

    #[test]
    fn a_witness_is_believed_for_its_own_line_over_this_text() {
        let log = Key::ed25519_from_seed(&[7; 32]).unwrap();
        let log = NoteSigner::new("example.com/log", &log).unwrap();
        let text = "example.com/log\n3\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        let note = Note::sign(text, std::slice::from_ref(&log)).unwrap();
        let witness = Key::ed25519_from_seed(&[8; 32]).unwrap();
        let raw: [u8; 32] = witness.public().key_bytes().try_into().unwrap();
        let hash = hash_as("witness.example/w1", COSIGNATURE, &raw);
        let typed = STANDARD.encode([&[COSIGNATURE], raw.as_slice()].concat());
        let key = format!("witness.example/w1+{:08x}+{typed}", u32::from_be_bytes(hash));
        let key: WitnessKey = key.parse().unwrap();
        let line = |time: u64, over: &str| {
            let message = format!("cosignature/v1\ntime {time}\n{over}");
            let signature = witness.sign(Scheme::Ed25519, message.as_bytes()).unwrap();
            let bytes = [hash.as_slice(), &time.to_be_bytes(), signature.as_bytes()].concat();
            format!("— witness.example/w1 {}\n", STANDARD.encode(bytes))
        };
        let seen = |lines: &str| {
            let cosigned = format!("{note}{lines}");
            let opened =
                Note::open(cosigned.as_bytes(), &[log.verifier().clone()], &Limits::default()).unwrap();
            key.cosigned_at(&opened)
        };
        assert_eq!(seen(&line(1_679_315_147, text)), Some(1_679_315_147));
        assert_eq!(seen(""), None);
        assert_eq!(seen(&line(5, &text.replace('3', "4"))), None, "over another tree");
        assert_eq!(seen(&line(u64::MAX, text)), None, "a time that is none");
        assert_eq!(seen(&line(5, text).replace("/w1", "/w2")), None, "another's name");
        assert_eq!(seen(&(line(5, "x\n") + &line(6, text))), Some(6), "a broken line spoils no other");
        for bad in [log.verifier().to_string(), key.name.clone(), "w+00000000+BAAA".to_owned()] {
            assert!(bad.parse::<WitnessKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_bent_note_does_not_open() {
        #[rustfmt::skip]
        let rows = [
            ("text changed",        NOTE.replace("answer", "Answer")),
            ("signature changed",   NOTE.replace("x08go/Z", "x08go/Y")),
            ("no signature",        "text\n".to_owned()),
            ("cut",                 NOTE.trim_end().to_owned()),
            ("control character",   NOTE.replace("think", "thi\tnk")),
            ("hyphen for dash",     NOTE.replace("— P", "- P")),
            ("known line broken",   format!("{NOTE}— PeterNeumann x08go/ZJ\n").replacen("x08go/ZJkuBS9", "x08go/ZJkuBS8", 1)),
        ];
        for (what, note) in rows {
            assert!(open(&note, &[KEY]).is_err(), "{what}");
        }
    }

    #[test]
    fn key_strings_state_their_hash() {
        for bad in [
            "PeterNeumann",
            "A b+c74f20a3+AR",
            "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        ] {
            assert!(bad.parse::<VerifierKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn checkpoints_there_and_back() {
        let text = "ubnd.example.vn/ledger\n42\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\nmore\n";
        assert_eq!(text.parse::<Checkpoint>().unwrap().to_string(), text);
        for bad in [
            "",
            "o\n1\n",
            "o\n01\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
            "o\n+1\nAA==\n",
            "\n1\nAA==\n",
        ] {
            assert!(bad.parse::<Checkpoint>().is_err(), "{bad:?}");
        }
    }
}
