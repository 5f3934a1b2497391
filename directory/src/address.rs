//! Names of people and the addresses made of them (RULES M2, M3, M4, M23).

use mail::{Domain, EmailAddress, LocalPart};
use unicode_normalization::char::is_combining_mark;

use crate::words::{quoted, tidy};
use crate::{Said, Sentence};

/// How a person's address is made of a name (RULES M2; both occur).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PersonForm {
    /// Tên and the initials of surname and middle names: Nguyễn Văn An → `annv`.
    #[default]
    GivenAndInitials,
    /// The whole name as it is spoken: `nguyenvanan`.
    FullName,
}

/// What addresses of a domain look like (RULES M2: configurable per domain).
#[derive(Clone, Debug)]
pub struct AddressPolicy {
    /// How a person's address is made.
    pub person: PersonForm,
    /// Whether a person's address ends in the unit: `annv.stttt`.
    pub unit_suffix: bool,
    /// Whether addresses are held to RULES M2's grammar. Without it, whatever RFC 5321 lets stand unquoted in ASCII is
    /// taken (names from an older system).
    pub official_grammar: bool,
    /// The highest number put behind an address that is taken.
    pub number_max: u32,
}

impl Default for AddressPolicy {
    fn default() -> Self {
        Self { person: PersonForm::default(), unit_suffix: false, official_grammar: true, number_max: 9_999 }
    }
}

/// Never issued to a person: mail to them is for whoever runs the domain (RFC 2142, RFC 5321 §4.5.1), or they would pass
/// for the system itself.
const RESERVED: [&str; 16] = [
    "abuse",
    "admin",
    "administrator",
    "dmarc",
    "hostmaster",
    "info",
    "mailer-daemon",
    "no-reply",
    "noc",
    "noreply",
    "postmaster",
    "quantri",
    "root",
    "security",
    "support",
    "webmaster",
];

/// Characters of a person's name, at most. NĐ 30/2020's column for a name of a person is 50; names of some ethnic groups
/// with titles are longer.
pub const NAME_CHARS_MAX: usize = 100;

/// Characters of an office's name (chức vụ) or of a shared mailbox's, at most.
pub const TITLE_CHARS_MAX: usize = 200;

/// What is wrong with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameFault {
    /// Nothing there.
    Missing,
    /// Longer than it may be.
    TooLong {
        /// The most it may be, in characters.
        chars_max: usize,
    },
    /// A character that stands in no name.
    Character(char),
    /// Characters that come of reading a file in the wrong encoding (`Nguyá»…n`, `NguyÔn V¨n`).
    Encoding(String),
    /// Nothing of it can be written in the letters of an address.
    NoLetters(String),
    /// All addresses made of it are taken.
    AllTaken(String),
}

/// What is wrong with an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressFault {
    /// Not an address at all.
    Shape(String),
    /// Too long.
    TooLong,
    /// The local part is not of RULES M2's grammar.
    Grammar(String),
    /// Kept for whoever runs the domain.
    Reserved(String),
}

/// A person's name as it is kept and shown (RULES M4): NFC, single blanks.
///
/// # Errors
/// [`NameFault`], the caller's.
pub fn person_name(text: &str) -> Result<String, NameFault> {
    let name = tidy(mail::text::clip(text, 16 * NAME_CHARS_MAX));
    if name.is_empty() {
        return Err(NameFault::Missing);
    }
    if name.chars().count() > NAME_CHARS_MAX || text.len() > 16 * NAME_CHARS_MAX {
        return Err(NameFault::TooLong { chars_max: NAME_CHARS_MAX });
    }
    let stands = |c: char| {
        c.is_alphanumeric()
            || is_combining_mark(c)
            || matches!(c, ' ' | '\'' | '’' | '-' | '.' | ',' | '(' | ')')
    };
    if let Some(wrong) = name.chars().find(|c| !stands(*c)) {
        // Latin-1 symbols, typographic signs and U+FFFD are what old Vietnamese encodings turn into.
        let misread =
            matches!(wrong, '\u{80}'..='\u{FF}' | '\u{2010}'..='\u{20CF}' | '\u{2122}' | '\u{FFFD}');
        return Err(if misread { NameFault::Encoding(quoted(&name)) } else { NameFault::Character(wrong) });
    }
    match name.chars().next().filter(|c| c.is_alphabetic()) {
        Some(_) => Ok(name),
        None => Err(NameFault::NoLetters(quoted(&name))),
    }
}

/// An office's name, or a shared mailbox's: NFC, single blanks, anything printable; may be empty.
///
/// # Errors
/// [`NameFault`], the caller's.
pub fn title(text: &str) -> Result<String, NameFault> {
    let title = tidy(mail::text::clip(text, 16 * TITLE_CHARS_MAX));
    if title.chars().count() > TITLE_CHARS_MAX || text.len() > 16 * TITLE_CHARS_MAX {
        return Err(NameFault::TooLong { chars_max: TITLE_CHARS_MAX });
    }
    match title.chars().find(|c| c.is_control() || *c == '\u{FFFD}') {
        Some('\u{FFFD}') => Err(NameFault::Encoding(quoted(&title))),
        Some(wrong) => Err(NameFault::Character(wrong)),
        None => Ok(title),
    }
}

/// Letters and digits of a word in the letters of an address (RULES M3).
fn plain(word: &str) -> String {
    mail::text::fold(word).chars().filter(char::is_ascii_alphanumeric).collect()
}

/// The address a person would have if nobody else had it: its local part before and after the number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Base {
    id: String,
    suffix: String,
}

impl Base {
    /// Makes it of a name, and of the unit's code where the policy wants that.
    ///
    /// # Errors
    /// [`NameFault`], the caller's.
    pub fn new(name: &str, unit: Option<&str>, policy: &AddressPolicy) -> Result<Self, NameFault> {
        let name = person_name(name)?;
        let words: Vec<String> = name.split([' ', ',']).map(plain).filter(|word| !word.is_empty()).collect();
        let (given, before) = words.split_last().ok_or_else(|| NameFault::NoLetters(quoted(&name)))?;
        let id = match policy.person {
            PersonForm::GivenAndInitials => {
                given.chars().chain(before.iter().filter_map(|word| word.chars().next())).collect()
            }
            PersonForm::FullName => words.concat(),
        };
        let suffix = match unit.filter(|_| policy.unit_suffix).map(plain) {
            Some(unit) if !unit.is_empty() => format!(".{unit}"),
            _ => String::new(),
        };
        let base = Self { id, suffix };
        // Every letter must have had a plain form, or the address would be another name's.
        let lost = name.chars().any(|c| c.is_alphanumeric() && plain(&c.to_string()).is_empty());
        match !lost && base.id.starts_with(|c: char| c.is_ascii_lowercase()) {
            false => Err(NameFault::NoLetters(quoted(&name))),
            // 64 octets of RFC 5321 §4.5.3.1.1, ten of them for a number.
            true if base.id.len() + base.suffix.len() > 54 => Err(NameFault::TooLong { chars_max: 54 }),
            true => Ok(base),
        }
    }

    /// The address with a number; 0 is without one (RULES M3: `hungnv`, `hungnv1`).
    pub fn numbered(&self, number: u32, domain: &Domain) -> Option<EmailAddress> {
        let local = match number {
            0 => format!("{}{}", self.id, self.suffix),
            n => format!("{}{n}{}", self.id, self.suffix),
        };
        if RESERVED.contains(&local.as_str()) {
            return None;
        }
        EmailAddress::new(local.parse().ok()?, domain.clone()).ok()
    }
}

/// The first address of a person that nobody has or ever had: `annv`, `annv1`, `annv2`… (RULES M2, M3).
///
/// `taken` says whether an address is in use or was ever (RULES M23: addresses of persons are never given again).
///
/// # Errors
/// [`NameFault`], the caller's.
pub fn address_for(
    full_name: &str,
    domain: &Domain,
    unit: Option<&str>,
    policy: &AddressPolicy,
    mut taken: impl FnMut(&EmailAddress) -> bool,
) -> Result<EmailAddress, NameFault> {
    let base = Base::new(full_name, unit, policy)?;
    (0..=policy.number_max)
        .filter_map(|number| base.numbered(number, domain))
        .find(|address| !taken(address))
        .ok_or_else(|| NameFault::AllTaken(quoted(full_name)))
}

/// Reads an address to be issued: ASCII, lower case (upper case is lowered), of RULES M2's grammar
/// `^[a-z][a-z0-9]*([.-][a-z0-9]+)*$` unless the policy is wider.
///
/// # Errors
/// [`AddressFault`], the caller's.
pub fn issued(text: &str, is_person: bool, policy: &AddressPolicy) -> Result<EmailAddress, AddressFault> {
    let address: EmailAddress = text.trim().parse().map_err(|fault| match fault {
        mail::BadAddress::TooLong => AddressFault::TooLong,
        _ => AddressFault::Shape(quoted(text.trim())),
    })?;
    let local = address.local().as_str().to_ascii_lowercase();
    let fits = match policy.official_grammar {
        true => is_official(&local),
        false => local.is_ascii() && !address.to_string().starts_with('"'),
    };
    if !fits {
        return Err(AddressFault::Grammar(quoted(&local)));
    }
    if is_person && RESERVED.contains(&local.as_str()) {
        return Err(AddressFault::Reserved(local));
    }
    let local: LocalPart = local.parse().map_err(|_| AddressFault::Shape(quoted(text)))?;
    EmailAddress::new(local, address.domain().clone()).map_err(|_| AddressFault::TooLong)
}

/// Whether an address is one that no person is given: it belongs to whoever runs the domain (RFC 2142).
pub fn is_reserved(address: &str) -> bool {
    let local = address.split('@').next().unwrap_or_default().trim().to_ascii_lowercase();
    RESERVED.contains(&local.as_str())
}

fn is_official(local: &str) -> bool {
    let groups = || local.split(['.', '-']);
    local.starts_with(|c: char| c.is_ascii_lowercase())
        && groups().all(|g| !g.is_empty() && g.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
}

impl Said for NameFault {
    fn said(&self) -> Sentence {
        match self {
            Self::Missing => Sentence::new("name_missing", "Chưa có họ và tên.", "The name is missing."),
            Self::TooLong { chars_max } => Sentence::new(
                "too_long",
                format!("Tên dài quá {chars_max} ký tự."),
                format!("The name is longer than {chars_max} characters."),
            ),
            Self::Character(c) => Sentence::new(
                "name_character",
                format!(
                    "Tên có ký tự “{}” (U+{:04X}) không dùng trong tên.",
                    quoted(&c.to_string()),
                    u32::from(*c)
                ),
                format!(
                    "The name holds “{}” (U+{:04X}), which stands in no name.",
                    quoted(&c.to_string()),
                    u32::from(*c)
                ),
            ),
            Self::Encoding(name) => Sentence::new(
                "name_encoding",
                format!(
                    "Tên “{name}” bị lỗi phông chữ: tệp đã được lưu bằng bảng mã cũ (TCVN3, VNI) hoặc mở sai bảng mã. Chuyển sang Unicode rồi lưu lại “CSV UTF-8”."
                ),
                format!(
                    "The name “{name}” is garbled: the file was kept in an old encoding (TCVN3, VNI) or read in a wrong one. Convert it to Unicode and save it as “CSV UTF-8”."
                ),
            ),
            Self::NoLetters(name) => Sentence::new(
                "name_no_letters",
                format!("Không tạo được địa chỉ từ tên “{name}”. Ghi sẵn địa chỉ ở cột địa chỉ."),
                format!("No address can be made of “{name}”. Give one in the address column."),
            ),
            Self::AllTaken(name) => Sentence::new(
                "address_all_taken",
                format!("Mọi địa chỉ đánh số cho tên “{name}” đều đã dùng. Ghi sẵn địa chỉ khác."),
                format!("Every numbered address for “{name}” is taken. Give another one."),
            ),
        }
    }
}

impl Said for AddressFault {
    fn said(&self) -> Sentence {
        match self {
            Self::Shape(text) => Sentence::new(
                "address_bad",
                format!("“{text}” không phải địa chỉ thư; địa chỉ có dạng ten@ten-mien."),
                format!("“{text}” is no mail address; one is like name@domain."),
            ),
            Self::TooLong => Sentence::new(
                "too_long",
                "Địa chỉ quá dài (tối đa 64 ký tự trước @, 254 tất cả).",
                "The address is too long (64 characters before the @, 254 in all).",
            ),
            Self::Grammar(local) => Sentence::new(
                "address_grammar",
                format!(
                    "Phần trước @ “{local}” chỉ gồm chữ thường không dấu và chữ số, bắt đầu bằng chữ, ngăn cách bằng dấu chấm hoặc gạch ngang."
                ),
                format!(
                    "The part before the @, “{local}”, may hold lower-case letters without marks and digits, begins with a letter, and is divided by dots or dashes only."
                ),
            ),
            Self::Reserved(local) => Sentence::new(
                "address_reserved",
                format!("“{local}” dành cho việc quản lý tên miền, không cấp cho cá nhân."),
                format!("“{local}” is kept for whoever runs the domain and is not issued to a person."),
            ),
        }
    }
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
