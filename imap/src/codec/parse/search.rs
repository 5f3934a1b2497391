//! SEARCH, SORT and THREAD (RFC 9051 §6.4.4; RFC 4731, 5032, 5182, 5256, 5267, 5957, 7162, 8474, 8514, 9394).

use encoding_rs::{Encoding, UTF_8};
use mail::Timestamp;

use super::super::command::{Body, Flag, Search, SearchKey, SearchReturn, SortBy, SortKey, ThreadAlgorithm};
use super::cursor::Cursor;
use super::{Fault, Parsed, Refusal};

/// SEARCH. Texts are UTF-8 unless a charset is named.
pub(super) fn search(cursor: &mut Cursor<'_>, uid: bool) -> Parsed<Body> {
    let returns = returns(cursor)?;
    let mut charset = UTF_8;
    if cursor.eat_word("CHARSET") {
        cursor.blank()?;
        charset = self::charset(cursor)?;
        cursor.blank()?;
    }
    let search = keys(cursor, charset)?;
    Ok(Body::Search { uid, search, returns })
}

pub(super) fn sort(cursor: &mut Cursor<'_>, uid: bool) -> Parsed<Body> {
    let returns = returns(cursor)?;
    let order = cursor.list(sort_key)?;
    if order.is_empty() {
        return Err(Fault::Bad("Missing sort key"));
    }
    cursor.blank()?;
    let charset = charset(cursor)?;
    cursor.blank()?;
    let search = keys(cursor, charset)?;
    Ok(Body::Sort { uid, order, search, returns })
}

pub(super) fn thread(cursor: &mut Cursor<'_>, uid: bool) -> Parsed<Body> {
    let algorithm = match cursor.word().as_str() {
        "ORDEREDSUBJECT" => ThreadAlgorithm::OrderedSubject,
        "REFERENCES" => ThreadAlgorithm::References,
        _ => return Err(Fault::Bad("No such algorithm")),
    };
    cursor.blank()?;
    let charset = charset(cursor)?;
    cursor.blank()?;
    Ok(Body::Thread { uid, algorithm, search: keys(cursor, charset)? })
}

/// The charset of the command's texts, by the names of the Encoding Standard.
fn charset(cursor: &mut Cursor<'_>) -> Parsed<&'static Encoding> {
    let name = cursor.astring()?;
    Encoding::for_label(&name).ok_or(Fault::No(Refusal::Charset))
}

fn returns(cursor: &mut Cursor<'_>) -> Parsed<Option<Vec<SearchReturn>>> {
    if !cursor.eat_word("RETURN") {
        return Ok(None);
    }
    cursor.blank()?;
    let options = cursor.list(|cursor| {
        Ok(match cursor.word().as_str() {
            "MIN" => SearchReturn::Min,
            "MAX" => SearchReturn::Max,
            "ALL" => SearchReturn::All,
            "COUNT" => SearchReturn::Count,
            "SAVE" => SearchReturn::Save,
            "PARTIAL" => {
                cursor.blank()?;
                let (first, last) = cursor.partial_range()?;
                SearchReturn::Partial(first, last)
            }
            _ => return Err(Fault::Bad("No such return option")),
        })
    })?;
    cursor.blank()?;
    let partials = options.iter().filter(|option| matches!(option, SearchReturn::Partial(..))).count();
    if partials > 1 || (partials == 1 && options.contains(&SearchReturn::All)) {
        return Err(Fault::Bad("PARTIAL stands alone"));
    }
    Ok(Some(options))
}

/// `REVERSE` may stand before every key.
fn sort_key(cursor: &mut Cursor<'_>) -> Parsed<SortKey> {
    let reverse = cursor.eat_word("REVERSE");
    if reverse {
        cursor.blank()?;
    }
    let by = match cursor.word().as_str() {
        "ARRIVAL" => SortBy::Arrival,
        "CC" => SortBy::Cc,
        "DATE" => SortBy::Date,
        "FROM" => SortBy::From,
        "SIZE" => SortBy::Size,
        "SUBJECT" => SortBy::Subject,
        "TO" => SortBy::To,
        "DISPLAYFROM" => SortBy::DisplayFrom,
        "DISPLAYTO" => SortBy::DisplayTo,
        _ => return Err(Fault::Bad("No such sort key")),
    };
    Ok(SortKey { reverse, by })
}

fn keys(cursor: &mut Cursor<'_>, charset: &'static Encoding) -> Parsed<Search> {
    let mut keys = Keys { charset, depth: 0 };
    let mut found = vec![keys.key(cursor)?];
    while cursor.more() {
        found.push(keys.key(cursor)?);
    }
    Ok(Search { keys: found })
}

struct Keys {
    charset: &'static Encoding,
    depth: usize,
}

impl Keys {
    fn key(&mut self, cursor: &mut Cursor<'_>) -> Parsed<SearchKey> {
        cursor.count()?;
        match cursor.peek() {
            Some(b'(') => {
                self.deeper(cursor, |keys, cursor| match cursor.list(|cursor| keys.key(cursor))? {
                    none if none.is_empty() => Err(Fault::Bad("Missing search key")),
                    all => Ok(SearchKey::And(all)),
                })
            }
            Some(b'$') => {
                cursor.sequence_set()?;
                Ok(SearchKey::Saved)
            }
            Some(b'0'..=b'9' | b'*') => Ok(SearchKey::Sequence(cursor.sequence_set()?)),
            _ => self.named(cursor),
        }
    }

    /// The parser goes no deeper than its limit.
    fn deeper<'a>(
        &mut self,
        cursor: &mut Cursor<'a>,
        read: impl FnOnce(&mut Self, &mut Cursor<'a>) -> Parsed<SearchKey>,
    ) -> Parsed<SearchKey> {
        self.depth += 1;
        if self.depth > cursor.limits.depth_max {
            return Err(Fault::Bad("Search keys too deep"));
        }
        let key = read(self, cursor)?;
        self.depth -= 1;
        Ok(key)
    }

    fn named(&mut self, cursor: &mut Cursor<'_>) -> Parsed<SearchKey> {
        let name = cursor.word();
        if let Some(key) = alone(&name) {
            return Ok(key);
        }
        cursor.blank()?;
        match name.as_str() {
            "NOT" => self.deeper(cursor, |keys, cursor| Ok(not(keys.key(cursor)?))),
            "OR" => self.deeper(cursor, |keys, cursor| {
                let one = keys.key(cursor)?;
                cursor.blank()?;
                Ok(SearchKey::Or(Box::new(one), Box::new(keys.key(cursor)?)))
            }),
            "BCC" | "CC" | "FROM" | "SUBJECT" | "TO" => {
                Ok(SearchKey::Header(name.to_ascii_lowercase(), self.text(cursor)?))
            }
            "HEADER" => {
                let field = cursor.astring_text()?.to_ascii_lowercase();
                cursor.blank()?;
                Ok(SearchKey::Header(field, self.text(cursor)?))
            }
            "BODY" => Ok(SearchKey::Body(self.text(cursor)?)),
            "TEXT" => Ok(SearchKey::Text(self.text(cursor)?)),
            _ => with_value(cursor, &name),
        }
    }

    fn text(&self, cursor: &mut Cursor<'_>) -> Parsed<String> {
        let bytes = cursor.astring()?;
        let text = self.charset.decode_without_bom_handling_and_without_replacement(&bytes);
        text.map(|text| text.into_owned()).ok_or(Fault::Bad("Text is not in its charset"))
    }
}

fn not(key: SearchKey) -> SearchKey {
    SearchKey::Not(Box::new(key))
}

/// Keys without a value.
fn alone(name: &str) -> Option<SearchKey> {
    use SearchKey::Flag as Set;
    Some(match name {
        "ALL" => SearchKey::All,
        "ANSWERED" => Set(Flag::Answered),
        "DELETED" => Set(Flag::Deleted),
        "DRAFT" => Set(Flag::Draft),
        "FLAGGED" => Set(Flag::Flagged),
        "SEEN" => Set(Flag::Seen),
        "UNANSWERED" => not(Set(Flag::Answered)),
        "UNDELETED" => not(Set(Flag::Deleted)),
        "UNDRAFT" => not(Set(Flag::Draft)),
        "UNFLAGGED" => not(Set(Flag::Flagged)),
        "UNSEEN" => not(Set(Flag::Seen)),
        "NEW" | "RECENT" => SearchKey::Recent,
        "OLD" => not(SearchKey::Recent),
        "SAVEDATESUPPORTED" => SearchKey::SaveDateSupported,
        _ => return None,
    })
}

/// Keys with a value that is no text.
fn with_value(cursor: &mut Cursor<'_>, name: &str) -> Parsed<SearchKey> {
    Ok(match name {
        "UID" => SearchKey::Uid(cursor.sequence_set()?),
        "KEYWORD" => SearchKey::Flag(keyword(cursor)?),
        "UNKEYWORD" => not(SearchKey::Flag(keyword(cursor)?)),
        "LARGER" => SearchKey::Larger(cursor.number()?),
        "SMALLER" => SearchKey::Smaller(cursor.number()?),
        "OLDER" => SearchKey::Older(cursor.number::<std::num::NonZeroU32>()?.get()),
        "YOUNGER" => SearchKey::Younger(cursor.number::<std::num::NonZeroU32>()?.get()),
        "MODSEQ" => modseq(cursor)?,
        "EMAILID" => SearchKey::EmailId(cursor.atom()?.to_owned()),
        "THREADID" => SearchKey::ThreadId(cursor.atom()?.to_owned()),
        _ => dated(cursor, name)?,
    })
}

fn keyword(cursor: &mut Cursor<'_>) -> Parsed<Flag> {
    Ok(Flag::Keyword(cursor.atom()?.to_ascii_lowercase()))
}

/// MODSEQ, perhaps of one flag (RFC 7162 §3.1.5): flags have no mod-sequence of their own here, so the message's counts, as the RFC lets us.
fn modseq(cursor: &mut Cursor<'_>) -> Parsed<SearchKey> {
    if cursor.peek() == Some(b'"') {
        cursor.string()?;
        cursor.blank()?;
        if !["PRIV", "SHARED", "ALL"].contains(&cursor.word().as_str()) {
            return Err(Fault::Bad("Wrong MODSEQ"));
        }
        cursor.blank()?;
    }
    Ok(SearchKey::Modseq(cursor.number()?))
}

fn dated(cursor: &mut Cursor<'_>, name: &str) -> Parsed<SearchKey> {
    type Key = fn(Option<Timestamp>, Option<Timestamp>) -> SearchKey;
    let (key, relation): (Key, &str) = match name {
        "BEFORE" | "ON" | "SINCE" => (SearchKey::Received, name),
        "SENTBEFORE" | "SENTON" | "SENTSINCE" => (SearchKey::Sent, &name["SENT".len()..]),
        "SAVEDBEFORE" | "SAVEDON" | "SAVEDSINCE" => (SearchKey::Saved8514, &name["SAVED".len()..]),
        _ => return Err(Fault::Bad("No such search key")),
    };
    let day = cursor.day()?;
    Ok(match relation {
        "BEFORE" => key(None, Some(day.begins)),
        "ON" => key(Some(day.begins), Some(day.ends)),
        _ => key(Some(day.begins), None),
    })
}
