//! Passwords: hashing, verifying, the rules they are held to, one-time ones (RULES A11, A16, M25).
//!
//! [`hash`] and [`verify`] each take tens of milliseconds and 19 MiB on purpose: run them where blocking is allowed, and not
//! more of them at once than there are processors.

use std::time::Duration;

use argon2::password_hash::phc::PasswordHash as Phc;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use mail::{Chance, Secret, Timestamp};

use crate::sasl::Verifier;
use crate::{Error, Result, Said, Sentence};

/// What a hash costs: memory in KiB, passes, lanes. OWASP Password Storage Cheat Sheet, Argon2id with 19 MiB; RFC 9106 §4 asks
/// for at least this order. Stored hashes carry their own costs, so this may be raised at any time.
pub const COSTS: (u32, u32, u32) = (19 * 1024, 2, 1);

/// A hash that no password has, with the same [`COSTS`]: an account that is not there takes as long to refuse as one that is.
const DECOY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$ZGVjb3kgZGVjb3kgZGVjbw$bm8gcGFzc3dvcmQgaGFzaGVzIHRvIHRoaXMgdGV4dCE";

/// Bytes of a password, at most: far beyond any passphrase, and little to hash.
pub const BYTES_MAX: usize = 1024;

/// How long a one-time password is good for (RULES M25).
pub const ONE_TIME_VALID: Duration = Duration::from_secs(72 * 3600);

/// A password's hash, and until when the password is good. Made by [`hash`] or read back; prints as `…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordHash {
    phc: Secret<String>,
    valid_until: Option<Timestamp>,
    /// For clients that prove the password without telling it; `None` of one read back, and of a password they could not prepare.
    scram: Option<Verifier>,
}

impl PasswordHash {
    /// As the store keeps it: Argon2id in PHC form, behind `until=<milliseconds>;` when the password is a one-time one.
    pub fn to_stored(&self) -> Secret<String> {
        let phc = self.phc.expose_secret();
        Secret::new(match self.valid_until {
            Some(until) => format!("until={};{phc}", until.millis()),
            None => phc.clone(),
        })
    }

    /// Reads what the store keeps. What it does not understand matches no password.
    pub fn from_stored(stored: &Secret<String>) -> Self {
        let text = stored.expose_secret().as_str();
        let one_time = text.strip_prefix("until=").and_then(|rest| rest.split_once(';'));
        match one_time.and_then(|(until, phc)| Some((until.parse().ok()?, phc))) {
            Some((until, phc)) => {
                Self { phc: phc.into(), valid_until: Some(Timestamp::from_millis(until)), scram: None }
            }
            None => Self { phc: text.into(), valid_until: None, scram: None },
        }
    }

    /// What SCRAM needs, as the store keeps it.
    pub fn scram_stored(&self) -> Option<Secret<String>> {
        self.scram.as_ref().map(Verifier::to_stored)
    }

    /// The same, good until a moment: for a one-time password (RULES M25).
    pub fn until(mut self, until: Timestamp) -> Self {
        self.valid_until = Some(until);
        self
    }

    /// Whether the password has run out.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.valid_until.is_some_and(|until| until <= now)
    }

    /// Whether it is a one-time password's.
    pub fn is_one_time(&self) -> bool {
        self.valid_until.is_some()
    }

    /// What a sign-in without an account is checked against.
    pub(crate) fn decoy() -> Self {
        Self { phc: DECOY.into(), valid_until: None, scram: None }
    }
}

/// A password in the one form that is hashed: RFC 8265 §4.2 (OpaqueString): NFC, every blank a plain one. A Vietnamese
/// passphrase typed on a machine that decomposes is the same passphrase.
fn prepared(password: &Secret<String>) -> Option<Secret<String>> {
    let text = password.expose_secret();
    if text.is_empty() || text.len() > BYTES_MAX || text.chars().any(char::is_control) {
        return None;
    }
    let blanks =
        Secret::new(text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect::<String>());
    Some(Secret::new(mail::text::nfc(blanks.expose_secret())))
}

fn hasher() -> Result<Argon2<'static>> {
    let (memory, passes, lanes) = COSTS;
    let params = Params::new(memory, passes, lanes, None).map_err(|e| Error::Hashing(e.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Hashes a password. Slow.
///
/// # Errors
/// [`Error::Password`] when it is empty, too long or holds a control character.
pub fn hash(password: &Secret<String>, chance: &dyn Chance) -> Result<PasswordHash> {
    let mut salt = [0u8; 16];
    chance.fill(&mut salt);
    hash_salted(password, salt)
}

pub(crate) fn hash_salted(password: &Secret<String>, salt: [u8; 16]) -> Result<PasswordHash> {
    let prepared = prepared(password).ok_or_else(|| Error::Password(vec![PasswordFault::Unusable]))?;
    let phc = hasher()?
        .hash_password_with_salt(prepared.expose_secret().as_bytes(), &salt)
        .map_err(|e| Error::Hashing(e.to_string()))?;
    let scram = Verifier::of(password, &salt);
    Ok(PasswordHash { phc: Secret::new(phc.to_string()), valid_until: None, scram })
}

/// Whether a password is the one that was hashed. Slow, whatever the answer.
pub fn verify(password: &Secret<String>, hash: &PasswordHash) -> bool {
    let (usable, prepared) = match prepared(password) {
        Some(prepared) => (true, prepared),
        None => (false, Secret::from("-")),
    };
    let (readable, phc) = match (Phc::new(hash.phc.expose_secret()), Phc::new(DECOY)) {
        (Ok(phc), _) => (true, phc),
        (Err(_), Ok(decoy)) => (false, decoy),
        _ => return false,
    };
    let Ok(hasher) = hasher() else { return false };
    let same = hasher.verify_password(prepared.expose_secret().as_bytes(), &phc).is_ok();
    same & usable & readable
}

/// What passwords are held to (RULES A16).
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Characters where a second factor is asked for too.
    pub chars_min_with_second_factor: usize,
    /// Characters where it is not.
    pub chars_min: usize,
    /// Of the four classes (lower case, upper case, digits, others) that many, where no second factor is asked for.
    pub classes_min: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self { chars_min_with_second_factor: 8, chars_min: 14, classes_min: 4 }
    }
}

/// What is wrong with a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordFault {
    /// Empty, longer than [`BYTES_MAX`], or with a control character.
    Unusable,
    /// Too short.
    TooShort {
        /// The fewest characters.
        chars_min: usize,
    },
    /// Too few classes of characters.
    TooPlain {
        /// The fewest classes.
        classes_min: usize,
    },
    /// The same few characters again and again.
    Repetitive,
    /// Little more than the holder's name, address or agency.
    Personal,
    /// The old one again, or the one that was handed out.
    Unchanged,
}

impl Policy {
    /// Judges a new password. `personal` are texts that everybody knows of its holder: name, address, agency.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once.
    pub fn judge(
        &self,
        password: &Secret<String>,
        personal: &[&str],
        second_factor: bool,
    ) -> std::result::Result<(), Vec<PasswordFault>> {
        let Some(prepared) = prepared(password) else { return Err(vec![PasswordFault::Unusable]) };
        let text = prepared.expose_secret();
        let chars = text.chars().count();
        let chars_min = if second_factor { self.chars_min_with_second_factor } else { self.chars_min };
        let mut faults = Vec::new();
        if chars < chars_min {
            faults.push(PasswordFault::TooShort { chars_min });
        }
        if !second_factor && classes(text) < self.classes_min {
            faults.push(PasswordFault::TooPlain { classes_min: self.classes_min });
        }
        let mut different: Vec<char> = text.chars().collect();
        different.sort_unstable();
        different.dedup();
        if different.len() < 5 {
            faults.push(PasswordFault::Repetitive);
        }
        if is_personal(text, personal) {
            faults.push(PasswordFault::Personal);
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}

/// Takes a new password in place of an old one: judges it, sees that it is another one (RULES A16, M25), hashes it. Slow,
/// twice. The caller has seen to it that the holder knows the old one, and keeps the result with
/// [`set_password`](crate::accounts::set_password).
///
/// # Errors
/// [`Error::Password`] with everything that is wrong with it.
pub fn change(
    policy: &Policy,
    old: Option<&Secret<String>>,
    new: &Secret<String>,
    personal: &[&str],
    second_factor: bool,
    chance: &dyn Chance,
) -> Result<PasswordHash> {
    policy.judge(new, personal, second_factor).map_err(Error::Password)?;
    if old.is_some_and(|old| verify(new, &PasswordHash::from_stored(old))) {
        return Err(Error::Password(vec![PasswordFault::Unchanged]));
    }
    hash(new, chance)
}

fn classes(text: &str) -> usize {
    let has = |class: fn(char) -> bool| usize::from(text.chars().any(class));
    has(char::is_lowercase)
        + has(char::is_uppercase)
        + has(|c| c.is_numeric())
        + has(|c| !c.is_lowercase() && !c.is_uppercase() && !c.is_numeric())
}

/// Whether fewer than six letters or digits are left when what everybody knows is taken out.
fn is_personal(password: &str, personal: &[&str]) -> bool {
    let plain =
        |text: &str| mail::text::fold(text).chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let mut rest = plain(password);
    let known = personal.iter().flat_map(|text| text.split(['@', '.', ' ', '-']).chain([*text])).map(plain);
    let mut known: Vec<String> = known.filter(|word| word.len() >= 3).collect();
    known.sort_by_key(|word| std::cmp::Reverse(word.len()));
    let found = known.into_iter().fold(false, |found, word| {
        let less = rest.replace(&word, "");
        let hit = less.len() < rest.len();
        rest = less;
        found | hit
    });
    found && rest.chars().count() < 6
}

/// Draws a one-time password to hand out, such as `Kwmt-ubqf-rzan-4827`: some 66 bits, all four classes, no letters that look
/// alike on paper.
pub fn one_time(chance: &dyn Chance) -> Secret<String> {
    const LETTERS: &[u8; 23] = b"abcdefghjkmnpqrstuvwxyz";
    const DIGITS: &[u8; 8] = b"23456789";
    let mut text = String::with_capacity(19);
    for place in 0..16 {
        let mut drawn = [0u8; 8];
        chance.fill(&mut drawn);
        // The remainder of 64 bits leans to no letter by more than 2⁻⁵⁹.
        let drawn = u64::from_be_bytes(drawn);
        let of = |set: &[u8]| set.get((drawn % set.len() as u64) as usize).copied().unwrap_or(b'x');
        let letter = if place < 12 { of(LETTERS) } else { of(DIGITS) };
        if place > 0 && place % 4 == 0 {
            text.push('-');
        }
        text.push(char::from(if place == 0 { letter.to_ascii_uppercase() } else { letter }));
    }
    Secret::new(text)
}

impl Said for PasswordFault {
    fn said(&self) -> Sentence {
        match self {
            Self::Unusable => Sentence::new(
                "password_unusable",
                "Mật khẩu trống, quá dài hoặc có ký tự điều khiển.",
                "The password is empty, too long or holds a control character.",
            ),
            Self::TooShort { chars_min } => Sentence::new(
                "password_too_short",
                format!("Mật khẩu phải có ít nhất {chars_min} ký tự."),
                format!("The password needs at least {chars_min} characters."),
            ),
            Self::TooPlain { classes_min } => Sentence::new(
                "password_too_plain",
                format!(
                    "Mật khẩu phải có ít nhất {classes_min} trong 4 loại: chữ thường, chữ hoa, chữ số, ký tự khác."
                ),
                format!(
                    "The password needs at least {classes_min} of: lower case, upper case, digits, other characters."
                ),
            ),
            Self::Repetitive => Sentence::new(
                "password_repetitive",
                "Mật khẩu lặp lại quá ít ký tự.",
                "The password repeats too few characters.",
            ),
            Self::Personal => Sentence::new(
                "password_personal",
                "Mật khẩu gần như chỉ gồm tên, địa chỉ hoặc cơ quan của bạn.",
                "The password is little more than your name, address or agency.",
            ),
            Self::Unchanged => Sentence::new(
                "password_unchanged",
                "Mật khẩu mới phải khác mật khẩu cũ.",
                "The new password must differ from the old one.",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);
    impl Chance for Fixed {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0);
        }
    }

    #[test]
    fn a11_a_hash_is_argon2id_at_the_documented_costs_and_knows_its_password() {
        let password = Secret::from("Trời xanh 9 tầng mây!");
        let hashed = hash(&password, &Fixed(3)).unwrap();
        let stored = hashed.to_stored();
        assert!(stored.expose_secret().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(DECOY.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && Phc::new(DECOY).is_ok());
        let back = PasswordHash::from_stored(&stored);
        assert_eq!(back, PasswordHash { scram: None, ..hashed.clone() });
        assert!(hashed.scram_stored().is_some());
        assert!(verify(&password, &back));
        assert!(!verify(&Secret::from("Trời xanh 9 tầng mây"), &back));
        assert!(!verify(&Secret::from(""), &back));
        assert!(!verify(&password, &PasswordHash::decoy()));
        assert!(!verify(&password, &PasswordHash::from_stored(&Secret::from("not a hash"))));
        // Composed and decomposed, plain and hard blanks: one passphrase (RFC 8265).
        let decomposed = Secret::from("Tro\u{31b}\u{300}i xanh\u{a0}9 ta\u{302}\u{300}ng ma\u{302}y!");
        assert!(verify(&decomposed, &back));
        assert_eq!(format!("{back:?}"), "PasswordHash { phc: …, valid_until: None, scram: None }");
    }

    #[test]
    fn m25_a_one_time_password_runs_out_after_72_hours() {
        let now = Timestamp::from_secs(1_795_309_200);
        let hashed = PasswordHash::decoy().until(now.plus(ONE_TIME_VALID));
        let back = PasswordHash::from_stored(&hashed.to_stored());
        assert!(back.is_one_time());
        assert!(!back.is_expired(now.plus(Duration::from_secs(72 * 3600 - 1))));
        assert!(back.is_expired(now.plus(Duration::from_secs(72 * 3600))));
        assert!(!PasswordHash::decoy().is_one_time());
    }

    #[test]
    fn m25_one_time_passwords_satisfy_the_policy() {
        for seed in 0..=255 {
            let drawn = one_time(&Fixed(seed));
            assert_eq!(drawn.expose_secret().len(), 19);
            assert_eq!(classes(drawn.expose_secret()), 4, "{seed}");
        }
        struct Counting(std::sync::atomic::AtomicU64);
        impl Chance for Counting {
            fn fill(&self, out: &mut [u8]) {
                let n = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, std::sync::atomic::Ordering::Relaxed);
                for (out, n) in out.iter_mut().zip(n.to_be_bytes()) {
                    *out = n;
                }
            }
        }
        assert_eq!(
            Policy::default().judge(&one_time(&Counting(7.into())), &["Nguyễn Văn An"], false),
            Ok(())
        );
    }

    #[test]
    fn a16_m25_the_new_password_is_another_one() {
        let policy = Policy::default();
        let new = Secret::from("Con-Cò-bay-lả-12");
        let change = |old: Option<&Secret<String>>, new: &Secret<String>| {
            change(&policy, old, new, &[], false, &Fixed(1)).map_err(|error| error.said().code)
        };
        let kept = change(None, &new).unwrap();
        assert!(verify(&new, &kept));
        let once = kept.until(Timestamp::from_secs(1)).to_stored();
        assert_eq!(change(Some(&once), &new), Err("password_unchanged"));
        assert!(change(Some(&once), &Secret::from("Con-Cò-bay-la-12")).is_ok());
        assert_eq!(change(Some(&once), &Secret::from("ngan")), Err("password_too_short"));
    }

    #[test]
    #[rustfmt::skip]
    fn a16_what_passwords_are_held_to() {
        use PasswordFault::*;
        let personal = ["Nguyễn Văn An", "annv@bentre.gov.vn"];
        let long = "aB1-".repeat(300);
        let rows: [(&str, bool, &[PasswordFault]); 9] = [
            ("Con-Cò-bay-lả-12",  false, &[]),
            ("con cò bay lả bay", false, &[TooPlain { classes_min: 4 }]),
            ("Con-Cò-12",         false, &[TooShort { chars_min: 14 }]),
            ("con cò 1",          true,  &[]),
            ("con cò1",           true,  &[TooShort { chars_min: 8 }]),
            ("Aa1-Aa1-Aa1-Aa1-",  false, &[Repetitive]),
            ("Nguyen-Van-An-2026", false, &[Personal]),
            ("",                  false, &[Unusable]),
            (&long,               false, &[Unusable]),
        ];
        for (password, second_factor, expected) in rows {
            let found = Policy::default().judge(&Secret::from(password), &personal, second_factor);
            assert_eq!(found.err().unwrap_or_default(), expected, "{password}");
        }
    }
}
