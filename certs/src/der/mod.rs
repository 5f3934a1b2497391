//! Reading and writing ASN.1 in its distinguished (DER) and basic (BER) encodings, ITU-T X.690.
//!
//! Signatures cover bytes, so whoever reads must be able to give the bytes back: every [`Element`] knows where it
//! stood in the input, header and all. Nothing is copied, nothing recurses, and nesting has a limit.
//!
//! Two sets of rules:
//!
//! * [`Rules::Der`]: one encoding per value (X.690 §10, §11). Certificates, CRLs, OCSP, timestamps.
//! * [`Rules::Ber`]: what real CMS producers send besides: indefinite lengths (§8.1.3.6), padded lengths,
//!   strings in pieces (§8.7.3.2), any non-zero TRUE, times without seconds or with an offset. It is tolerant about
//!   *form* only; an element that does not fit its parent is refused under both.

mod element;
mod oid;
mod reader;
mod time;
mod writer;

pub use element::Element;
pub use oid::Oid;
pub use reader::Reader;
pub use writer::Writer;

use std::fmt;

/// Which encodings are accepted; see the module's page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rules {
    /// Distinguished encoding only.
    Der,
    /// Basic encoding, bounded.
    Ber,
}

/// Levels of nesting a reader follows unless told otherwise. X.509 needs about 10, CMS with a timestamp inside an
/// unsigned attribute about 25 (each level of reading starts anew where a value is itself wrapped in a string).
pub const DEFAULT_DEPTH: u8 = 40;

/// Class of a tag, X.690 §8.1.2.2.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Class {
    /// Types of the standard itself.
    Universal,
    /// Rare; never in what we read.
    Application,
    /// The numbered fields of a structure: `[0]`, `[1]`, …
    Context,
    /// Rare; never in what we read.
    Private,
}

/// Class and number of an element. The "constructed" bit is kept apart, see [`Element::is_constructed`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Tag {
    class: Class,
    number: u32,
}

impl Tag {
    /// BOOLEAN
    pub const BOOLEAN: Tag = Tag::universal(1);
    /// INTEGER
    pub const INTEGER: Tag = Tag::universal(2);
    /// BIT STRING
    pub const BIT_STRING: Tag = Tag::universal(3);
    /// OCTET STRING
    pub const OCTET_STRING: Tag = Tag::universal(4);
    /// NULL
    pub const NULL: Tag = Tag::universal(5);
    /// OBJECT IDENTIFIER
    pub const OID: Tag = Tag::universal(6);
    /// ENUMERATED
    pub const ENUMERATED: Tag = Tag::universal(10);
    /// UTF8String
    pub const UTF8_STRING: Tag = Tag::universal(12);
    /// SEQUENCE and SEQUENCE OF
    pub const SEQUENCE: Tag = Tag::universal(16);
    /// SET and SET OF
    pub const SET: Tag = Tag::universal(17);
    /// NumericString
    pub const NUMERIC_STRING: Tag = Tag::universal(18);
    /// PrintableString
    pub const PRINTABLE_STRING: Tag = Tag::universal(19);
    /// TeletexString, read as Latin-1 as everybody does
    pub const TELETEX_STRING: Tag = Tag::universal(20);
    /// IA5String
    pub const IA5_STRING: Tag = Tag::universal(22);
    /// UTCTime
    pub const UTC_TIME: Tag = Tag::universal(23);
    /// GeneralizedTime
    pub const GENERALIZED_TIME: Tag = Tag::universal(24);
    /// VisibleString
    pub const VISIBLE_STRING: Tag = Tag::universal(26);
    /// UniversalString (UCS-4)
    pub const UNIVERSAL_STRING: Tag = Tag::universal(28);
    /// BMPString (UCS-2)
    pub const BMP_STRING: Tag = Tag::universal(30);

    /// A tag of the standard's own types.
    pub const fn universal(number: u32) -> Tag {
        Tag { class: Class::Universal, number }
    }

    /// A numbered field, `[number]`.
    pub const fn context(number: u32) -> Tag {
        Tag { class: Class::Context, number }
    }

    /// The tag's class.
    pub const fn class(self) -> Class {
        self.class
    }

    /// The tag's number.
    pub const fn number(self) -> u32 {
        self.number
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.class {
            Class::Universal => write!(f, "universal {}", self.number),
            Class::Application => write!(f, "[APPLICATION {}]", self.number),
            Class::Context => write!(f, "[{}]", self.number),
            Class::Private => write!(f, "[PRIVATE {}]", self.number),
        }
    }
}

/// What is wrong with an encoding, and where (offset in bytes from the start of the reader's input).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{problem} at byte {at}")]
pub struct Error {
    /// Offset from the start of the outermost input.
    pub at: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// The kinds of damage an encoding can have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Problem {
    /// The input, or the parent element, ends too early.
    #[error("ends too early")]
    Truncated,
    /// Something follows where nothing may.
    #[error("unexpected bytes follow")]
    Trailing,
    /// Another tag than the structure prescribes.
    #[error("found {found}, expected {expected}")]
    WrongTag {
        /// What the structure prescribes.
        expected: Tag,
        /// What is there.
        found: Tag,
    },
    /// Constructed where it must be primitive, or the reverse.
    #[error("constructed bit does not fit the type")]
    WrongForm,
    /// A tag number that is too large or not in its shortest form.
    #[error("tag number too large or padded")]
    BadTag,
    /// A length that is reserved, too large, or (DER) not in its shortest form.
    #[error("length not allowed")]
    BadLength,
    /// Deeper than the reader's limit.
    #[error("nested too deeply")]
    TooDeep,
    /// The contents are not a value of the type.
    #[error("not a value of its type")]
    BadValue,
    /// An integer larger than the caller can use.
    #[error("number too large")]
    TooLarge,
}

/// Result of reading.
pub type Result<T> = std::result::Result<T, Error>;

#[cfg(test)]
mod tests;
