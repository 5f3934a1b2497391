//! One kind of id for each kind of thing, so that two ids cannot trade places by accident.
//!
//! All are UUIDv7 (RFC 9562 §5.7): 16 bytes in the database, 32 hexadecimal digits where people and clients see
//! them (which fits JMAP's `Id`, RFC 8620 §1.2). They say nothing about what they name and are no legal
//! identifiers (RULES I10).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::{Chance, Timestamp};

/// The text is not 32 lower-case hexadecimal digits (64 for a [`BlobId`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id")]
pub struct BadId;

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, ordered by time.
            pub fn new(now: Timestamp, chance: &dyn Chance) -> Self {
                let mut random = [0u8; 10];
                chance.fill(&mut random);
                let millis = now.millis().max(0).unsigned_abs();
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }

            /// From the 16 bytes the database keeps.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The 16 bytes the database keeps.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = BadId;

            fn try_from(bytes: &[u8]) -> Result<Self, BadId> {
                Uuid::from_slice(bytes).map(Self).map_err(|_| BadId)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                // Exactly one spelling per id: 32 lower-case digits.
                if text.len() != 32 || text.bytes().any(|b| !matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
                    return Err(BadId);
                }
                Uuid::try_parse(text).map(Self).map_err(|_| BadId)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.simple())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

uuid_ids! {
    /// A mailbox account: of a person or of an agency or unit (RULES M1).
    AccountId;
    /// An agency, whatever codes and names it has had (RULES I5).
    AgencyId;
    /// A unit inside an agency.
    UnitId;
    /// A folder of an account.
    MailboxId;
    /// A message in an account.
    EmailId;
    /// A conversation in an account.
    ThreadId;
    /// A sending identity of an account (RFC 8621 §6).
    IdentityId;
    /// A message handed in for sending (RFC 8621 §7).
    SubmissionId;
    /// An address where a client wants to be told of changes (RFC 8620 §7.2).
    PushId;
    /// A distribution list.
    ListId;
    /// Something that waits to leave the house.
    OutboxId;
    /// A mail that waits for a person before it is carried further.
    QuarantineId;
    /// A package accepted from a sending system; its text is the sender's `DocId`.
    DocumentId;
    /// A package waiting for one receiving system; its text is the receiver's `docId`.
    DeliveryId;
    /// A row of the audit log.
    AuditId;
    /// A key to our API; it names the key and opens nothing.
    ApiKeyId;
    /// A file on its way to us in parts.
    FileUploadId;
    /// Whoever data belongs to: the first column of every table that can grow (the shard key), and the holder of
    /// a data key.
    OwnerId;
}

impl From<AccountId> for OwnerId {
    fn from(id: AccountId) -> Self {
        Self(id.0)
    }
}

impl From<AgencyId> for OwnerId {
    fn from(id: AgencyId) -> Self {
        Self(id.0)
    }
}

/// The content of a blob, as its owner's keyed BLAKE3 digest: the same bytes of two owners have two ids, so that
/// equality leaks nothing across owners.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId([u8; 32]);

impl BlobId {
    /// From the digest.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl TryFrom<&[u8]> for BlobId {
    type Error = BadId;

    fn try_from(bytes: &[u8]) -> Result<Self, BadId> {
        bytes.try_into().map(Self).map_err(|_| BadId)
    }
}

impl FromStr for BlobId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let mut out = [0u8; 32];
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(BadId);
        }
        for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
        }
        Ok(Self(out))
    }
}

fn hex_digit(digit: u8) -> Result<u8, BadId> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(BadId),
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobId({self})")
    }
}

impl Serialize for BlobId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BlobId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident($inner:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

counters! {
    /// The account's change counter: JMAP's state and IMAP's HIGHESTMODSEQ (RFC 7162 §3.1). Never decreases.
    ModSeq(i64);
    /// A message's number in a mailbox, never given twice (RFC 9051 §2.3.1.1).
    Uid(u32);
    /// Changes when a mailbox's [`Uid`]s start anew (RFC 9051 §2.3.1.1).
    UidValidity(u32);
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Zeros;
    impl Chance for Zeros {
        fn fill(&self, out: &mut [u8]) {
            out.fill(0);
        }
    }

    #[test]
    fn an_id_has_one_spelling() {
        let id = EmailId::new(Timestamp::from_secs(1_700_000_000), &Zeros);
        let text = id.to_string();
        assert_eq!(text.parse(), Ok(id));
        for wrong in [text.to_uppercase(), format!("{text}0"), format!("urn:uuid:{id}"), text[1..].to_owned()]
        {
            assert_eq!(wrong.parse::<EmailId>(), Err(BadId), "{wrong}");
        }
    }

    #[test]
    fn ids_are_ordered_by_time() {
        let early = EmailId::new(Timestamp::from_millis(1), &Zeros);
        let late = EmailId::new(Timestamp::from_millis(2), &Zeros);
        assert!(early < late);
    }

    #[test]
    fn a_blob_id_reads_what_it_writes() {
        let id = BlobId::from_bytes([0xA7; 32]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("zz".repeat(32).parse::<BlobId>(), Err(BadId));
    }
}
