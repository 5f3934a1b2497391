//! Proofs that stand alone (C2SP `tlog-proof`): a leaf's place, the hashes from it to the root, and the checkpoint that signs
//! the root, in lines of text.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use store::ledger::merkle::Hash;

/// The first line.
const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// Hashes of an inclusion proof: a log has less than 2^64 leaves.
pub(super) const HASHES_MAX: usize = 64;
/// Bytes of a proof. Ours: the hashes are 3 KB at most, a checkpoint with sixty cosignatures 12 KB.
const BYTES_MAX: usize = 64 * 1024;

/// A proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// What somebody wrote along; nobody has signed it.
    pub extra: Option<Vec<u8>>,
    /// The leaf's place, from 0.
    pub index: u64,
    /// The inclusion proof, leaf's sibling first (RFC 6962 §2.1.1).
    pub hashes: Vec<Hash>,
    /// The signed checkpoint, cosignatures included.
    pub checkpoint: String,
}

impl TlogProof {
    /// Reads a proof; `None` for what is none.
    pub fn read(text: &str) -> Option<Self> {
        if text.len() > BYTES_MAX {
            return None;
        }
        let (proof, checkpoint) = text.split_once("\n\n")?;
        let mut lines = proof.split('\n');
        lines.next().filter(|line| *line == HEADER)?;
        let mut line = lines.next()?;
        let mut extra = None;
        if let Some(encoded) = line.strip_prefix("extra ") {
            extra = Some(STANDARD.decode(encoded).ok()?);
            line = lines.next()?;
        }
        let index = plain_number(line.strip_prefix("index ")?)?;
        let mut hashes = Vec::new();
        for line in lines {
            if hashes.len() == HASHES_MAX {
                return None;
            }
            hashes.push(STANDARD.decode(line).ok()?.try_into().ok()?);
        }
        // Whatever follows is the checkpoint's own to judge, but there has to be one.
        let is_there = checkpoint.ends_with('\n') && !checkpoint.starts_with('\n');
        is_there.then(|| Self { extra, index, hashes, checkpoint: checkpoint.to_owned() })
    }
}

/// A decimal number without leading zeroes or a sign.
pub(super) fn plain_number(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain)
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{}", STANDARD.encode(hash)))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of C2SP tlog-proof. Its `extra` is no base64 there (the example was cut by hand) and its signatures are
    /// abridged, so a valid `extra` stands in and the checkpoint is only carried.
    const EXAMPLE: &str = "c2sp.org/tlog-proof@v1\n\
        extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6\n\
        index 73894\n\
        gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n\
        B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=\n\
        EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=\n\
        RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=\n\
        AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=\n\
        \n\
        example.com/fancylog\n\
        109482\n\
        sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=\n\
        \n\
        — example.com/fancylog hI2DJw[...]1roloI=\n\
        — witness1.example mJirIklj[...]qY9v2B/5bg==\n";

    #[test]
    fn the_example_of_c2sp_tlog_proof() {
        let proof = TlogProof::read(EXAMPLE).unwrap();
        assert_eq!(proof.extra.as_deref(), Some(b"age-v1.2.1-darwin-arm64.tar.gz".as_slice()));
        assert_eq!((proof.index, proof.hashes.len()), (73_894, 5));
        assert_eq!(STANDARD.encode(proof.hashes[4]), "AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=");
        assert!(proof.checkpoint.starts_with("example.com/fancylog\n109482\n"));
        assert!(proof.checkpoint.ends_with("qY9v2B/5bg==\n"));
        assert_eq!(proof.to_string(), EXAMPLE);
        let plain = TlogProof { extra: None, hashes: Vec::new(), index: 0, ..proof };
        assert!(plain.to_string().starts_with("c2sp.org/tlog-proof@v1\nindex 0\n\nexample.com"));
        assert_eq!(TlogProof::read(&plain.to_string()), Some(plain));
    }

    #[test]
    #[rustfmt::skip]
    fn what_is_no_proof() {
        let hash = "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n";
        let rows = [
            ("another version",    EXAMPLE.replace("@v1", "@v2")),
            ("no index",           EXAMPLE.replace("index 73894\n", "")),
            ("leading zero",       EXAMPLE.replace("index 7", "index 07")),
            ("a sign",             EXAMPLE.replace("index 7", "index +7")),
            ("too large",          EXAMPLE.replace("index 7", "index 777777777777777777777")),
            ("extra is no base64", EXAMPLE.replace("extra YWdl", "extra !Wdl")),
            ("extra twice",        EXAMPLE.replace("index", "extra YWdl\nindex")),
            ("extra too late",     EXAMPLE.replacen(hash, &format!("extra YWdl\n{hash}"), 1)),
            ("a short hash",       EXAMPLE.replace(hash, "gSKy\n")),
            ("other padding",      EXAMPLE.replace("cdPlQ=", "cdPlQ")),
            ("spare bits",         EXAMPLE.replace("cdPlQ=", "cdPlR=")),
            ("too many hashes",    EXAMPLE.replace(hash, &hash.repeat(61))),
            ("carriage returns",   EXAMPLE.replace('\n', "\r\n")),
            ("no checkpoint",      EXAMPLE.split_once("\n\n").unwrap().0.to_owned() + "\n\n"),
            ("cut",                EXAMPLE.trim_end().to_owned()),
            ("two empty lines",    EXAMPLE.replacen("\n\n", "\n\n\n", 1)),
            ("too long",           EXAMPLE.to_owned() + &"x".repeat(BYTES_MAX) + "\n"),
            ("nothing",            String::new()),
        ];
        for (what, text) in rows {
            assert_eq!(TlogProof::read(&text), None, "{what}");
        }
    }
}
