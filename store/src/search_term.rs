//! What a search for messages looks for: one language for every door (JMAP's filters, IMAP's keys, the address bar of the page).

use mail::{EmailId, MailboxId, ModSeq, ThreadId, Timestamp, UidSet};

/// A condition on a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchTerm {
    /// Every one of these; true without any.
    All(Vec<SearchTerm>),
    /// One of these at least; false without any.
    Any(Vec<SearchTerm>),
    /// Not this.
    Not(Box<SearchTerm>),
    /// Words in a field.
    Words(SearchField, SearchWords),
    /// A header field is there (`None`) or contains a text, letters of either case alike. The name is lower case.
    Header(String, Option<String>),
    /// It lies in this mailbox.
    InMailbox(MailboxId),
    /// It lies in a mailbox that is none of these (RFC 8621 §4.4.1, `inMailboxOtherThan`).
    InMailboxOtherThan(Vec<MailboxId>),
    /// Its number in the mailbox that is searched is one of these.
    Uids(UidSet),
    /// A keyword is set, lower case.
    Keyword(String),
    /// It is marked as deleted in the mailbox that is searched.
    Deleted,
    /// Every message of its conversation has the keyword.
    AllInThreadHaveKeyword(String),
    /// Some message of its conversation has the keyword.
    SomeInThreadHaveKeyword(String),
    /// Received at or after.
    ReceivedFrom(Timestamp),
    /// Received before.
    ReceivedBefore(Timestamp),
    /// Its Date is at or after.
    SentFrom(Timestamp),
    /// Its Date is before.
    SentBefore(Timestamp),
    /// Put into the mailbox that is searched at or after.
    SavedFrom(Timestamp),
    /// Put there before.
    SavedBefore(Timestamp),
    /// At least so many bytes.
    SizeFrom(u64),
    /// Fewer bytes than this.
    SizeBelow(u64),
    /// Something is attached.
    HasAttachment,
    /// It is signed, and perhaps the signature is or was good.
    Smime(SmimeIs),
    /// Changed at this state or later.
    ModseqFrom(ModSeq),
    /// This message.
    Email(EmailId),
    /// A message of this conversation.
    Thread(ThreadId),
}

/// Where words are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SearchField {
    /// Everything: addresses, subject, body, attachments' names and texts.
    Text,
    /// From.
    From,
    /// To.
    To,
    /// Cc.
    Cc,
    /// Bcc.
    Bcc,
    /// Subject.
    Subject,
    /// The body, attachments' texts included.
    Body,
    /// Names of attachments.
    AttachmentName,
}

/// How words are looked for. Vietnamese is found with and without marks: a word without marks finds every spelling, one with
/// marks only that spelling, whichever letter the tone stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchWords {
    /// Every word somewhere, the last one perhaps only begun (from two letters on); `"…"` within the text is a phrase, `word*` a beginning (RFC 8621 §4.4.1).
    Every(String),
    /// These words in this order, the last one perhaps only begun: what IMAP's substring is, by words.
    Phrase(String),
}

/// What of a signature is looked for (RFC 9219 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SmimeIs {
    /// There is one.
    There,
    /// It was good when it was judged last.
    Verified,
    /// It was good when the message arrived.
    VerifiedAtDelivery,
}
