//! Words that every room of the house uses: addresses, agency codes, ids, moments in time, secrets, and a
//! message read once into a shape that never has to be parsed again.
//!
//! This room depends on nothing of ours, opens nothing, asks nobody for the time and draws no randomness:
//! [`Clock`] and [`Chance`] arrive as guests. Whoever holds one of its words holds something that was checked
//! when it was made (parse, don't check).

mod address;
mod agency;
mod alphabet;
pub mod authentication;
pub mod auto_reply;
mod contents;
pub mod envelope;
pub mod fields;
mod guest;
mod id;
pub mod letter;
pub mod list;
pub mod message;
pub mod opened;
pub mod recode;
mod recognised;
mod secret;
pub mod text;
mod time;
pub mod trace;
mod uids;
pub mod words;

pub use address::{BadAddress, Domain, EmailAddress, LocalPart};
pub use agency::{AgencyCode, BadAgencyCode};
pub use contents::{Contents, contents};
pub use guest::{Chance, Clock};
pub use id::{
    AccountId, AgencyId, ApiKeyId, AuditId, BadId, BlobId, DeliveryId, DocumentId, EmailId, FileUploadId,
    IdentityId, ListId, MailboxId, ModSeq, OutboxId, OwnerId, PushId, QuarantineId, SubmissionId, ThreadId,
    Uid, UidValidity, UnitId,
};
pub use letter::{Door, Examine, Findings, Letter, Refused};
pub use recognised::{DocumentVerdict, PolicyRecord, RecognisedDocument};
pub use secret::Secret;
pub use time::{BadTimestamp, Timestamp, VIETNAM};
pub use uids::UidSet;
