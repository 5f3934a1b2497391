//! Conditions and response codes (RFC 9051 §7.1, RFC 5530).

use mail::{MailboxId, UidSet};

use super::Out;

/// How something went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// OK.
    Ok,
    /// NO.
    No,
    /// BAD.
    Bad,
    /// BYE.
    Bye,
    /// PREAUTH.
    Preauth,
}

impl Condition {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::No => "NO",
            Self::Bad => "BAD",
            Self::Bye => "BYE",
            Self::Preauth => "PREAUTH",
        }
    }
}

/// What a program may learn from a status response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code<'a> {
    /// ALERT: show it to the person.
    Alert,
    /// ALREADYEXISTS.
    AlreadyExists,
    /// APPENDUID (RFC 4315 §3).
    AppendUid(u32, &'a UidSet),
    /// AUTHENTICATIONFAILED.
    AuthenticationFailed,
    /// AUTHORIZATIONFAILED.
    AuthorizationFailed,
    /// BADCHARSET, with those we read.
    BadCharset,
    /// BADEVENT (RFC 5465 §5), with those we tell.
    BadEvent,
    /// CANNOT.
    Cannot,
    /// CAPABILITY.
    Capability(&'a [&'a str]),
    /// CLIENTBUG.
    ClientBug,
    /// CLOSED.
    Closed,
    /// COMPRESSIONACTIVE (RFC 4978 §3).
    CompressionActive,
    /// CONTACTADMIN.
    ContactAdmin,
    /// COPYUID (RFC 4315 §3): UIDVALIDITY of the target, UIDs there were and UIDs there are, in the same order.
    CopyUid(u32, &'a UidSet, &'a UidSet),
    /// CORRUPTION.
    Corruption,
    /// EXPIRED.
    Expired,
    /// EXPUNGEISSUED.
    ExpungeIssued,
    /// HASCHILDREN.
    HasChildren,
    /// HIGHESTMODSEQ (RFC 7162 §3.1.2.1).
    HighestModseq(u64),
    /// INUSE.
    InUse,
    /// LIMIT.
    Limit,
    /// MAILBOXID (RFC 8474 §4.1).
    MailboxId(MailboxId),
    /// MODIFIED (RFC 7162 §3.1.3).
    Modified(&'a UidSet),
    /// NOMODSEQ (RFC 7162 §3.1.2.2).
    NoModseq,
    /// NONEXISTENT.
    NonExistent,
    /// NOPERM.
    NoPerm,
    /// NOTIFICATIONOVERFLOW (RFC 5465 §5.8).
    NotificationOverflow,
    /// NOTSAVED (RFC 5182 §2.1).
    NotSaved,
    /// OVERQUOTA (RFC 9208 §4.3.1).
    OverQuota,
    /// PARSE.
    Parse,
    /// PERMANENTFLAGS: these and whatever else one makes up.
    PermanentFlags(&'a [&'a str], bool),
    /// PRIVACYREQUIRED.
    PrivacyRequired,
    /// READ-ONLY.
    ReadOnly,
    /// READ-WRITE.
    ReadWrite,
    /// SERVERBUG.
    ServerBug,
    /// TOOBIG (RFC 4469 §4.2).
    TooBig,
    /// TRYCREATE.
    TryCreate,
    /// UIDNEXT.
    UidNext(u32),
    /// UIDNOTSTICKY.
    UidNotSticky,
    /// UIDVALIDITY.
    UidValidity(u32),
    /// UNAVAILABLE.
    Unavailable,
    /// UNKNOWN-CTE (RFC 3516 §4.3).
    UnknownCte,
    /// UNSEEN (RFC 3501 §7.1): the first of them.
    Unseen(u32),
    /// USEATTR (RFC 6154 §3).
    UseAttr,
}

impl Code<'_> {
    /// Those that are a word and nothing else; the word with its first value otherwise.
    fn word(&self) -> &'static str {
        match self {
            Self::Alert => "ALERT",
            Self::AlreadyExists => "ALREADYEXISTS",
            Self::AppendUid(..) => "APPENDUID",
            Self::AuthenticationFailed => "AUTHENTICATIONFAILED",
            Self::AuthorizationFailed => "AUTHORIZATIONFAILED",
            Self::BadCharset => "BADCHARSET (US-ASCII UTF-8)",
            Self::BadEvent => {
                "BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange)"
            }
            Self::Cannot => "CANNOT",
            Self::Capability(_) => "CAPABILITY",
            Self::ClientBug => "CLIENTBUG",
            Self::Closed => "CLOSED",
            Self::CompressionActive => "COMPRESSIONACTIVE",
            Self::ContactAdmin => "CONTACTADMIN",
            Self::CopyUid(..) => "COPYUID",
            Self::Corruption => "CORRUPTION",
            Self::Expired => "EXPIRED",
            Self::ExpungeIssued => "EXPUNGEISSUED",
            Self::HasChildren => "HASCHILDREN",
            Self::HighestModseq(_) => "HIGHESTMODSEQ",
            Self::InUse => "INUSE",
            Self::Limit => "LIMIT",
            Self::MailboxId(_) => "MAILBOXID",
            Self::Modified(_) => "MODIFIED",
            Self::NoModseq => "NOMODSEQ",
            Self::NonExistent => "NONEXISTENT",
            Self::NoPerm => "NOPERM",
            Self::NotificationOverflow => "NOTIFICATIONOVERFLOW",
            Self::NotSaved => "NOTSAVED",
            Self::OverQuota => "OVERQUOTA",
            Self::Parse => "PARSE",
            Self::PermanentFlags(..) => "PERMANENTFLAGS",
            Self::PrivacyRequired => "PRIVACYREQUIRED",
            Self::ReadOnly => "READ-ONLY",
            Self::ReadWrite => "READ-WRITE",
            Self::ServerBug => "SERVERBUG",
            Self::TooBig => "TOOBIG",
            Self::TryCreate => "TRYCREATE",
            Self::UidNext(_) => "UIDNEXT",
            Self::UidNotSticky => "UIDNOTSTICKY",
            Self::UidValidity(_) => "UIDVALIDITY",
            Self::Unavailable => "UNAVAILABLE",
            Self::UnknownCte => "UNKNOWN-CTE",
            Self::Unseen(_) => "UNSEEN",
            Self::UseAttr => "USEATTR",
        }
    }
}

impl Out {
    pub(super) fn code(&mut self, code: &Code<'_>) {
        self.raw(code.word());
        match code {
            Code::Capability(names) => names.iter().for_each(|name| self.after_blank(name)),
            Code::AppendUid(validity, uids) => {
                self.after_blank_number(u64::from(*validity));
                self.after_blank_set(uids);
            }
            Code::CopyUid(validity, from, to) => {
                self.after_blank_number(u64::from(*validity));
                self.after_blank_set(from);
                self.after_blank_set(to);
            }
            Code::HighestModseq(modseq) => self.after_blank_number(*modseq),
            Code::MailboxId(id) => {
                self.raw(" (");
                self.raw(&id.to_string());
                self.raw(")");
            }
            Code::Modified(set) => self.after_blank_set(set),
            Code::PermanentFlags(keywords, others) => {
                self.raw(" ");
                // Where no others are kept, none is (EXAMINE).
                self.flag_list(keywords.iter().copied(), *others, *others);
            }
            Code::UidNext(number) | Code::UidValidity(number) | Code::Unseen(number) => {
                self.after_blank_number(u64::from(*number));
            }
            _ => {}
        }
    }

    pub(super) fn after_blank(&mut self, word: &str) {
        self.raw(" ");
        self.raw(word);
    }

    pub(super) fn after_blank_number(&mut self, number: u64) {
        self.raw(" ");
        self.number(number);
    }

    pub(super) fn after_blank_set(&mut self, set: &UidSet) {
        self.raw(" ");
        self.set(set);
    }

    /// A set as IMAP writes it; there is none without a number, so nothing is written of an empty one.
    pub(super) fn set(&mut self, set: &UidSet) {
        for (index, (first, last)) in set.runs().enumerate() {
            if index > 0 {
                self.raw(",");
            }
            self.number(u64::from(first));
            if last > first {
                self.raw(":");
                self.number(u64::from(last));
            }
        }
    }
}
