//! Untagged data (RFC 9051 §7.2–7.5): capabilities, mailboxes, sets of messages, sizes.

use mail::{MailboxId, UidSet};

use super::super::DELIMITER;
use super::super::command::{SpecialUse, StatusItem};
use super::Out;
use crate::order::Threads;

/// An attribute of a mailbox in LIST (RFC 9051 §7.3.1, RFC 6154).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListAttribute {
    /// `\NonExistent`; says `\NoSelect` too.
    NonExistent,
    /// `\NoSelect`.
    NoSelect,
    /// `\NoInferiors`.
    NoInferiors,
    /// `\HasChildren`.
    HasChildren,
    /// `\HasNoChildren`.
    HasNoChildren,
    /// `\Subscribed`.
    Subscribed,
    /// What it is for.
    Use(SpecialUse),
}

impl ListAttribute {
    fn word(self) -> &'static str {
        match self {
            Self::NonExistent => "\\NonExistent",
            Self::NoSelect => "\\NoSelect",
            Self::NoInferiors => "\\NoInferiors",
            Self::HasChildren => "\\HasChildren",
            Self::HasNoChildren => "\\HasNoChildren",
            Self::Subscribed => "\\Subscribed",
            Self::Use(SpecialUse::All) => "\\All",
            Self::Use(SpecialUse::Archive) => "\\Archive",
            Self::Use(SpecialUse::Drafts) => "\\Drafts",
            Self::Use(SpecialUse::Flagged) => "\\Flagged",
            Self::Use(SpecialUse::Junk) => "\\Junk",
            Self::Use(SpecialUse::Sent) => "\\Sent",
            Self::Use(SpecialUse::Trash) => "\\Trash",
        }
    }
}

/// A line of LIST.
#[derive(Clone, Debug)]
pub struct ListRow<'a> {
    /// Its name; the delimiter's own line (RFC 9051 §6.3.9.1) has an empty one.
    pub name: &'a str,
    /// Its attributes.
    pub attributes: &'a [ListAttribute],
    /// CHILDINFO ("SUBSCRIBED") (RFC 5258 §3.5).
    pub subscribed_children: bool,
    /// OLDNAME (RFC 9051 §6.3.9.7).
    pub old_name: Option<&'a str>,
}

/// A value of STATUS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusValue {
    /// A number.
    Number(u64),
    /// An id (RFC 8474 §4.3).
    Id(MailboxId),
    /// NIL: an APPENDLIMIT that is not there.
    Nil,
}

/// Numbers of messages in an answer.
#[derive(Clone, Copy, Debug)]
pub enum Numbers<'a> {
    /// Ascending.
    Set(&'a UidSet),
    /// In an order that says something (RFC 5267 §3.1).
    Sorted(&'a [u32]),
}

impl Numbers<'_> {
    fn is_empty(&self) -> bool {
        match self {
            Self::Set(set) => set.is_empty(),
            Self::Sorted(list) => list.is_empty(),
        }
    }
}

/// ESEARCH (RFC 4731 §3.1, RFC 9051 §7.3.4): what is `None` was not asked for or has no value.
#[derive(Clone, Debug, Default)]
pub struct Esearch<'a> {
    /// The tag of the command it answers.
    pub tag: &'a str,
    /// Numbers are UIDs.
    pub uid: bool,
    /// MIN.
    pub min: Option<u32>,
    /// MAX.
    pub max: Option<u32>,
    /// ALL; nothing is written of an empty one.
    pub all: Option<Numbers<'a>>,
    /// COUNT.
    pub count: Option<u32>,
    /// PARTIAL (RFC 9394 §3.1): the range as it was asked for, and who is in it.
    pub partial: Option<((i64, i64), Numbers<'a>)>,
    /// MODSEQ (RFC 7162 §3.1.5): the highest of those found.
    pub modseq: Option<u64>,
}

/// A resource of QUOTA (RFC 9208 §5): its name, what is used, what may be.
pub type Quota<'a> = (&'a str, u64, u64);

impl Out {
    /// CAPABILITY.
    pub fn capability(&mut self, names: &[&str]) {
        self.raw("* CAPABILITY");
        names.iter().for_each(|name| self.after_blank(name));
        self.end_line();
    }

    /// ENABLED (RFC 5161 §3.2).
    pub fn enabled(&mut self, names: &[&str]) {
        self.raw("* ENABLED");
        names.iter().for_each(|name| self.after_blank(name));
        self.end_line();
    }

    /// ID (RFC 2971 §3.2).
    pub fn id(&mut self, pairs: &[(&str, &str)]) {
        self.raw("* ID ");
        self.pairs(pairs.iter().copied());
        self.end_line();
    }

    /// NAMESPACE (RFC 2342 §5): all there is, is one's own.
    pub fn namespace(&mut self) {
        self.raw("* NAMESPACE ((\"\" ");
        self.delimiter();
        self.raw(")) NIL NIL\r\n");
    }

    /// LIST.
    pub fn list(&mut self, row: &ListRow<'_>) {
        self.raw("* LIST ");
        self.list_words(row);
        if row.subscribed_children || row.old_name.is_some() {
            self.raw(" (");
            if row.subscribed_children {
                self.raw("\"CHILDINFO\" (\"SUBSCRIBED\")");
            }
            if let Some(name) = row.old_name {
                self.raw(if row.subscribed_children { " " } else { "" });
                self.raw("\"OLDNAME\" (");
                self.mailbox(name);
                self.raw(")");
            }
            self.raw(")");
        }
        self.end_line();
    }

    /// LSUB (RFC 3501 §7.2.3).
    pub fn lsub(&mut self, row: &ListRow<'_>) {
        self.raw("* LSUB ");
        self.list_words(row);
        self.end_line();
    }

    fn list_words(&mut self, row: &ListRow<'_>) {
        self.raw("(");
        for (index, attribute) in row.attributes.iter().enumerate() {
            self.raw(if index > 0 { " " } else { "" });
            self.raw(attribute.word());
        }
        self.raw(") ");
        self.delimiter();
        self.raw(" ");
        self.mailbox(row.name);
    }

    fn delimiter(&mut self) {
        let mut buffer = [0; 4];
        self.raw("\"");
        self.raw(DELIMITER.encode_utf8(&mut buffer));
        self.raw("\"");
    }

    /// STATUS.
    pub fn status_of(&mut self, mailbox: &str, items: &[(StatusItem, StatusValue)]) {
        self.raw("* STATUS ");
        self.mailbox(mailbox);
        self.raw(" (");
        for (index, (item, value)) in items.iter().enumerate() {
            self.raw(if index > 0 { " " } else { "" });
            self.raw(status_word(*item));
            self.raw(" ");
            match value {
                StatusValue::Number(number) => self.number(*number),
                StatusValue::Nil => self.raw("NIL"),
                StatusValue::Id(id) => {
                    self.raw("(");
                    self.raw(&id.to_string());
                    self.raw(")");
                }
            }
        }
        self.raw(")\r\n");
    }

    /// FLAGS: the system's and these keywords, as the store spells them.
    pub fn flags<'k>(&mut self, keywords: impl IntoIterator<Item = &'k str>) {
        self.raw("* FLAGS ");
        self.flag_list(keywords, true, false);
        self.end_line();
    }

    /// EXISTS.
    pub fn exists(&mut self, count: u32) {
        self.counted(count, "EXISTS");
    }

    /// RECENT (RFC 3501 §7.3.2).
    pub fn recent(&mut self, count: u32) {
        self.counted(count, "RECENT");
    }

    /// EXPUNGE.
    pub fn expunge(&mut self, number: u32) {
        self.counted(number, "EXPUNGE");
    }

    fn counted(&mut self, number: u32, word: &str) {
        self.raw("* ");
        self.number(u64::from(number));
        self.after_blank(word);
        self.end_line();
    }

    /// VANISHED (RFC 7162 §3.2.10); nothing is written when nothing vanished.
    pub fn vanished(&mut self, earlier: bool, uids: &UidSet) {
        if uids.is_empty() {
            return;
        }
        self.raw(if earlier { "* VANISHED (EARLIER)" } else { "* VANISHED" });
        self.after_blank_set(uids);
        self.end_line();
    }

    /// SEARCH (RFC 3501 §7.2.5), with the highest mod-sequence where it was searched for (RFC 7162 §3.1.5).
    pub fn search(&mut self, numbers: impl IntoIterator<Item = u32>, modseq: Option<u64>) {
        self.plain_numbers("* SEARCH", numbers, modseq);
    }

    /// SORT (RFC 5256 §4, RFC 7162 §3.1.6).
    pub fn sort(&mut self, numbers: impl IntoIterator<Item = u32>, modseq: Option<u64>) {
        self.plain_numbers("* SORT", numbers, modseq);
    }

    fn plain_numbers(&mut self, words: &str, numbers: impl IntoIterator<Item = u32>, modseq: Option<u64>) {
        self.raw(words);
        let before = self.len();
        numbers.into_iter().for_each(|number| self.after_blank_number(u64::from(number)));
        if let Some(modseq) = modseq.filter(|_| self.len() > before) {
            self.raw(" (MODSEQ ");
            self.number(modseq);
            self.raw(")");
        }
        self.end_line();
    }

    /// ESEARCH.
    pub fn esearch(&mut self, found: &Esearch<'_>) {
        self.raw("* ESEARCH (TAG ");
        self.string(found.tag);
        self.raw(if found.uid { ") UID" } else { ")" });
        for (word, value) in [("MIN", found.min), ("MAX", found.max), ("COUNT", found.count)] {
            if let Some(value) = value {
                self.after_blank(word);
                self.after_blank_number(u64::from(value));
            }
        }
        if let Some(all) = found.all.filter(|all| !all.is_empty()) {
            self.raw(" ALL ");
            self.numbers(all);
        }
        if let Some(((first, last), numbers)) = found.partial {
            self.raw(&format!(" PARTIAL ({first}:{last} "));
            match numbers.is_empty() {
                true => self.raw("NIL"),
                false => self.numbers(numbers),
            }
            self.raw(")");
        }
        if let Some(modseq) = found.modseq {
            self.raw(" MODSEQ");
            self.after_blank_number(modseq);
        }
        self.end_line();
    }

    fn numbers(&mut self, numbers: Numbers<'_>) {
        let list = match numbers {
            Numbers::Set(set) => return self.set(set),
            Numbers::Sorted(list) => list,
        };
        let mut rest = list;
        while let Some((&first, _)) = rest.split_first() {
            // Ascending neighbours make a run; a run that falls would be read the other way round.
            let follows = |(number, step): &(&u32, u32)| first.checked_add(*step) == Some(**number);
            let run = rest.iter().zip(0u32..).take_while(follows).count();
            let last = rest.get(run.saturating_sub(1)).copied().unwrap_or(first);
            if rest.len() < list.len() {
                self.raw(",");
            }
            self.number(u64::from(first));
            if last > first {
                self.raw(":");
                self.number(u64::from(last));
            }
            rest = rest.get(run.max(1)..).unwrap_or_default();
        }
    }

    /// THREAD (RFC 5256 §4). Threads of any depth are written without recursion.
    pub fn thread(&mut self, threads: &Threads) {
        self.raw("* THREAD");
        if !threads.roots().is_empty() {
            self.raw(" ");
        }
        for root in threads.roots() {
            self.one_thread(threads, *root);
        }
        self.end_line();
    }

    fn one_thread(&mut self, threads: &Threads, root: usize) {
        enum Step {
            Open(usize),
            Close,
        }
        let mut waiting = vec![Step::Open(root)];
        while let Some(step) = waiting.pop() {
            let Step::Open(first) = step else {
                self.raw(")");
                continue;
            };
            self.raw("(");
            waiting.push(Step::Close);
            let mut at = first;
            let mut needs_blank = false;
            loop {
                if let Some(number) = threads.number(at) {
                    self.raw(if needs_blank { " " } else { "" });
                    self.number(u64::from(number));
                    needs_blank = true;
                }
                match threads.children(at) {
                    [] => break,
                    [only] => at = *only,
                    many => {
                        self.raw(if needs_blank { " " } else { "" });
                        waiting.extend(many.iter().rev().map(|child| Step::Open(*child)));
                        break;
                    }
                }
            }
        }
    }

    /// QUOTA (RFC 9208 §4.2.1).
    pub fn quota(&mut self, root: &str, resources: &[Quota<'_>]) {
        self.raw("* QUOTA ");
        self.string(root);
        self.raw(" (");
        for (index, (name, used, limit)) in resources.iter().enumerate() {
            self.raw(if index > 0 { " " } else { "" });
            self.raw(name);
            self.after_blank_number(*used);
            self.after_blank_number(*limit);
        }
        self.raw(")\r\n");
    }

    /// QUOTAROOT (RFC 9208 §4.2.2).
    pub fn quota_root(&mut self, mailbox: &str, roots: &[&str]) {
        self.raw("* QUOTAROOT ");
        self.mailbox(mailbox);
        for root in roots {
            self.raw(" ");
            self.string(root);
        }
        self.end_line();
    }
}

fn status_word(item: StatusItem) -> &'static str {
    match item {
        StatusItem::Messages => "MESSAGES",
        StatusItem::Recent => "RECENT",
        StatusItem::UidNext => "UIDNEXT",
        StatusItem::UidValidity => "UIDVALIDITY",
        StatusItem::Unseen => "UNSEEN",
        StatusItem::Deleted => "DELETED",
        StatusItem::Size => "SIZE",
        StatusItem::HighestModseq => "HIGHESTMODSEQ",
        StatusItem::MailboxId => "MAILBOXID",
        StatusItem::AppendLimit => "APPENDLIMIT",
        StatusItem::DeletedStorage => "DELETED-STORAGE",
    }
}
