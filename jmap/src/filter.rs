//! What a client looks for: filters and sorts of `Email/query` (RFC 8621 §4.4.1, §4.4.2) as the store takes them.

use mail::{MailboxId, Timestamp};
use serde_json::{Map, Value};
use store::{EmailQuery, EmailSearch, SearchField, SearchKey, SearchSort, SearchTerm, SearchWords, SmimeIs};

use crate::Error;
use crate::args::{Args, invalid, texts};
use crate::patch::is_keyword;

/// Conditions of one filter, however they are joined.
const CONDITIONS_MAX: usize = 64;
/// Operators in one another.
const DEPTH_MAX: usize = 8;
/// Steps of a sort.
const SORTS_MAX: usize = 8;

/// Words of `emailQuerySortOptions` (RFC 8621 §1.3.1).
pub(crate) const SORT_OPTIONS: [&str; 10] = [
    "receivedAt",
    "sentAt",
    "size",
    "from",
    "to",
    "subject",
    "hasKeyword",
    "allInThreadHaveKeyword",
    "someInThreadHaveKeyword",
    // Not of the standard: docs/JMAP.md.
    "relevance",
];

/// A list of messages that was asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Asked {
    /// One that an index holds ready: of a mailbox, by dates and keywords, in the order of arrival.
    Listed(EmailQuery),
    /// One that is searched for.
    Searched(EmailSearch),
}

impl Asked {
    /// Takes filter, sort and `collapseThreads`.
    pub(crate) fn read(args: &mut Args) -> Result<Self, Error> {
        let term = read_filter(args.take("filter"))?;
        let sort = read_sort(args.list("sort")?.unwrap_or_default())?;
        let collapse_threads = args.flag("collapseThreads")?;
        Ok(match listed(&term, &sort, collapse_threads) {
            Some(query) => Self::Listed(query),
            None => Self::Searched(EmailSearch { term, sort, collapse_threads }),
        })
    }
}

/// The list that an index holds ready for a term, if there is one.
fn listed(term: &SearchTerm, sort: &[SearchSort], collapse_threads: bool) -> Option<EmailQuery> {
    let oldest_first = match sort {
        [] => false,
        [only] if only.key == SearchKey::ReceivedAt => only.ascending,
        _ => return None,
    };
    let mut query = EmailQuery { oldest_first, collapse_threads, ..EmailQuery::default() };
    let mut waiting = vec![term];
    while let Some(term) = waiting.pop() {
        match term {
            SearchTerm::All(terms) => waiting.extend(terms),
            SearchTerm::InMailbox(id) => once(&mut query.in_mailbox, *id)?,
            SearchTerm::ReceivedFrom(at) => {
                query.after = Some(query.after.map_or(*at, |other| other.max(*at)))
            }
            SearchTerm::ReceivedBefore(at) => {
                query.before = Some(query.before.map_or(*at, |other| other.min(*at)));
            }
            SearchTerm::Keyword(keyword) => once(&mut query.has_keyword, keyword.clone())?,
            SearchTerm::Not(term) => match &**term {
                SearchTerm::Keyword(keyword) => once(&mut query.not_keyword, keyword.clone())?,
                _ => return None,
            },
            _ => return None,
        }
    }
    Some(query)
}

/// `None` when something else is there already.
fn once<T: PartialEq>(slot: &mut Option<T>, value: T) -> Option<()> {
    let other = slot.replace(value);
    (other.is_none() || other == *slot).then_some(())
}

/// Reads a filter; without one everything fulfils it.
pub(crate) fn read_filter(filter: Option<Value>) -> Result<SearchTerm, Error> {
    let mut left = CONDITIONS_MAX;
    match filter {
        None => Ok(SearchTerm::All(Vec::new())),
        Some(filter) => term(filter, 0, &mut left),
    }
}

fn term(filter: Value, depth: usize, left: &mut usize) -> Result<SearchTerm, Error> {
    let Value::Object(mut filter) = filter else { return Err(invalid("filter", "object")) };
    if depth > DEPTH_MAX {
        return Err(Error::UnsupportedFilter("operators lie too deep in one another".to_owned()));
    }
    let Some(operator) = filter.remove("operator") else { return conditions(filter, left) };
    let Some(Value::Array(list)) = filter.remove("conditions") else {
        return Err(invalid("conditions", "list"));
    };
    let inner =
        list.into_iter().map(|filter| term(filter, depth + 1, left)).collect::<Result<Vec<_>, _>>()?;
    match operator.as_str() {
        Some("AND") => Ok(SearchTerm::All(inner)),
        Some("OR") => Ok(SearchTerm::Any(inner)),
        // RFC 8620 §5.5: none of the conditions.
        Some("NOT") => Ok(SearchTerm::Not(Box::new(SearchTerm::Any(inner)))),
        _ => Err(invalid("operator", "AND, OR or NOT")),
    }
}

fn conditions(conditions: Map<String, Value>, left: &mut usize) -> Result<SearchTerm, Error> {
    let mut terms = Vec::with_capacity(conditions.len());
    for (name, value) in conditions {
        *left = left.checked_sub(1).ok_or(Error::UnsupportedFilter("too many conditions".to_owned()))?;
        terms.push(condition(&name, value)?);
    }
    Ok(match terms.len() {
        1 => terms.remove(0),
        _ => SearchTerm::All(terms),
    })
}

/// One condition (RFC 8621 §4.4.1).
fn condition(name: &str, value: Value) -> Result<SearchTerm, Error> {
    let not = |term| SearchTerm::Not(Box::new(term));
    Ok(match name {
        "inMailbox" => SearchTerm::InMailbox(mailbox(&text(name, value)?)),
        "inMailboxOtherThan" => {
            SearchTerm::InMailboxOtherThan(texts(value, name)?.iter().map(|id| mailbox(id)).collect())
        }
        "before" => SearchTerm::ReceivedBefore(date(name, value)?),
        "after" => SearchTerm::ReceivedFrom(date(name, value)?),
        "minSize" => SearchTerm::SizeFrom(size(name, &value)?),
        "maxSize" => SearchTerm::SizeBelow(size(name, &value)?),
        "hasKeyword" => SearchTerm::Keyword(keyword(name, value)?),
        "notKeyword" => not(SearchTerm::Keyword(keyword(name, value)?)),
        "allInThreadHaveKeyword" => SearchTerm::AllInThreadHaveKeyword(keyword(name, value)?),
        "someInThreadHaveKeyword" => SearchTerm::SomeInThreadHaveKeyword(keyword(name, value)?),
        "noneInThreadHaveKeyword" => not(SearchTerm::SomeInThreadHaveKeyword(keyword(name, value)?)),
        "hasAttachment" => match value {
            Value::Bool(true) => SearchTerm::HasAttachment,
            Value::Bool(false) => not(SearchTerm::HasAttachment),
            _ => return Err(invalid(name, "boolean")),
        },
        "hasSmime" => smime(SmimeIs::There, name, &value)?,
        "hasVerifiedSmime" => smime(SmimeIs::Verified, name, &value)?,
        "hasVerifiedSmimeAtDelivery" => smime(SmimeIs::VerifiedAtDelivery, name, &value)?,
        "text" => words(SearchField::Text, name, value)?,
        "from" => words(SearchField::From, name, value)?,
        "to" => words(SearchField::To, name, value)?,
        "cc" => words(SearchField::Cc, name, value)?,
        "bcc" => words(SearchField::Bcc, name, value)?,
        "subject" => words(SearchField::Subject, name, value)?,
        "body" => words(SearchField::Body, name, value)?,
        "header" => header(texts(value, name)?)?,
        _ => {
            let name = mail::text::clip(name, 100);
            return Err(Error::UnsupportedFilter(format!("messages are not found by `{name}`")));
        }
    })
}

/// Conditions on signatures (RFC 9219 §4.2).
fn smime(what: SmimeIs, name: &str, value: &Value) -> Result<SearchTerm, Error> {
    match value {
        Value::Bool(true) => Ok(SearchTerm::Smime(what)),
        Value::Bool(false) => Ok(SearchTerm::Not(Box::new(SearchTerm::Smime(what)))),
        _ => Err(invalid(name, "boolean")),
    }
}

fn text(name: &str, value: Value) -> Result<String, Error> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(invalid(name, "text")),
    }
}

/// What is no id of ours names a mailbox without messages.
fn mailbox(id: &str) -> MailboxId {
    id.parse().unwrap_or(MailboxId::from_bytes([0; 16]))
}

fn date(name: &str, value: Value) -> Result<Timestamp, Error> {
    Timestamp::parse_rfc3339(&text(name, value)?).map_err(|_| invalid(name, "UTCDate"))
}

fn size(name: &str, value: &Value) -> Result<u64, Error> {
    value.as_u64().ok_or_else(|| invalid(name, "unsigned number"))
}

fn keyword(name: &str, value: Value) -> Result<String, Error> {
    let keyword = text(name, value)?.to_ascii_lowercase();
    if is_keyword(&keyword) { Ok(keyword) } else { Err(invalid(name, "keyword")) }
}

fn words(field: SearchField, name: &str, value: Value) -> Result<SearchTerm, Error> {
    Ok(SearchTerm::Words(field, SearchWords::Every(text(name, value)?)))
}

fn header(given: Vec<String>) -> Result<SearchTerm, Error> {
    let mut given = given.into_iter();
    match (given.next(), given.next(), given.next()) {
        (Some(name), value, None) => Ok(SearchTerm::Header(name.to_ascii_lowercase(), value)),
        _ => Err(invalid("header", "list of a name and perhaps a text")),
    }
}

/// Reads a sort (RFC 8621 §4.4.2).
fn read_sort(list: Vec<Value>) -> Result<Vec<SearchSort>, Error> {
    if list.len() > SORTS_MAX {
        return Err(Error::UnsupportedSort("a sort has too many steps".to_owned()));
    }
    list.into_iter().map(comparator).collect()
}

fn comparator(value: Value) -> Result<SearchSort, Error> {
    let Value::Object(mut step) = value else { return Err(invalid("sort", "list of comparators")) };
    let ascending = match step.remove("isAscending") {
        None | Some(Value::Null) => true,
        Some(Value::Bool(ascending)) => ascending,
        Some(_) => return Err(invalid("isAscending", "boolean")),
    };
    let Some(Value::String(property)) = step.remove("property") else {
        return Err(invalid("sort", "list of comparators"));
    };
    let mut with_keyword = || {
        let value = step.remove("keyword").ok_or_else(|| invalid("keyword", "keyword"))?;
        keyword("keyword", value)
    };
    let key = match property.as_str() {
        "receivedAt" => SearchKey::ReceivedAt,
        "sentAt" => SearchKey::SentAt,
        "size" => SearchKey::Size,
        "relevance" => SearchKey::Relevance,
        "from" => SearchKey::From,
        "to" => SearchKey::To,
        "subject" => SearchKey::Subject,
        "hasKeyword" => SearchKey::HasKeyword(with_keyword()?),
        "allInThreadHaveKeyword" => SearchKey::AllInThreadHaveKeyword(with_keyword()?),
        "someInThreadHaveKeyword" => SearchKey::SomeInThreadHaveKeyword(with_keyword()?),
        other => {
            let other = mail::text::clip(other, 100);
            return Err(Error::UnsupportedSort(format!("messages are not sorted by `{other}`")));
        }
    };
    Ok(SearchSort { key, ascending })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kind(filter: &Value, sort: &Value) -> &'static str {
        let given = json!({ "filter": filter, "sort": sort });
        let Value::Object(given) = given else { panic!() };
        match Asked::read(&mut Args(given)) {
            Ok(Asked::Listed(_)) => "listed",
            Ok(Asked::Searched(_)) => "searched",
            Err(error) => error.kind(),
        }
    }

    #[test]
    #[rustfmt::skip]
    fn rfc_8621_4_4_1_filters_that_an_index_lists_that_are_searched_and_others() {
        let nested = |n: usize| (0..n).fold(json!({}), |inner, _| json!({ "operator": "AND", "conditions": [inner] }));
        let rows = [
            (json!({}), "listed"),
            (json!({ "inMailbox": "x", "hasKeyword": "$Flagged" }), "listed"),
            (json!({ "operator": "AND", "conditions": [{ "after": "2026-01-01T00:00:00Z" }, { "notKeyword": "$seen" }] }), "listed"),
            (json!({ "operator": "AND", "conditions": [{ "hasKeyword": "a" }, { "hasKeyword": "A" }] }), "listed"),
            (json!({ "operator": "AND", "conditions": [{ "hasKeyword": "a" }, { "hasKeyword": "b" }] }), "searched"),
            (json!({ "operator": "OR", "conditions": [] }), "searched"),
            (json!({ "operator": "NOT", "conditions": [{ "hasKeyword": "a" }] }), "searched"),
            (json!({ "text": "họp" }), "searched"),
            (json!({ "from": "a", "to": "a", "cc": "a", "bcc": "a", "subject": "a", "body": "a" }), "searched"),
            (json!({ "header": ["X-Loai"] }), "searched"),
            (json!({ "header": ["X-Loai", "khẩn"] }), "searched"),
            (json!({ "minSize": 1, "maxSize": 2, "hasAttachment": false }), "searched"),
            (json!({ "inMailboxOtherThan": ["x"], "noneInThreadHaveKeyword": "a" }), "searched"),
            (json!({ "allInThreadHaveKeyword": "a", "someInThreadHaveKeyword": "a" }), "searched"),
            (nested(100), "unsupportedFilter"),
            (json!({ "operator": "AND", "conditions": vec![json!({ "hasKeyword": "a" }); 100] }), "unsupportedFilter"),
            (json!({ "colour": "red" }), "unsupportedFilter"),
            (json!({ "operator": "XOR", "conditions": [] }), "invalidArguments"),
            (json!({ "operator": "AND" }), "invalidArguments"),
            (json!({ "header": [] }), "invalidArguments"),
            (json!({ "header": ["a", "b", "c"] }), "invalidArguments"),
            (json!({ "minSize": -1 }), "invalidArguments"),
            (json!({ "hasKeyword": "a%" }), "invalidArguments"),
            (json!({ "hasKeyword": 1 }), "invalidArguments"),
            (json!({ "after": "yesterday" }), "invalidArguments"),
            (json!([]), "invalidArguments"),
        ];
        for (filter, expected) in rows {
            assert_eq!(kind(&filter, &Value::Null), expected, "{filter}");
        }
    }

    #[test]
    #[rustfmt::skip]
    fn rfc_8621_4_4_2_sorts() {
        let rows = [
            (json!([]), "listed"),
            (json!([{ "property": "receivedAt", "isAscending": false }]), "listed"),
            (json!([{ "property": "subject" }, { "property": "receivedAt" }]), "searched"),
            (json!([{ "property": "hasKeyword", "keyword": "$flagged" }]), "searched"),
            (json!([{ "property": "hasKeyword" }]), "invalidArguments"),
            (json!([{ "property": "size", "isAscending": "no" }]), "invalidArguments"),
            (json!([{ }]), "invalidArguments"),
            (json!([{ "property": "colour" }]), "unsupportedSort"),
            (json!(vec![json!({ "property": "size" }); 9]), "unsupportedSort"),
        ];
        for (sort, expected) in rows {
            assert_eq!(kind(&Value::Null, &sort), expected, "{sort}");
        }
        for property in SORT_OPTIONS {
            let sort = json!([{ "property": property, "keyword": "$flagged" }]);
            assert!(["listed", "searched"].contains(&kind(&Value::Null, &sort)), "{property}");
        }
    }
}
