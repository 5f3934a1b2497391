//! SEARCH, SORT and THREAD (RFC 9051 §6.4.4, RFC 4731, RFC 5182, RFC 5256, RFC 9394).

use mail::{ModSeq, Timestamp, UidSet};
use store::{SearchField, SearchTerm, SearchWords};

use super::fetch::partial;
use super::flags::keyword;
use super::job::Job;
use super::select::modseq;
use super::sync::{ClosingCode, Looks};
use super::view::View;
use super::{Grant, Message, Session, Wish};
use crate::codec::command::{Flag, Search, SearchKey, SearchReturn, SortKey, ThreadAlgorithm};
use crate::codec::response::{Code, Esearch, Numbers};
use crate::order;

/// SEARCH, SORT or THREAD under way.
#[derive(Debug)]
pub(super) struct Searching {
    pub(super) tag: String,
    pub(super) uid: bool,
    what: What,
    pub(super) returns: Option<Vec<SearchReturn>>,
    /// A mod-sequence was asked for, so the highest of those found is told (RFC 7162 §3.1.5).
    pub(super) highest: Option<ModSeq>,
    pub(super) found: UidSet,
    /// Found, and not looked at yet.
    left: UidSet,
    pub(super) rows: Vec<order::Row>,
}

impl Searching {
    /// What sorting and threading look at. The client hears the number that it counts in.
    fn row_of(&self, message: &Message, view: &Option<Box<View>>) -> Option<order::Row> {
        let uid = message.row.uid.0;
        let number = if self.uid { Some(uid) } else { view.as_ref()?.uids.place_of(uid) };
        Some(order::Row::new(number?, message.row.received_at, message.row.size, message.facts.as_deref()?))
    }

    /// The highest mod-sequence of those found, when it is told.
    pub(super) fn highest(&self) -> Option<u64> {
        self.highest.map(|highest| highest.0.unsigned_abs()).filter(|_| !self.found.is_empty())
    }

    /// The page that RETURN (PARTIAL) asks for.
    pub(super) fn range(&self) -> Option<(i64, i64)> {
        self.returns.iter().flatten().find_map(|one| match one {
            SearchReturn::Partial(first, last) => Some((*first, *last)),
            _ => None,
        })
    }
}

#[derive(Debug)]
enum What {
    Search,
    Sort(Vec<SortKey>),
    Thread(ThreadAlgorithm),
}

impl Session {
    pub(super) fn search(
        &mut self,
        tag: String,
        uid: bool,
        search: Search,
        returns: Option<Vec<SearchReturn>>,
    ) {
        self.begin_search(tag, uid, What::Search, search, returns);
    }

    pub(super) fn sort(
        &mut self,
        tag: String,
        uid: bool,
        order: Vec<SortKey>,
        search: Search,
        returns: Option<Vec<SearchReturn>>,
    ) {
        self.begin_search(tag, uid, What::Sort(order), search, returns);
    }

    pub(super) fn thread(&mut self, tag: String, uid: bool, algorithm: ThreadAlgorithm, search: Search) {
        self.begin_search(tag, uid, What::Thread(algorithm), search, None);
    }

    fn begin_search(
        &mut self,
        tag: String,
        uid: bool,
        what: What,
        search: Search,
        returns: Option<Vec<SearchReturn>>,
    ) {
        let by_modseq = search.keys.iter().any(asks_modseq);
        if by_modseq {
            self.enable_condstore();
        }
        let Some(view) = &mut self.view else { return };
        let Some(term) = all_of(search.keys, view, self.now) else {
            return self.bad(&tag, "No such message number");
        };
        if returns.as_ref().is_some_and(|asked| asked.contains(&SearchReturn::Save)) {
            // RFC 5182 §2.1: a search that fails leaves nothing saved.
            view.saved = UidSet::new();
        }
        let searching = Box::new(Searching {
            tag,
            uid,
            what,
            returns,
            highest: by_modseq.then_some(ModSeq(0)),
            found: UidSet::new(),
            left: UidSet::new(),
            rows: Vec::new(),
        });
        match by_numbers(&term, view) {
            Some(found) => self.found(searching, found),
            None => {
                let wish = Wish::Search { mailbox_id: view.mailbox_id, term };
                self.job = Job::Search(searching);
                self.wish(wish);
            }
        }
    }

    pub(super) fn search_granted(&mut self, mut searching: Box<Searching>, grant: Grant) {
        match grant {
            Grant::Found(found) => {
                let Some(view) = &self.view else { return };
                // The client is told of nothing that it does not know of yet.
                let found = view.uids.intersect(&found);
                self.found(searching, found);
            }
            Grant::Messages(messages) => {
                for message in messages {
                    searching.highest = searching.highest.map(|highest| highest.max(message.row.modseq));
                    if !matches!(searching.what, What::Search) {
                        searching.rows.extend(searching.row_of(&message, &self.view));
                    }
                }
                self.job = Job::Search(searching);
            }
            _ => self.say_bye("An answer out of turn"),
        }
    }

    fn found(&mut self, mut searching: Box<Searching>, found: UidSet) {
        let needs_rows = !matches!(searching.what, What::Search);
        if needs_rows && found.len() > self.limits.ordered_max {
            return self.no(
                &searching.tag,
                Some(Code::Limit),
                "More than can be put in order; narrow the search",
            );
        }
        if needs_rows || searching.highest.is_some() {
            searching.left = found.clone();
        }
        searching.found = found;
        self.job = Job::Search(searching);
    }

    /// Looks at the next of those found where that is needed, or answers.
    pub(super) fn search_on(&mut self, mut searching: Box<Searching>) {
        let Some(view) = &self.view else { return };
        if !searching.left.is_empty() {
            let uids = searching.left.at_places(&UidSet::run(1, self.limits.page_messages));
            searching.left = searching.left.without(&uids);
            let with_facts = !matches!(searching.what, What::Search);
            let wish = Wish::Messages { mailbox_id: view.mailbox_id, uids, with_facts };
            self.job = Job::Search(searching);
            return self.wish(wish);
        }
        match std::mem::replace(&mut searching.what, What::Search) {
            What::Search => self.tell_found(&searching),
            What::Sort(order) => self.tell_sorted(&searching, &order),
            What::Thread(algorithm) => self.out.thread(&order::thread(&searching.rows, algorithm)),
        }
        let looks = if searching.uid { Looks::IfNews } else { Looks::Never };
        self.finish_with(searching.tag, ClosingCode::None, "SEARCH completed", looks);
    }

    fn tell_found(&mut self, searching: &Searching) {
        let Some(view) = &mut self.view else { return };
        let numbers = match searching.uid {
            true => searching.found.clone(),
            false => view.uids.places_of(&searching.found),
        };
        let highest = searching.highest();
        let Some(returns) = &searching.returns else {
            if !self.enabled.rev2 {
                return self.out.search(numbers.iter(), highest);
            }
            let all = Some(Numbers::Set(&numbers));
            let tag = &searching.tag;
            return self.out.esearch(&Esearch {
                tag,
                uid: searching.uid,
                all,
                modseq: highest,
                ..Esearch::default()
            });
        };
        if returns.contains(&SearchReturn::Save) {
            view.saved = saved(returns, &searching.found);
        }
        // RFC 5182 §2.1: who only saves is told nothing.
        if returns.as_slice() == [SearchReturn::Save] {
            return;
        }
        let asks = |one: SearchReturn| returns.contains(&one);
        let page = searching.range().map(|range| (range, partial(&numbers, range)));
        self.out.esearch(&Esearch {
            tag: &searching.tag,
            uid: searching.uid,
            min: numbers.first().filter(|_| asks(SearchReturn::Min)),
            max: numbers.last().filter(|_| asks(SearchReturn::Max)),
            // RFC 4731 §3.1: RETURN () is RETURN (ALL).
            all: (asks(SearchReturn::All) || returns.is_empty()).then_some(Numbers::Set(&numbers)),
            count: asks(SearchReturn::Count).then(|| numbers.len()),
            partial: page.as_ref().map(|(range, page)| (*range, Numbers::Set(page))),
            modseq: highest,
        });
    }
}

/// What is kept for `$` (RFC 5182 §2.1, RFC 9394 §3.2): all that was found, unless only its ends or a page were asked for.
fn saved(returns: &[SearchReturn], found: &UidSet) -> UidSet {
    let is_whole = returns.iter().any(|one| matches!(one, SearchReturn::All | SearchReturn::Count));
    let mut ends = Vec::new();
    for one in returns {
        match one {
            SearchReturn::Min => ends.extend(found.first()),
            SearchReturn::Max => ends.extend(found.last()),
            SearchReturn::Partial(first, last) => ends.extend(partial(found, (*first, *last)).iter()),
            SearchReturn::All | SearchReturn::Count | SearchReturn::Save => {}
        }
    }
    let has_parts = returns
        .iter()
        .any(|one| matches!(one, SearchReturn::Min | SearchReturn::Max | SearchReturn::Partial(..)));
    if is_whole || !has_parts { found.clone() } else { ends.into_iter().collect() }
}

fn asks_modseq(key: &SearchKey) -> bool {
    match key {
        SearchKey::Modseq(_) => true,
        SearchKey::Not(key) => asks_modseq(key),
        SearchKey::Or(one, other) => asks_modseq(one) || asks_modseq(other),
        SearchKey::And(keys) => keys.iter().any(asks_modseq),
        _ => false,
    }
}

/// Those that are told by their numbers alone.
fn by_numbers(term: &SearchTerm, view: &View) -> Option<UidSet> {
    match term {
        SearchTerm::All(terms) => terms
            .iter()
            .try_fold(view.uids.clone(), |found, term| Some(found.intersect(&by_numbers(term, view)?))),
        SearchTerm::Any(terms) => terms.iter().try_fold(UidSet::new(), |found, term| {
            let more = by_numbers(term, view)?;
            Some(found.runs().chain(more.runs()).collect())
        }),
        SearchTerm::Not(term) => Some(view.uids.without(&by_numbers(term, view)?)),
        SearchTerm::Uids(uids) => Some(view.uids.intersect(uids)),
        _ => None,
    }
}

fn all_of(keys: Vec<SearchKey>, view: &View, now: Timestamp) -> Option<SearchTerm> {
    let mut terms: Vec<SearchTerm> =
        keys.into_iter().map(|key| term(key, view, now)).collect::<Option<_>>()?;
    Some(match terms.len() {
        1 => terms.swap_remove(0),
        _ => SearchTerm::All(terms),
    })
}

/// What the memory is asked for; `None` when a message's number is not there.
fn term(key: SearchKey, view: &View, now: Timestamp) -> Option<SearchTerm> {
    Some(match key {
        SearchKey::All | SearchKey::SaveDateSupported => SearchTerm::All(Vec::new()),
        SearchKey::Sequence(set) => SearchTerm::Uids(view.named(&set, false)?),
        SearchKey::Uid(set) => SearchTerm::Uids(view.named(&set, true)?),
        SearchKey::Saved => SearchTerm::Uids(view.saved.clone()),
        SearchKey::Flag(Flag::Deleted) => SearchTerm::Deleted,
        SearchKey::Flag(flag) => SearchTerm::Keyword(keyword(flag).unwrap_or_default()),
        SearchKey::Recent => SearchTerm::Any(Vec::new()),
        SearchKey::Header(name, value) => header(name, value),
        SearchKey::Text(words) => words_in(SearchField::Text, words),
        SearchKey::Body(words) => words_in(SearchField::Body, words),
        SearchKey::Received(from, before) => {
            between(from.map(SearchTerm::ReceivedFrom), before.map(SearchTerm::ReceivedBefore))
        }
        SearchKey::Sent(from, before) => {
            between(from.map(SearchTerm::SentFrom), before.map(SearchTerm::SentBefore))
        }
        SearchKey::Saved8514(from, before) => {
            between(from.map(SearchTerm::SavedFrom), before.map(SearchTerm::SavedBefore))
        }
        SearchKey::Larger(bytes) => SearchTerm::SizeFrom(bytes.saturating_add(1)),
        SearchKey::Smaller(bytes) => SearchTerm::SizeBelow(bytes),
        SearchKey::Older(seconds) => {
            let latest = Timestamp::from_millis(ago(now, seconds).millis().saturating_add(1));
            SearchTerm::ReceivedBefore(latest)
        }
        SearchKey::Younger(seconds) => SearchTerm::ReceivedFrom(ago(now, seconds)),
        SearchKey::Modseq(number) => SearchTerm::ModseqFrom(modseq(number)),
        SearchKey::EmailId(id) => id.parse().map_or(SearchTerm::Any(Vec::new()), SearchTerm::Email),
        SearchKey::ThreadId(id) => id.parse().map_or(SearchTerm::Any(Vec::new()), SearchTerm::Thread),
        SearchKey::Not(key) => SearchTerm::Not(Box::new(term(*key, view, now)?)),
        SearchKey::Or(one, other) => SearchTerm::Any(vec![term(*one, view, now)?, term(*other, view, now)?]),
        SearchKey::And(keys) => all_of(keys, view, now)?,
    })
}

fn ago(now: Timestamp, seconds: u32) -> Timestamp {
    now.minus(std::time::Duration::from_secs(u64::from(seconds)))
}

fn between(from: Option<SearchTerm>, before: Option<SearchTerm>) -> SearchTerm {
    SearchTerm::All(from.into_iter().chain(before).collect())
}

/// RFC 9051 §6.4.4: the fields with words of their own are looked for as words, others as they stand.
fn header(name: String, value: String) -> SearchTerm {
    let field = match name.as_str() {
        "from" => SearchField::From,
        "to" => SearchField::To,
        "cc" => SearchField::Cc,
        "bcc" => SearchField::Bcc,
        "subject" => SearchField::Subject,
        _ => return SearchTerm::Header(name, Some(value).filter(|value| !value.is_empty())),
    };
    match value.is_empty() {
        true => SearchTerm::Header(name, None),
        false => words_in(field, value),
    }
}

/// Words in a field; an empty text is in every message.
fn words_in(field: SearchField, words: String) -> SearchTerm {
    match words.is_empty() {
        true => SearchTerm::All(Vec::new()),
        false => SearchTerm::Words(field, SearchWords::Phrase(words)),
    }
}
