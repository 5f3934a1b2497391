//! SCRAM-SHA-256 (RFC 5802, RFC 7677): the client proves that it knows the password, we prove that we know its verifier, and neither
//! tells the other anything it could use elsewhere.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail::{EmailAddress, Secret};
use ring::{digest, hmac, pbkdf2};
use store::Account;

use super::{Channel, Failure, Means};
use crate::sign_in::{Attempt, Refusal, SignedIn};

/// How often the password is hashed. RFC 7677 §4 asks for 4,096 at least and more where machines allow: the client does this work, and a
/// phone needs a tenth of a second for it. Stored verifiers carry their own count.
pub(super) const ITERATIONS: NonZeroU32 = NonZeroU32::new(50_000).unwrap();

/// Octets of a salt.
const SALT: usize = 16;
/// Octets of a client's nonce, at most; RFC 5802 leaves it open, clients use 18 to 32.
const NONCE_MAX: usize = 256;

type Hash = [u8; digest::SHA256_OUTPUT_LEN];

/// What is kept to check a proof against: it lets nobody in by itself, though a password can be guessed from it offline, as from any hash.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    iterations: NonZeroU32,
    salt: Vec<u8>,
    stored_key: Secret<Hash>,
    server_key: Secret<Hash>,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verifier(…)")
    }
}

/// The text is no verifier of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a SCRAM verifier")]
pub struct BadVerifier;

impl Verifier {
    /// The verifier of a password (RFC 5802 §3). `None` when the password cannot be prepared (RFC 4013): such a client would not know
    /// either how to prove it.
    pub fn of(password: &Secret<String>, salt: &[u8; SALT]) -> Option<Self> {
        Self::derived(password, salt, ITERATIONS)
    }

    fn derived(password: &Secret<String>, salt: &[u8], iterations: NonZeroU32) -> Option<Self> {
        let prepared = Secret::new(stringprep::saslprep(password.expose_secret()).ok()?.into_owned());
        let mut salted: Hash = [0; digest::SHA256_OUTPUT_LEN];
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            iterations,
            salt,
            prepared.expose_secret().as_bytes(),
            &mut salted,
        );
        let salted = Secret::new(salted);
        let client_key = Secret::new(mac(salted.expose_secret(), b"Client Key"));
        Some(Self {
            iterations,
            salt: salt.to_vec(),
            stored_key: Secret::new(sha256(client_key.expose_secret())),
            server_key: Secret::new(mac(salted.expose_secret(), b"Server Key")),
        })
    }

    /// As the store keeps it: `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`.
    pub fn to_stored(&self) -> Secret<String> {
        Secret::new(format!(
            "SCRAM-SHA-256${}:{}${}:{}",
            self.iterations,
            STANDARD.encode(&self.salt),
            STANDARD.encode(self.stored_key.expose_secret()),
            STANDARD.encode(self.server_key.expose_secret()),
        ))
    }

    /// Reads what the store keeps.
    ///
    /// # Errors
    /// [`BadVerifier`].
    pub fn from_stored(stored: &Secret<String>) -> Result<Self, BadVerifier> {
        let parts = || {
            let rest = stored.expose_secret().strip_prefix("SCRAM-SHA-256$")?;
            let (costs, keys) = rest.split_once('$')?;
            let ((iterations, salt), (stored, server)) = (costs.split_once(':')?, keys.split_once(':')?);
            let key = |text: &str| Some(Secret::new(Hash::try_from(STANDARD.decode(text).ok()?).ok()?));
            Some(Self {
                iterations: iterations.parse().ok()?,
                salt: STANDARD.decode(salt).ok()?,
                stored_key: key(stored)?,
                server_key: key(server)?,
            })
        };
        parts().ok_or(BadVerifier)
    }

    /// One that nobody can prove against and that stays the same for an address: whether an account is there shows to nobody
    /// (RFC 5802 §5.1).
    fn decoy(means: &Means<'_>, address: &EmailAddress) -> Self {
        let drawn = means.door.decoy(address);
        let salt = drawn.get(..SALT).unwrap_or_default().to_vec();
        let mut nobody = [0u8; 32];
        means.chance.fill(&mut nobody);
        let key = || Secret::new(nobody);
        Self { iterations: ITERATIONS, salt, stored_key: key(), server_key: key() }
    }
}

/// The client's first message (RFC 5802 §7), read.
#[derive(Debug)]
pub(super) struct First {
    address: Option<EmailAddress>,
    nonce: String,
    /// What `c=` has to say in the end: the header and the binding.
    binding: Vec<u8>,
    /// The message without its header.
    bare: String,
}

impl First {
    /// Reads it; `None` when it is none, or binds to something else than this connection.
    pub(super) fn read(message: Option<&Secret<String>>, channel: &Channel, is_plus: bool) -> Option<Self> {
        let message = message?.expose_secret();
        let mut parts = message.splitn(3, ',');
        let (flag, authzid, bare) = (parts.next()?, parts.next()?, parts.next()?);
        let bound: &[u8] = match (flag, is_plus) {
            ("n", false) => &[],
            // "The server does not offer it, I think": it does, so somebody in between has taken it out (RFC 5802 §6).
            ("y", false) if channel.exporter.is_none() && channel.end_point.is_none() => &[],
            ("p=tls-exporter", true) => channel.exporter.as_ref()?,
            ("p=tls-server-end-point", true) => channel.end_point.as_ref()?,
            _ => return None,
        };
        let binding = [flag.as_bytes(), b",", authzid.as_bytes(), b",", bound].concat();
        let mut fields = bare.split(',');
        let name = unescaped(fields.next()?.strip_prefix("n=")?)?;
        let nonce = fields.next()?.strip_prefix("r=")?;
        let nonce_is_good =
            (1..=NONCE_MAX).contains(&nonce.len()) && nonce.bytes().all(|b| b.is_ascii_graphic());
        // A mandatory extension that we do not know (`m=`) would stand before the name, and has failed there.
        let acting_for = match authzid {
            "" => None,
            text => Some(unescaped(text.strip_prefix("a=")?)?),
        };
        if !nonce_is_good || acting_for.is_some_and(|other| !other.eq_ignore_ascii_case(&name)) {
            return None;
        }
        let name = stringprep::saslprep(&name).ok()?;
        Some(Self { address: name.parse().ok(), nonce: nonce.to_owned(), binding, bare: bare.to_owned() })
    }

    /// Our first message, and what the client's proof will be held against.
    pub(super) async fn challenge(
        self,
        means: &Means<'_>,
        channel: &Channel,
    ) -> Result<(Proof, Vec<u8>), Failure> {
        let address = self.address.ok_or(Refusal::Wrong)?;
        let mut drawn = [0u8; 18];
        means.chance.fill(&mut drawn);
        let nonce = format!("{}{}", self.nonce, STANDARD.encode(drawn));
        let attempt = means.door.attempt(&address, channel.source, nonce.as_bytes(), means.now)?;
        let found = means
            .store
            .read((address.clone(), means.now), |tx, (address, now)| {
                Box::pin(async move {
                    let account = tx.account_at(address, *now).await?;
                    let verifier = match &account {
                        Some(account) => tx.scram_verifier(account.account_id).await?,
                        None => None,
                    };
                    Ok::<_, store::Error>((account, verifier))
                })
            })
            .await
            .map_err(Refusal::Store)?;
        let (account, stored) = found;
        let verifier = stored.and_then(|stored| Verifier::from_stored(&stored).ok());
        // Without a verifier nobody gets in, and nobody learns why.
        let account = account.filter(|_| verifier.is_some());
        let verifier = verifier.unwrap_or_else(|| Verifier::decoy(means, &address));
        let ours = format!("r={nonce},s={},i={}", STANDARD.encode(&verifier.salt), verifier.iterations);
        let without_proof = format!("c={},r={nonce}", STANDARD.encode(&self.binding));
        let signed = format!("{},{ours},{without_proof}", self.bare);
        let proof = Proof { attempt, address, account, verifier, without_proof, signed };
        Ok((proof, ours.into_bytes()))
    }
}

/// What the client's last message is held against.
pub(super) struct Proof {
    attempt: Attempt,
    address: EmailAddress,
    account: Option<Account>,
    verifier: Verifier,
    /// What stands before the proof, to the letter: channel binding and nonce are checked by being the same.
    without_proof: String,
    /// AuthMessage (RFC 5802 §3).
    signed: String,
}

impl Proof {
    /// Checks it; who gets in, and our own proof for the client.
    pub(super) fn check(
        self,
        means: &Means<'_>,
        message: &Secret<String>,
    ) -> Result<(SignedIn, Vec<u8>), Failure> {
        let (before, proof) = message.expose_secret().rsplit_once(",p=").ok_or(Failure::NotUnderstood)?;
        let proof = STANDARD.decode(proof).ok().and_then(|proof| Hash::try_from(proof).ok());
        let mut client_key = proof.ok_or(Failure::NotUnderstood)?;
        let verifier = &self.verifier;
        let signature = mac(verifier.stored_key.expose_secret(), self.signed.as_bytes());
        client_key.iter_mut().zip(signature).for_each(|(byte, mask)| *byte ^= mask);
        let is_proven =
            Secret::new(sha256(&client_key)) == verifier.stored_key && before == self.without_proof;
        let ours = mac(verifier.server_key.expose_secret(), self.signed.as_bytes());
        let account = self.account.filter(|_| is_proven);
        let signed_in = means.door.proven(&self.attempt, account, self.address, means.now)?;
        Ok((signed_in, format!("v={}", STANDARD.encode(ours)).into_bytes()))
    }
}

/// `=2C` and `=3D` (RFC 5802 §5.1).
pub(super) fn unescaped(name: &str) -> Option<String> {
    let mut parts = name.split('=');
    let mut text = parts.next()?.to_owned();
    for part in parts {
        let (mark, rest) = part.split_at_checked(2)?;
        text.push(match mark {
            "2C" => ',',
            "3D" => '=',
            _ => return None,
        });
        text.push_str(rest);
    }
    (!text.is_empty()).then_some(text)
}

fn mac(key: &[u8], message: &[u8]) -> Hash {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
    let mut out = [0; digest::SHA256_OUTPUT_LEN];
    out.iter_mut().zip(tag.as_ref()).for_each(|(out, byte)| *out = *byte);
    out
}

fn sha256(bytes: &[u8]) -> Hash {
    let mut out = [0; digest::SHA256_OUTPUT_LEN];
    out.iter_mut().zip(digest::digest(&digest::SHA256, bytes).as_ref()).for_each(|(out, byte)| *out = *byte);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel() -> Channel {
        Channel {
            source: [192, 0, 2, 1].into(),
            exporter: Some([7; 32]),
            end_point: Some(vec![9; 32]),
            holder: None,
        }
    }

    /// RFC 7677 §3: user, pencil, and the very keys that lead to its messages.
    #[test]
    fn rfc_7677_section_3_the_example() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let verifier =
            Verifier::derived(&Secret::from("pencil"), &salt, NonZeroU32::new(4096).unwrap()).unwrap();
        let bare = "n=user,r=rOprNGfwEbeRWgbNEkqO";
        let ours = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let last = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let signed = format!("{bare},{ours},{last}");
        let mut key: Hash =
            STANDARD.decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=").unwrap().try_into().unwrap();
        let mask = mac(verifier.stored_key.expose_secret(), signed.as_bytes());
        key.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
        assert_eq!(Secret::new(sha256(&key)), verifier.stored_key);
        let proof = mac(verifier.server_key.expose_secret(), signed.as_bytes());
        assert_eq!(STANDARD.encode(proof), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn a_verifier_reads_what_it_writes_and_does_not_print() {
        let verifier = Verifier::of(&Secret::from("Con-Cò-bay-lả-12"), &[3; SALT]).unwrap();
        assert_eq!(Verifier::from_stored(&verifier.to_stored()), Ok(verifier.clone()));
        assert_eq!(format!("{verifier:?}"), "Verifier(…)");
        for bad in [
            "",
            "SCRAM-SHA-256$0:AA==$AA==:AA==",
            "SCRAM-SHA-256$5:AA==$AA==",
            "SCRAM-SHA-1$5:AA==$AA==:AA==",
        ] {
            assert_eq!(Verifier::from_stored(&Secret::from(bad)), Err(BadVerifier), "{bad}");
        }
    }

    #[test]
    #[rustfmt::skip]
    fn rfc_5802_section_7_first_messages() {
        let long = format!("n,,n=an@a.vn,r={}", "x".repeat(257));
        let rows = [
            ("n,,n=an@a.vn,r=abc",                             false, true),
            ("n,a=an@a.vn,n=an@a.vn,r=abc",                    false, true),
            ("n,a=binh@a.vn,n=an@a.vn,r=abc",                  false, false), // nobody acts for somebody else
            ("y,,n=an@a.vn,r=abc",                             false, false), // binding is offered: it was taken out
            ("p=tls-exporter,,n=an@a.vn,r=abc",                true,  true),
            ("p=tls-server-end-point,,n=an@a.vn,r=abc",        true,  true),
            ("p=tls-unique,,n=an@a.vn,r=abc",                  true,  false),
            ("p=tls-exporter,,n=an@a.vn,r=abc",                false, false),
            ("n,,n=an@a.vn,r=abc",                             true,  false),
            ("n,,m=x,n=an@a.vn,r=abc",                         false, false),
            ("n,,n=an=40a.vn,r=abc",                           false, false), // = must be =3D
            ("n,,n=,r=abc",                                    false, false),
            ("n,,n=an@a.vn,r=",                                false, false),
            ("n,,n=an@a.vn,r=a\tb",                            false, false),
            ("n,,n=an@a.vn",                                   false, false),
            (long.as_str(),                                    false, false),
            ("n,",                                             false, false),
            ("",                                               false, false),
        ];
        for (message, plus, good) in rows {
            assert_eq!(First::read(Some(&Secret::from(message)), &channel(), plus).is_some(), good, "{message:?}");
        }
        let bare = Channel { exporter: None, end_point: None, ..channel() };
        assert!(First::read(Some(&Secret::from("y,,n=an@a.vn,r=abc")), &bare, false).is_some());
    }

    #[test]
    fn names_are_unescaped() {
        let rows =
            [("a=2Cb", Some("a,b")), ("a=3Db", Some("a=b")), ("a=3db", None), ("a=", None), ("ế", Some("ế"))];
        for (name, expected) in rows {
            assert_eq!(unescaped(name).as_deref(), expected, "{name}");
        }
    }
}
