//! A mailbox as a numbered list, as IMAP sees it: which UIDs there are, what lies at them, and what changed since.

use mail::message::Facts;
use mail::{AccountId, BlobId, EmailId, MailboxId, ModSeq, ThreadId, Timestamp, Uid, UidSet};

use crate::Tx;
use crate::error::{Error, Result};
use crate::mailboxes::Mailbox;

/// Messages of one act (edit, copy, move, expunge), at most: what a writer does without keeping the others waiting.
pub const MESSAGES_PER_ACT: usize = 1_000;

/// A mailbox as it is when it is selected (RFC 9051 §6.3.2).
#[derive(Clone, Debug)]
pub struct OpenedMailbox {
    /// Its row and counters.
    pub mailbox: Mailbox,
    /// The UIDs of what lies in it; the place of a UID is its sequence number.
    pub uids: UidSet,
    /// The state this was read at: HIGHESTMODSEQ (RFC 7162 §3.1.2.1).
    pub modseq: ModSeq,
}

/// A message in a mailbox, without what reading it found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewRow {
    /// Its number there.
    pub uid: Uid,
    /// Its id: EMAILID (RFC 8474 §5.1).
    pub email_id: EmailId,
    /// Its conversation: THREADID (RFC 8474 §5.2).
    pub thread_id: ThreadId,
    /// Its bytes.
    pub blob_id: BlobId,
    /// Its length, bytes: RFC822.SIZE.
    pub size: u64,
    /// When it arrived: INTERNALDATE.
    pub received_at: Timestamp,
    /// When it was put here: SAVEDATE (RFC 8514); unknown of what lay here before this was kept.
    pub saved_at: Option<Timestamp>,
    /// Its keywords, in order, `$seen` and the like for the system flags (RFC 8621 §4.1.1).
    pub keywords: Vec<String>,
    /// Whether it carries `\Deleted` here.
    pub is_deleted: bool,
    /// Its last change (RFC 7162 §3.1.2).
    pub modseq: ModSeq,
}

/// What changed in a mailbox since a state.
#[derive(Clone, Debug)]
pub struct ViewChanges {
    /// The state these changes lead to: go on from it.
    pub modseq: ModSeq,
    /// The next UID to be given.
    pub uid_next: i64,
    /// UIDs that went between the two states.
    pub expunged: UidSet,
    /// What is new or is not what it was, oldest change first.
    pub changed: Vec<ViewRow>,
    /// Whether more changes follow.
    pub has_more: bool,
}

/// The sizes of a mailbox that STATUS tells (RFC 9051 §6.3.11, RFC 8438, RFC 9208 §5.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MailboxSizes {
    /// Bytes of the messages in it: SIZE.
    pub bytes: u64,
    /// Messages with `\Deleted`: DELETED.
    pub deleted: i64,
    /// Their bytes: DELETED-STORAGE.
    pub deleted_bytes: u64,
    /// Messages without `\Seen`: UNSEEN. Drafts count here and not in [`Mailbox::unread_emails`].
    pub unseen: i64,
}

/// How flags are changed (RFC 9051 §6.4.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagMode {
    /// These and no others.
    Replace,
    /// These too.
    Add,
    /// These no longer.
    Remove,
}

/// A change of flags.
#[derive(Clone, Debug)]
pub struct FlagEdit {
    /// How.
    pub mode: FlagMode,
    /// Keywords, lower case.
    pub keywords: Vec<String>,
    /// Whether `\Deleted` is among them.
    pub deleted: bool,
}

/// What came of a change of flags.
#[derive(Clone, Debug)]
pub struct FlagsEdited {
    /// The state after it.
    pub modseq: ModSeq,
    /// The messages it was for, as they are now, by UID.
    pub rows: Vec<ViewRow>,
    /// Those that had changed since the state that was named, and were left alone (RFC 7162 §3.1.3).
    pub modified: UidSet,
}

/// What came of a copy or a move (RFC 4315 §3, RFC 6851).
#[derive(Clone, Debug)]
pub struct Copied {
    /// The state after it.
    pub modseq: ModSeq,
    /// Where each lay, and where it lies now, in ascending order of both.
    pub pairs: Vec<(Uid, Uid)>,
}

/// What came of an expunge.
#[derive(Clone, Debug)]
pub struct Expunged {
    /// The state after it.
    pub modseq: ModSeq,
    /// The UIDs that went.
    pub uids: UidSet,
    /// Whether more are marked: [`MESSAGES_PER_ACT`] go at a time.
    pub has_more: bool,
}

impl Tx {
    /// A mailbox with the UIDs in it; `None` when it is not there.
    pub async fn open_mailbox(
        &mut self,
        account_id: AccountId,
        mailbox_id: MailboxId,
    ) -> Result<Option<OpenedMailbox>> {
        let _ = (account_id, mailbox_id);
        Err(Error::Unavailable("not built yet".to_owned()))
    }

    /// The messages at these UIDs, ascending, the first `limit` of them.
    pub async fn view_rows(
        &mut self,
        account_id: AccountId,
        mailbox_id: MailboxId,
        uids: &UidSet,
        limit: i64,
    ) -> Result<Vec<ViewRow>> {
        let _ = (account_id, mailbox_id, uids, limit);
        Err(Error::Unavailable("not built yet".to_owned()))
    }

    /// The same with what reading them once found.
    pub async fn view_emails(
        &mut self,
        account_id: AccountId,
        mailbox_id: MailboxId,
        uids: &UidSet,
        limit: i64,
    ) -> Result<Vec<(ViewRow, Facts)>> {
        let _ = (account_id, mailbox_id, uids, limit);
        Err(Error::Unavailable("not built yet".to_owned()))
    }

    /// What changed in a mailbox since a state; `None` when the mailbox is not there. About `limit` rows, and an act is told whole.
    pub async fn view_changes(
        &mut self,
        account_id: AccountId,
        mailbox_id: MailboxId,
        since: ModSeq,
        limit: i64,
    ) -> Result<Option<ViewChanges>> {
        let _ = (account_id, mailbox_id, since, limit);
        Err(Error::Unavailable("not built yet".to_owned()))
    }

    /// What STATUS tells of a mailbox.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not there.
    pub async fn mailbox_sizes(
        &mut self,
        account_id: AccountId,
        mailbox_id: MailboxId,
    ) -> Result<MailboxSizes> {
        let _ = (account_id, mailbox_id);
        Err(Error::Unavailable("not built yet".to_owned()))
    }

    /// Changes the flags of messages in a mailbox, as one act. With `unchanged_since`, those that changed after that state are left
    /// alone.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the mailbox is not there, [`Error::Refused`] for a keyword that is none or more than
    /// [`MESSAGES_PER_ACT`].
    pub async fn edit_flags(
        &mut self,
        account_id: AccountId,
        mailbox_id: MailboxId,
        uids: &UidSet,
        edit: &FlagEdit,
        unchanged_since: Option<ModSeq>,
    ) -> Result<FlagsEdited> {
        let _ = (account_id, mailbox_id, uids, edit, unchanged_since);
        Err(Error::Unavailable("not built yet".to_owned()))
    }

    /// Puts messages into another mailbox too, as one act. What lies there already becomes a second message over the same bytes.
    ///
    /// # Errors
    /// [`Error::NotFound`] when a mailbox is not there, [`Error::Full`] when the quota does not allow second messages,
    /// [`Error::Refused`] for more than [`MESSAGES_PER_ACT`].
    pub async fn copy_messages(
        &mut self,
        account_id: AccountId,
        from: MailboxId,
        uids: &UidSet,
        to: MailboxId,
        now: Timestamp,
    ) -> Result<Copied> {
        let _ = (account_id, from, uids, to, now);
        Err(Error::Unavailable("not built yet".to_owned()))
    }

    /// Puts messages into another mailbox instead, as one act (RFC 6851).
    ///
    /// # Errors
    /// As [`Tx::copy_messages`].
    pub async fn move_messages(
        &mut self,
        account_id: AccountId,
        from: MailboxId,
        uids: &UidSet,
        to: MailboxId,
        now: Timestamp,
    ) -> Result<Copied> {
        let _ = (account_id, from, uids, to, now);
        Err(Error::Unavailable("not built yet".to_owned()))
    }

    /// Takes what is marked `\Deleted` out of a mailbox, all of it or only these (UID EXPUNGE, RFC 4315 §2.1), as one act. What lies
    /// nowhere else is destroyed.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the mailbox is not there.
    pub async fn expunge(
        &mut self,
        account_id: AccountId,
        mailbox_id: MailboxId,
        only: Option<&UidSet>,
        now: Timestamp,
    ) -> Result<Expunged> {
        let _ = (account_id, mailbox_id, only, now);
        Err(Error::Unavailable("not built yet".to_owned()))
    }
}
