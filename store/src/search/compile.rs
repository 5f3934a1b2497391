//! A term as the condition of a statement. Every value is a parameter; the text is made of the literals of these files.

mod few;
mod relevance;

use mail::{AccountId, EmailId, MailboxId, Timestamp, UidSet};

use super::ask::{self, Question};
use super::field::{Field, fields};
use super::{SearchKey, SearchSort};
use crate::error::{Error, Result};
use crate::sql::Value;
use crate::{SearchField, SearchTerm, SmimeIs, SmimeStatus};

/// Terms of one search, at most.
const TERMS_MAX: usize = 256;
/// How deep terms lie in one another, at most.
const DEPTH_MAX: usize = 32;
/// Runs of a set of UIDs that are written out; a set of more is handed over as a list.
const RUNS_MAX: usize = 16;
/// Numbers of a set that is handed over as a list: a large mailbox, every second message.
const NUMBERS_MAX: u32 = 1_000_000;

/// Numbers that are fewer than this are few.
const NARROW_MAX: u32 = 1_000;

/// Where a search looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// In one mailbox: rows are placements (`p`).
    Mailbox(MailboxId),
    /// In a whole account: rows are messages (`e`).
    Account,
}

/// The mailbox a term is bound to, so that nothing else is read.
pub(super) fn scope_of(term: &SearchTerm) -> Scope {
    match term {
        SearchTerm::InMailbox(mailbox_id) => Scope::Mailbox(*mailbox_id),
        SearchTerm::All(terms) => {
            terms.iter().map(scope_of).find(|scope| *scope != Scope::Account).unwrap_or(Scope::Account)
        }
        _ => Scope::Account,
    }
}

enum Parameter {
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// A statement that is being written.
pub(super) struct Statement {
    is_postgres: bool,
    scope: Scope,
    account_no: Option<i64>,
    parameters: Vec<Parameter>,
    /// Whether a placement's row does not answer everything.
    needs_email: bool,
    /// Whether it is ordered by what only the index knows.
    needs_keys: bool,
    /// Whether words or names lead to few messages, of which all else is asked.
    is_narrow: bool,
    terms: usize,
    /// What was asked in words, for the order by relevance.
    asked: Vec<(SearchField, Question)>,
}

fn is_seen(term: &SearchTerm) -> bool {
    matches!(term, SearchTerm::Keyword(keyword) if keyword.eq_ignore_ascii_case("$seen"))
}

/// Whether a term leads to few messages by itself.
fn is_narrow(term: &SearchTerm) -> bool {
    match term {
        SearchTerm::All(terms) => terms.iter().any(is_narrow),
        SearchTerm::Words(..) | SearchTerm::Header(..) | SearchTerm::Email(_) | SearchTerm::Thread(_) => true,
        SearchTerm::Uids(uids) => uids.len() <= NARROW_MAX,
        _ => false,
    }
}

/// The account is always the first parameter; a mailbox that is searched the second.
const ACCOUNT: &str = "$1";

impl Statement {
    pub(super) fn new(
        is_postgres: bool,
        scope: Scope,
        account_id: AccountId,
        account_no: Option<i64>,
    ) -> Self {
        let mut parameters = vec![Parameter::Bytes(account_id.as_bytes().to_vec())];
        if let Scope::Mailbox(mailbox_id) = scope {
            parameters.push(Parameter::Bytes(mailbox_id.as_bytes().to_vec()));
        }
        let needs_email = scope == Scope::Account;
        Self {
            is_postgres,
            scope,
            account_no,
            parameters,
            needs_email,
            needs_keys: false,
            is_narrow: false,
            terms: 0,
            asked: Vec::new(),
        }
    }

    pub(super) fn values(&self) -> Vec<Value<'_>> {
        let value = |parameter| match parameter {
            &Parameter::Int(value) => Value::from(value),
            Parameter::Text(value) => Value::from(value),
            Parameter::Bytes(value) => Value::from(value),
        };
        self.parameters.iter().map(value).collect()
    }

    fn bind(&mut self, parameter: Parameter) -> String {
        self.parameters.push(parameter);
        format!("${}", self.parameters.len())
    }

    /// A column that placements repeat.
    fn shared(&self, column: &str) -> String {
        let alias = if self.scope == Scope::Account { "e" } else { "p" };
        format!("{alias}.{column}")
    }

    /// A column of the message alone.
    fn own(&mut self, column: &str) -> String {
        self.needs_email = true;
        format!("e.{column}")
    }

    pub(super) fn condition(&mut self, term: &SearchTerm) -> Result<String> {
        self.is_narrow = is_narrow(term);
        self.term(term, 0)
    }

    fn term(&mut self, term: &SearchTerm, depth: usize) -> Result<String> {
        self.terms += 1;
        if self.terms > TERMS_MAX || depth > DEPTH_MAX {
            return Err(Error::Refused("a search is too long"));
        }
        Ok(match term {
            SearchTerm::All(terms) => self.joined(terms, " AND ", "1 = 1", depth)?,
            SearchTerm::Any(terms) => self.joined(terms, " OR ", "1 = 0", depth)?,
            SearchTerm::Not(term) if is_seen(term) => self.unseen(),
            SearchTerm::Not(term) => format!("NOT ({})", self.term(term, depth + 1)?),
            SearchTerm::Words(field, words) => {
                let question = ask::question(words);
                let condition = self.words(&fields(*field), &question);
                self.asked.push((*field, question));
                condition
            }
            SearchTerm::Header(name, value) => self.header(name, value.as_deref()),
            SearchTerm::Uids(uids) => self.uids_among(uids)?,
            SearchTerm::Deleted => match self.scope {
                Scope::Mailbox(_) => "p.is_deleted = 1".to_owned(),
                Scope::Account => "1 = 0".to_owned(),
            },
            SearchTerm::SavedFrom(at) => self.saved(">=", *at),
            SearchTerm::SavedBefore(at) => self.saved("<", *at),
            SearchTerm::InMailbox(mailbox_id) => self.in_mailbox(*mailbox_id),
            SearchTerm::InMailboxOtherThan(list) => self.in_mailbox_other_than(list),
            SearchTerm::Keyword(_) if is_seen(term) => format!("NOT ({})", self.unseen()),
            SearchTerm::Keyword(keyword) => self.with_keyword(keyword),
            SearchTerm::SizeBelow(bytes) => self.shorter_than(*bytes),
            SearchTerm::HasAttachment => self.with_attachment(),
            SearchTerm::Smime(what) => self.smime(*what),
            SearchTerm::AllInThreadHaveKeyword(keyword) => self.thread_keyword(keyword, true),
            SearchTerm::SomeInThreadHaveKeyword(keyword) => self.thread_keyword(keyword, false),
            other => self.column(other),
        })
    }

    fn joined(&mut self, terms: &[SearchTerm], word: &str, empty: &str, depth: usize) -> Result<String> {
        if terms.is_empty() {
            return Ok(empty.to_owned());
        }
        let parts = terms.iter().map(|term| self.term(term, depth + 1)).collect::<Result<Vec<_>>>()?;
        Ok(format!("({})", parts.join(word)))
    }

    /// Terms that compare one column.
    fn column(&mut self, term: &SearchTerm) -> String {
        let moment = |at: &Timestamp| Parameter::Int(at.millis());
        let bytes = |bytes: &[u8]| Parameter::Bytes(bytes.to_vec());
        let (column, sign, value) = match term {
            SearchTerm::ReceivedFrom(at) => (self.shared("received_at"), ">=", moment(at)),
            SearchTerm::ReceivedBefore(at) => (self.shared("received_at"), "<", moment(at)),
            SearchTerm::SentFrom(at) => (self.own("sent_at"), ">=", moment(at)),
            SearchTerm::SentBefore(at) => (self.own("sent_at"), "<", moment(at)),
            SearchTerm::SizeFrom(bytes) => {
                let bytes = i64::try_from(*bytes).unwrap_or(i64::MAX);
                (self.own("size"), ">=", Parameter::Int(bytes))
            }
            SearchTerm::ModseqFrom(modseq) => (self.own("modseq"), ">=", Parameter::Int(modseq.0)),
            SearchTerm::Email(id) => (self.shared("email_id"), "=", bytes(id.as_bytes())),
            SearchTerm::Thread(id) => (self.shared("thread_id"), "=", bytes(id.as_bytes())),
            // All others have been answered before.
            _ => return "1 = 0".to_owned(),
        };
        let value = self.bind(value);
        match term {
            // A message without a Date was sent neither before nor after, and the opposite is true of it.
            SearchTerm::SentFrom(_) | SearchTerm::SentBefore(_) => {
                format!("({column} IS NOT NULL AND {column} {sign} {value})")
            }
            // Who asks for long messages asks for few: SQLite, which has no figures of a column, is told so.
            SearchTerm::SizeFrom(_) if !self.is_postgres => {
                format!("likelihood({column} {sign} {value}, 0.01)")
            }
            _ => format!("{column} {sign} {value}"),
        }
    }

    fn saved(&mut self, sign: &str, at: Timestamp) -> String {
        let Scope::Mailbox(_) = self.scope else { return "1 = 0".to_owned() };
        let at = self.bind(Parameter::Int(at.millis()));
        // Rows from before the moment was kept count as saved when they arrived.
        format!("COALESCE(p.saved_at, p.received_at) {sign} {at}")
    }

    fn smime(&mut self, what: SmimeIs) -> String {
        let blob_id = self.own("blob_id");
        let good = SmimeStatus::Verified.as_str();
        let is = match what {
            SmimeIs::There => String::new(),
            SmimeIs::Verified => format!(" AND s.status = '{good}'"),
            SmimeIs::VerifiedAtDelivery => format!(" AND s.at_delivery = '{good}'"),
        };
        format!(
            "EXISTS (SELECT 1 FROM email_smime s WHERE s.account_id = {ACCOUNT} AND s.blob_id = {blob_id}{is})"
        )
    }

    fn in_mailbox(&mut self, mailbox_id: MailboxId) -> String {
        if self.scope == Scope::Mailbox(mailbox_id) {
            return "1 = 1".to_owned();
        }
        let (email_id, mailbox) = (self.shared("email_id"), Parameter::Bytes(mailbox_id.as_bytes().to_vec()));
        let mailbox = self.bind(mailbox);
        format!(
            "EXISTS (SELECT 1 FROM placement i WHERE i.account_id = {ACCOUNT} AND i.email_id = {email_id} \
             AND i.mailbox_id = {mailbox})"
        )
    }

    fn in_mailbox_other_than(&mut self, list: &[MailboxId]) -> String {
        let email_id = self.shared("email_id");
        let others: Vec<String> = list
            .iter()
            .map(|id| {
                let id = self.bind(Parameter::Bytes(id.as_bytes().to_vec()));
                format!(" AND o.mailbox_id <> {id}")
            })
            .collect();
        format!(
            "EXISTS (SELECT 1 FROM placement o WHERE o.account_id = {ACCOUNT} AND o.email_id = {email_id}{})",
            others.concat()
        )
    }

    /// Numbers of the mailbox that is searched; an account has none.
    fn uids_among(&mut self, uids: &UidSet) -> Result<String> {
        if self.scope == Scope::Account || uids.is_empty() {
            return Ok("1 = 0".to_owned());
        }
        if uids.runs().len() <= RUNS_MAX {
            let runs = uids.runs().map(|(first, last)| format!("p.uid BETWEEN {first} AND {last}"));
            return Ok(format!("({})", runs.collect::<Vec<_>>().join(" OR ")));
        }
        if uids.len() > NUMBERS_MAX {
            return Err(Error::Refused("a set of messages is too long"));
        }
        let numbers: Vec<String> = uids.iter().map(|uid| uid.to_string()).collect();
        let list = self.bind(Parameter::Text(format!("[{}]", numbers.join(","))));
        Ok(match self.is_postgres {
            true => format!(
                "p.uid IN (SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST({list} AS json)) AS t(value))"
            ),
            false => format!("p.uid IN (SELECT value FROM json_each({list}))"),
        })
    }

    fn keyword(&mut self, column: &str, keyword: &str) -> String {
        let keyword =
            keyword.to_ascii_lowercase().replace('\\', "\\\\").replace('_', "\\_").replace('%', "\\%");
        let keyword = self.bind(Parameter::Text(format!("% {keyword} %")));
        format!("{column} LIKE {keyword} ESCAPE '\\'")
    }

    fn thread_keyword(&mut self, keyword: &str, every: bool) -> String {
        let thread_id = self.shared("thread_id");
        let has = self.keyword("t.keywords", keyword);
        let (not, is_so) = if every { ("NOT ", "NOT ") } else { ("", "") };
        format!(
            "{not}EXISTS (SELECT 1 FROM email t WHERE t.account_id = {ACCOUNT} AND t.thread_id = {thread_id} \
             AND {is_so}({has}))"
        )
    }

    fn header(&mut self, name: &str, value: Option<&str>) -> String {
        let field = Field::header(name);
        match value.map(ask::contained).filter(|question| !question.is_empty()) {
            Some(question) => self.words(&[field], &question),
            None => self.words(&[field], &ask::presence()),
        }
    }

    /// Messages that hold all that is asked, each part of it in one of the fields.
    fn words(&mut self, fields: &[Field], question: &Question) -> String {
        let Some(account_no) = self.account_no else { return "1 = 0".to_owned() };
        if question.is_empty() {
            // What has no letters and digits is in everything, as an empty text is (RFC 9051 §6.4.4).
            return "1 = 1".to_owned();
        }
        let mut parts = Vec::with_capacity(question.phrases().len());
        for phrase in question.phrases() {
            parts.push(match self.is_postgres {
                true => {
                    let query = self.bind(Parameter::Text(phrase.tsquery(account_no, fields)));
                    format!("SELECT w.email_no FROM search_words w WHERE w.words @@ CAST({query} AS tsquery)")
                }
                false => {
                    let query = self.bind(Parameter::Text(phrase.fts5(account_no, fields)));
                    format!("SELECT rowid / 2 FROM search_words WHERE search_words MATCH {query}")
                }
            });
        }
        let email_id = self.shared("email_id");
        format!(
            "{email_id} IN (SELECT d.email_id FROM search_email d WHERE d.account_id = {ACCOUNT} AND d.email_no IN ({}))",
            parts.join(" INTERSECT ")
        )
    }

    /// The order of messages, as the texts after ORDER BY.
    pub(super) fn order(&mut self, sort: &[SearchSort]) -> String {
        let mut steps = Vec::with_capacity(sort.len() + 2);
        for SearchSort { key, ascending } in sort {
            let key = match key {
                SearchKey::ReceivedAt => self.arrival(),
                SearchKey::SentAt => {
                    let (sent_at, received_at) = (self.own("sent_at"), self.own("received_at"));
                    format!("COALESCE({sent_at}, {received_at})")
                }
                SearchKey::Size => self.own("size"),
                SearchKey::Relevance => match self.relevance() {
                    Some(score) => score,
                    // Nothing was asked in words: all answer alike.
                    None => continue,
                },
                SearchKey::From => self.sort_key("from_key"),
                SearchKey::To => self.sort_key("to_key"),
                SearchKey::Subject => self.sort_key("subject_key"),
                SearchKey::HasKeyword(keyword) => {
                    let column = self.own("keywords");
                    let has = self.keyword(&column, keyword);
                    format!("CASE WHEN {has} THEN 1 ELSE 0 END")
                }
                SearchKey::AllInThreadHaveKeyword(keyword) => {
                    format!("CASE WHEN {} THEN 1 ELSE 0 END", self.thread_keyword(keyword, true))
                }
                SearchKey::SomeInThreadHaveKeyword(keyword) => {
                    format!("CASE WHEN {} THEN 1 ELSE 0 END", self.thread_keyword(keyword, false))
                }
            };
            steps.push(format!("{key}{}", if *ascending { "" } else { " DESC" }));
        }
        // Ids follow in the direction of the arrival, as in the lists that an index answers.
        let arrival = sort.iter().find(|step| step.key == SearchKey::ReceivedAt);
        let direction = if arrival.is_some_and(|step| step.ascending) { "" } else { " DESC" };
        if arrival.is_none() {
            steps.push(format!("{} DESC", self.arrival()));
        }
        steps.push(format!("{}{direction}", self.shared("email_id")));
        steps.join(", ")
    }

    /// When a message arrived. Few messages are sorted once they are found: SQLite would rather go through the whole mailbox in this order and
    /// ask each; the plus sign hides the index from it.
    fn arrival(&self) -> String {
        let hidden = if self.is_narrow && !self.is_postgres { "+" } else { "" };
        format!("{hidden}{}", self.shared("received_at"))
    }

    fn sort_key(&mut self, column: &str) -> String {
        self.needs_keys = true;
        // The order of code points on both engines.
        let bytewise = if self.is_postgres { " COLLATE \"C\"" } else { "" };
        format!("COALESCE(k.{column}, ''){bytewise}")
    }

    fn from(&self) -> String {
        let mut from = match (self.scope, self.needs_email) {
            (Scope::Account, _) => format!("FROM email e{} WHERE e.account_id = {ACCOUNT}", self.keys()),
            (Scope::Mailbox(_), true) => format!(
                "FROM placement p JOIN email e ON e.account_id = p.account_id AND e.email_id = p.email_id{} \
                 WHERE p.account_id = {ACCOUNT} AND p.mailbox_id = $2",
                self.keys()
            ),
            (Scope::Mailbox(_), false) => format!(
                "FROM placement p{} WHERE p.account_id = {ACCOUNT} AND p.mailbox_id = $2",
                self.keys()
            ),
        };
        from.push_str(" AND ");
        from
    }

    fn keys(&self) -> String {
        if !self.needs_keys {
            return String::new();
        }
        let alias = if self.scope == Scope::Account { "e" } else { "p" };
        format!(
            " LEFT JOIN search_email k ON k.account_id = {alias}.account_id AND k.email_id = {alias}.email_id"
        )
    }

    /// The UIDs as one text: a row for each would cost more than finding it.
    pub(super) fn uids(&self, condition: &str) -> String {
        let list = match self.is_postgres {
            true => "string_agg(CAST(p.uid AS TEXT), ',')",
            false => "group_concat(p.uid, ',')",
        };
        format!("SELECT {list} {}{condition}", self.from())
    }

    /// Every message that fulfils the condition, numbered; or the first of each conversation.
    fn numbered(&self, condition: &str, order: &str, collapse: bool) -> String {
        let (email_id, thread_id) = (self.shared("email_id"), self.shared("thread_id"));
        let from = self.from();
        match collapse {
            false => format!(
                "SELECT {email_id} AS email_id, ROW_NUMBER() OVER (ORDER BY {order}) AS place {from}{condition}"
            ),
            true => format!(
                "SELECT email_id, ROW_NUMBER() OVER (ORDER BY place) AS place FROM (SELECT email_id, place, \
                 MIN(place) OVER (PARTITION BY thread_id) AS first_place FROM (SELECT {email_id} AS email_id, \
                 {thread_id} AS thread_id, ROW_NUMBER() OVER (ORDER BY {order}) AS place {from}{condition}) n) m \
                 WHERE place = first_place"
            ),
        }
    }

    /// A page of ids and, beside each, how many there are in all.
    pub(super) fn page(
        &mut self,
        condition: &str,
        order: &str,
        collapse: bool,
        position: i64,
        limit: i64,
    ) -> String {
        let numbered = self.numbered(condition, order, collapse);
        let limit = self.bind(Parameter::Int(limit));
        let position = self.bind(Parameter::Int(position));
        format!(
            "SELECT email_id, COUNT(*) OVER () FROM ({numbered}) f ORDER BY place LIMIT {limit} OFFSET {position}"
        )
    }

    /// The place of one message, from 0.
    pub(super) fn place(
        &mut self,
        condition: &str,
        order: &str,
        collapse: bool,
        email_id: EmailId,
    ) -> String {
        let numbered = self.numbered(condition, order, collapse);
        let email_id = self.bind(Parameter::Bytes(email_id.as_bytes().to_vec()));
        format!("SELECT place - 1 FROM ({numbered}) f WHERE email_id = {email_id}")
    }
}
