//! What clients say (RFC 9051 §6, RFC 3501 §6 and the extensions beside each word), as values. How the bytes are read is
//! `parse`'s business; what the words mean is the session's.

use mail::{Secret, Timestamp};

use super::{MailboxName, SequenceSet};

/// A command and the tag its answer carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// What the client calls this command.
    pub tag: String,
    /// What it wants.
    pub body: Body,
}

/// What a command wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// CAPABILITY.
    Capability,
    /// NOOP.
    Noop,
    /// LOGOUT.
    Logout,
    /// ID (RFC 2971): what the client says of itself, in its order.
    Id(Vec<(String, Option<String>)>),
    /// STARTTLS.
    StartTls,
    /// COMPRESS DEFLATE (RFC 4978).
    Compress,
    /// AUTHENTICATE; the initial response is RFC 4959's, already out of base64.
    Authenticate {
        /// The mechanism, upper case.
        mechanism: String,
        /// What came with the command; an empty message is not the same as none.
        initial: Option<Secret<Vec<u8>>>,
    },
    /// LOGIN.
    Login {
        /// Who.
        user: String,
        /// And the password.
        password: Secret<String>,
    },
    /// UNAUTHENTICATE (RFC 8437).
    Unauthenticate,
    /// ENABLE (RFC 5161): the names, upper case.
    Enable(Vec<String>),
    /// SELECT and EXAMINE.
    Select {
        /// Which mailbox.
        mailbox: MailboxName,
        /// EXAMINE.
        is_read_only: bool,
        /// CONDSTORE (RFC 7162 §3.1.8).
        condstore: bool,
        /// QRESYNC (RFC 7162 §3.2.5).
        qresync: Option<Qresync>,
    },
    /// UNSELECT (RFC 3691).
    Unselect,
    /// CLOSE.
    Close,
    /// CHECK (RFC 3501 §6.4.1).
    Check,
    /// CREATE with the uses asked for (RFC 6154 §3).
    Create {
        /// Its name.
        mailbox: MailboxName,
        /// What it shall be for.
        special_use: Vec<SpecialUse>,
    },
    /// DELETE.
    Delete(MailboxName),
    /// RENAME.
    Rename {
        /// Its old name.
        from: MailboxName,
        /// Its new name.
        to: MailboxName,
    },
    /// SUBSCRIBE.
    Subscribe(MailboxName),
    /// UNSUBSCRIBE.
    Unsubscribe(MailboxName),
    /// LIST with RFC 5258's options.
    List(List),
    /// LSUB (RFC 3501 §6.3.9).
    Lsub {
        /// The reference.
        reference: String,
        /// The pattern, decoded.
        pattern: String,
    },
    /// NAMESPACE (RFC 2342).
    Namespace,
    /// STATUS.
    Status {
        /// Which mailbox.
        mailbox: MailboxName,
        /// What of it.
        items: Vec<StatusItem>,
    },
    /// APPEND, several messages at once with RFC 3502.
    Append {
        /// Where to.
        mailbox: MailboxName,
        /// The messages, at least one.
        messages: Vec<Appended>,
    },
    /// IDLE (RFC 2177); it ends with the line DONE, which is no command.
    Idle,
    /// NOTIFY (RFC 5465); `None` is NONE.
    Notify(Option<Notify>),
    /// GETQUOTA (RFC 9208).
    GetQuota(String),
    /// GETQUOTAROOT (RFC 9208).
    GetQuotaRoot(MailboxName),
    /// EXPUNGE, or UID EXPUNGE of a set (RFC 4315).
    Expunge(Option<SequenceSet>),
    /// SEARCH.
    Search {
        /// Numbers in and out are UIDs.
        uid: bool,
        /// What to look for.
        search: Search,
        /// RETURN (RFC 4731); `None` without the word.
        returns: Option<Vec<SearchReturn>>,
    },
    /// SORT (RFC 5256, RFC 5267 §3.1's RETURN).
    Sort {
        /// Numbers in and out are UIDs.
        uid: bool,
        /// In which order, most telling first.
        order: Vec<SortKey>,
        /// What to look for.
        search: Search,
        /// RETURN; `None` without the word.
        returns: Option<Vec<SearchReturn>>,
    },
    /// THREAD (RFC 5256).
    Thread {
        /// Numbers in and out are UIDs.
        uid: bool,
        /// How.
        algorithm: ThreadAlgorithm,
        /// What to look for.
        search: Search,
    },
    /// FETCH.
    Fetch {
        /// The set holds UIDs.
        uid: bool,
        /// Of which messages.
        set: SequenceSet,
        /// What of them.
        items: Vec<FetchItem>,
        /// CHANGEDSINCE (RFC 7162 §3.1.4).
        changed_since: Option<u64>,
        /// VANISHED (RFC 7162 §3.2.6).
        vanished: bool,
        /// PARTIAL (RFC 9394): first and last place, negative from the end.
        partial: Option<(i64, i64)>,
    },
    /// STORE.
    Store {
        /// The set holds UIDs.
        uid: bool,
        /// Of which messages.
        set: SequenceSet,
        /// UNCHANGEDSINCE (RFC 7162 §3.1.3).
        unchanged_since: Option<u64>,
        /// What happens to the flags.
        change: FlagChange,
        /// `.SILENT`.
        silent: bool,
        /// The flags.
        flags: Vec<Flag>,
    },
    /// COPY, or MOVE (RFC 6851).
    Copy {
        /// The set holds UIDs.
        uid: bool,
        /// Which messages.
        set: SequenceSet,
        /// Where to.
        mailbox: MailboxName,
        /// MOVE.
        moves: bool,
    },
}

/// QRESYNC's parameters (RFC 7162 §3.2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qresync {
    /// The UIDVALIDITY the client knows.
    pub uid_validity: u32,
    /// The mod-sequence it knows.
    pub modseq: u64,
    /// The UIDs it knows.
    pub known_uids: Option<SequenceSet>,
    /// Sequence numbers and the UIDs they had.
    pub matches: Option<(SequenceSet, SequenceSet)>,
}

/// What a mailbox is for (RFC 6154 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecialUse {
    /// `\All`.
    All,
    /// `\Archive`.
    Archive,
    /// `\Drafts`.
    Drafts,
    /// `\Flagged`.
    Flagged,
    /// `\Junk`.
    Junk,
    /// `\Sent`.
    Sent,
    /// `\Trash`.
    Trash,
}

/// LIST (RFC 5258, RFC 5819, RFC 6154, RFC 8440).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// The reference, decoded.
    pub reference: String,
    /// The patterns, decoded; at least one.
    pub patterns: Vec<String>,
    /// Whether this is the extended form: it answers an empty pattern like any other.
    pub is_extended: bool,
    /// Only what is subscribed to.
    pub select_subscribed: bool,
    /// Also parents of what is selected.
    pub recursive_match: bool,
    /// Only what has a special use.
    pub select_special_use: bool,
    /// Say what is subscribed to.
    pub return_subscribed: bool,
    /// Say what has children.
    pub return_children: bool,
    /// Say the special uses.
    pub return_special_use: bool,
    /// A STATUS with each.
    pub return_status: Vec<StatusItem>,
}

/// What STATUS tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusItem {
    /// MESSAGES.
    Messages,
    /// RECENT (RFC 3501): always 0 here.
    Recent,
    /// UIDNEXT.
    UidNext,
    /// UIDVALIDITY.
    UidValidity,
    /// UNSEEN.
    Unseen,
    /// DELETED.
    Deleted,
    /// SIZE (RFC 8438).
    Size,
    /// HIGHESTMODSEQ (RFC 7162).
    HighestModseq,
    /// MAILBOXID (RFC 8474).
    MailboxId,
    /// APPENDLIMIT (RFC 7889).
    AppendLimit,
    /// DELETED-STORAGE (RFC 9208).
    DeletedStorage,
}

/// A message that APPEND brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its flags.
    pub flags: Vec<Flag>,
    /// Its INTERNALDATE; now, without one.
    pub date: Option<Timestamp>,
    /// Its bytes.
    pub message: Vec<u8>,
}

/// A flag or keyword.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Flag {
    /// `\Seen`.
    Seen,
    /// `\Answered`.
    Answered,
    /// `\Flagged`.
    Flagged,
    /// `\Draft`.
    Draft,
    /// `\Deleted`: of the message in this mailbox alone.
    Deleted,
    /// A keyword, lower case; keywords know no case (RFC 9051 §2.3.2).
    Keyword(String),
}

/// What STORE does to the flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagChange {
    /// `FLAGS`.
    Replace,
    /// `+FLAGS`.
    Add,
    /// `-FLAGS`.
    Remove,
}

/// What FETCH tells of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchItem {
    /// UID.
    Uid,
    /// FLAGS.
    Flags,
    /// INTERNALDATE.
    InternalDate,
    /// SAVEDATE (RFC 8514).
    SaveDate,
    /// RFC822.SIZE.
    Rfc822Size,
    /// MODSEQ (RFC 7162).
    Modseq,
    /// EMAILID (RFC 8474).
    EmailId,
    /// THREADID (RFC 8474).
    ThreadId,
    /// PREVIEW (RFC 8970); lazily or not, ours is at hand.
    Preview,
    /// ENVELOPE.
    Envelope,
    /// BODYSTRUCTURE.
    BodyStructure,
    /// BODY without a section: the structure without extension data.
    Body,
    /// RFC822, RFC822.HEADER, RFC822.TEXT (RFC 3501 §6.4.5).
    Rfc822(Rfc822),
    /// BODY[...].
    Section {
        /// Which part of the message.
        section: Section,
        /// `<origin.count>`.
        partial: Option<(u32, u32)>,
        /// `.PEEK`: does not set `\Seen`.
        peek: bool,
    },
    /// BINARY[...] (RFC 3516): decoded.
    Binary {
        /// The part's number; empty for the whole message.
        part: Vec<u32>,
        /// `<origin.count>`.
        partial: Option<(u32, u32)>,
        /// `.PEEK`.
        peek: bool,
    },
    /// BINARY.SIZE[...] (RFC 3516).
    BinarySize(Vec<u32>),
}

/// The old names of sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rfc822 {
    /// RFC822.
    Whole,
    /// RFC822.HEADER; does not set `\Seen`.
    Header,
    /// RFC822.TEXT.
    Text,
}

/// A section of a message (RFC 9051 §6.4.5): a part's number, and what of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// The part's number; empty for the message itself.
    pub part: Vec<u32>,
    /// What of it.
    pub text: SectionText,
}

/// What of a part a section names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SectionText {
    /// All of it.
    #[default]
    Whole,
    /// HEADER.
    Header,
    /// HEADER.FIELDS: names as the client wrote them.
    HeaderFields(Vec<String>),
    /// HEADER.FIELDS.NOT.
    HeaderFieldsNot(Vec<String>),
    /// TEXT.
    Text,
    /// MIME.
    Mime,
}

/// What SEARCH, SORT and THREAD look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// All of these; texts are already UTF-8, whatever charset they came in.
    pub keys: Vec<SearchKey>,
}

/// A search key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchKey {
    /// ALL.
    All,
    /// Messages by number, as the client counts them here: UIDs when the command says UID.
    Sequence(SequenceSet),
    /// UID.
    Uid(SequenceSet),
    /// `$` (RFC 5182): what was kept by the last SEARCH RETURN (SAVE).
    Saved,
    /// A flag is set; negated forms are `Not` of it.
    Flag(Flag),
    /// Nothing is new or old here: NEW and RECENT find nothing, OLD finds all (RFC 9051 dropped them).
    Recent,
    /// Header field contains; the name is lower case. FROM, TO, CC, BCC and SUBJECT are this too.
    Header(String, String),
    /// TEXT: header or body.
    Text(String),
    /// BODY.
    Body(String),
    /// INTERNALDATE: on or after the first, before the second, days of UTC+07:00 as moments.
    Received(Option<Timestamp>, Option<Timestamp>),
    /// Date field, likewise.
    Sent(Option<Timestamp>, Option<Timestamp>),
    /// SAVEDATE (RFC 8514), likewise.
    Saved8514(Option<Timestamp>, Option<Timestamp>),
    /// SAVEDATESUPPORTED (RFC 8514): every mailbox here has it.
    SaveDateSupported,
    /// LARGER.
    Larger(u64),
    /// SMALLER.
    Smaller(u64),
    /// OLDER (RFC 5032), seconds.
    Older(u32),
    /// YOUNGER (RFC 5032), seconds.
    Younger(u32),
    /// MODSEQ (RFC 7162 §3.1.5).
    Modseq(u64),
    /// EMAILID (RFC 8474).
    EmailId(String),
    /// THREADID (RFC 8474).
    ThreadId(String),
    /// NOT.
    Not(Box<SearchKey>),
    /// OR.
    Or(Box<SearchKey>, Box<SearchKey>),
    /// A parenthesised list.
    And(Vec<SearchKey>),
}

/// What SEARCH RETURN wants (RFC 4731, RFC 5182, RFC 9394).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchReturn {
    /// MIN.
    Min,
    /// MAX.
    Max,
    /// ALL.
    All,
    /// COUNT.
    Count,
    /// SAVE.
    Save,
    /// PARTIAL: first and last place, negative from the end.
    Partial(i64, i64),
}

/// A key of SORT (RFC 5256 §3, RFC 5957).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortKey {
    /// REVERSE.
    pub reverse: bool,
    /// By what.
    pub by: SortBy,
}

/// By what SORT sorts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortBy {
    /// ARRIVAL.
    Arrival,
    /// CC.
    Cc,
    /// DATE.
    Date,
    /// FROM.
    From,
    /// SIZE.
    Size,
    /// SUBJECT.
    Subject,
    /// TO.
    To,
    /// DISPLAYFROM.
    DisplayFrom,
    /// DISPLAYTO.
    DisplayTo,
}

/// How THREAD threads (RFC 5256 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThreadAlgorithm {
    /// ORDEREDSUBJECT.
    OrderedSubject,
    /// REFERENCES.
    References,
}

/// NOTIFY SET (RFC 5465).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// STATUS: say at once how things stand.
    pub status: bool,
    /// What to tell of which mailboxes, in order; the first group a mailbox belongs to decides.
    pub groups: Vec<NotifyGroup>,
}

/// Events of some mailboxes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifyGroup {
    /// Which.
    pub which: NotifyMailboxes,
    /// What happens in them; empty is NONE.
    pub events: Vec<NotifyEvent>,
}

/// Which mailboxes a group is of (RFC 5465 §6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotifyMailboxes {
    /// SELECTED.
    Selected,
    /// SELECTED-DELAYED: removals wait for a command that allows them.
    SelectedDelayed,
    /// INBOXES.
    Inboxes,
    /// PERSONAL.
    Personal,
    /// SUBSCRIBED.
    Subscribed,
    /// SUBTREE of these.
    Subtree(Vec<MailboxName>),
    /// MAILBOXES.
    Mailboxes(Vec<MailboxName>),
}

/// What happens (RFC 5465 §5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotifyEvent {
    /// MessageNew, with what to fetch of each in the selected mailbox.
    MessageNew(Vec<FetchItem>),
    /// MessageExpunge.
    MessageExpunge,
    /// FlagChange.
    FlagChange,
    /// MailboxName.
    MailboxName,
    /// SubscriptionChange.
    SubscriptionChange,
}
