//! What a session wants of the memory, and what it gets. `serve` grants wishes; each is one answer.

use mail::message::Facts;
use mail::{BlobId, MailboxId, ModSeq, Uid, UidSet, UidValidity};
use store::{
    Copied, Expunged, FlagEdit, FlagsEdited, MailboxSizes, OpenedMailbox, SearchTerm, ViewChanges, ViewRow,
};

use crate::codec::MailboxName;
use crate::codec::command::{Appended, SpecialUse};
use crate::tree::Tree;

/// What a session wants of the memory, always of the account that signed in.
#[derive(Clone, Debug)]
pub enum Wish {
    /// All mailboxes. [`Grant::Tree`].
    Tree,
    /// How large these mailboxes are. [`Grant::Sizes`].
    Sizes(Vec<MailboxId>),
    /// A mailbox as a numbered list. [`Grant::Opened`].
    Open(MailboxName),
    /// The messages of a set, a page of them, with what reading them found if that is needed. [`Grant::Messages`].
    Messages {
        /// In which mailbox.
        mailbox_id: MailboxId,
        /// Which.
        uids: UidSet,
        /// Whether their facts are wanted.
        with_facts: bool,
    },
    /// The bytes of messages. [`Grant::Contents`].
    Contents(Vec<BlobId>),
    /// What happened in a mailbox since a state. [`Grant::Changes`].
    Changes {
        /// In which mailbox.
        mailbox_id: MailboxId,
        /// Since when.
        since: ModSeq,
    },
    /// Other flags for messages. [`Grant::Edited`].
    EditFlags {
        /// In which mailbox.
        mailbox_id: MailboxId,
        /// Which; a thousand at most.
        uids: UidSet,
        /// What happens to the flags.
        edit: FlagEdit,
        /// Only what did not change after this (RFC 7162 §3.1.3).
        unchanged_since: Option<ModSeq>,
    },
    /// Copies or moves messages. [`Grant::Copied`].
    Copy {
        /// From which mailbox.
        from: MailboxId,
        /// Which.
        uids: UidSet,
        /// Where to.
        to: MailboxName,
        /// Away from where they were.
        moves: bool,
    },
    /// Removes what is marked as deleted. [`Grant::Expunged`].
    Expunge {
        /// From which mailbox.
        mailbox_id: MailboxId,
        /// Of these only.
        only: Option<UidSet>,
    },
    /// Adds messages, all or none (RFC 3502). [`Grant::Appended`].
    Append {
        /// Where to.
        mailbox: MailboxName,
        /// The messages.
        messages: Vec<Appended>,
    },
    /// Messages of a mailbox that a search finds. [`Grant::Found`].
    Search {
        /// Where.
        mailbox_id: MailboxId,
        /// What.
        term: SearchTerm,
    },
    /// Makes a mailbox and the ones above it. [`Grant::Created`].
    Create {
        /// Its name.
        mailbox: MailboxName,
        /// What it shall be for.
        special_use: Vec<SpecialUse>,
    },
    /// Removes a mailbox and what lies in it. [`Grant::Done`].
    Delete(MailboxName),
    /// Gives a mailbox another name. [`Grant::Done`].
    Rename {
        /// Its old name.
        from: MailboxName,
        /// Its new name.
        to: MailboxName,
    },
    /// Shows a mailbox to clients that ask for what is subscribed to, or does not. [`Grant::Done`].
    Subscribe {
        /// Which.
        mailbox: MailboxName,
        /// Or not.
        is_subscribed: bool,
    },
    /// How much the account holds and may hold. [`Grant::Quota`].
    Quota,
}

impl Wish {
    /// Octets of the messages it brings.
    pub fn message_octets(&self) -> usize {
        match self {
            Self::Append { messages, .. } => messages.iter().map(|appended| appended.message.len()).sum(),
            _ => 0,
        }
    }
}

/// A message of a mailbox.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its row.
    pub row: ViewRow,
    /// What reading it found, when that was wanted.
    pub facts: Option<Box<Facts>>,
}

/// A wish granted.
#[derive(Clone, Debug)]
pub enum Grant {
    /// All mailboxes.
    Tree {
        /// They.
        tree: Tree,
        /// The account's state.
        modseq: ModSeq,
    },
    /// Sizes of those that are there.
    Sizes(Vec<(MailboxId, MailboxSizes)>),
    /// A mailbox.
    Opened(Box<OpenedMailbox>),
    /// Messages, ascending.
    Messages(Vec<Message>),
    /// Bytes, in the order asked for; `None` for what is gone.
    Contents(Vec<Option<Vec<u8>>>),
    /// What happened; `None`: the mailbox is gone.
    Changes(Option<ViewChanges>),
    /// Flags are as they should be.
    Edited(FlagsEdited),
    /// Messages lie there too, or there now.
    Copied {
        /// UIDVALIDITY of the mailbox they came to.
        uid_validity: UidValidity,
        /// Old and new UIDs.
        copied: Copied,
    },
    /// What was marked is gone.
    Expunged(Expunged),
    /// Messages are kept.
    Appended {
        /// UIDVALIDITY of the mailbox they came to.
        uid_validity: UidValidity,
        /// Their UIDs, in order.
        uids: Vec<Uid>,
    },
    /// What a search found.
    Found(UidSet),
    /// A mailbox was made.
    Created(MailboxId),
    /// It is done.
    Done,
    /// Bytes held, bytes allowed.
    Quota {
        /// Bytes held.
        used: u64,
        /// Bytes allowed.
        limit: u64,
    },
}
