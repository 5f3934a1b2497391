//! Whole commands to words (RFC 9051 §6, §9; RFC 3501 and the extensions beside each word).

mod cursor;
mod date;
mod mailbox;
mod message;
mod search;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail::Secret;

use super::command::{Body, Command};
use super::input::Limits;
use cursor::{Cursor, utf8};

/// Longest tag; clients count.
pub(super) const TAG_MAX: usize = 64;

/// Why a command was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Its words are wrong.
    Bad(&'static str),
    /// Its words are right.
    No(Refusal),
}

/// Why a command that is right cannot be understood; each has its response code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A charset we do not read: `[BADCHARSET]` (RFC 9051 §6.4.4).
    Charset,
    /// An event we do not tell: `[BADEVENT]` (RFC 5465 §5).
    Event,
    /// A use no mailbox here can have: `[USEATTR]` (RFC 6154 §3).
    Use,
}

type Parsed<T> = Result<T, Fault>;

/// `tag`: what the answer carries; `None` when the text begins with none.
pub(super) fn tag(text: &[u8]) -> Option<String> {
    let end = text.iter().position(|byte| *byte == b' ').unwrap_or(text.len());
    let tag = text.get(..end)?;
    let is_tag = (1..=TAG_MAX).contains(&tag.len())
        && tag.iter().all(|byte| cursor::is_astring(*byte) && *byte != b'+');
    is_tag.then(|| String::from_utf8_lossy(tag).into_owned())
}

/// Whether the literal announced at the end of `text` is a message: APPEND's, once the mailbox was named.
pub(super) fn is_message_next(text: &[u8], literals: usize) -> bool {
    let after_tag = text.iter().position(|byte| *byte == b' ').and_then(|at| text.get(at..));
    let words = after_tag.unwrap_or_default().trim_ascii_start();
    let Some((name, rest)) = words.split_at_checked("APPEND ".len()) else { return false };
    let names_by_literal = matches!(rest.trim_ascii_start().first(), Some(b'{' | b'~'));
    name.eq_ignore_ascii_case(b"APPEND ") && (literals > 0 || !names_by_literal)
}

/// Reads a command. `text` holds its lines, `literals` what stands where they announce it.
pub(super) fn command(text: &[u8], literals: Vec<Vec<u8>>, utf8: bool, limits: &Limits) -> Parsed<Command> {
    let tag = tag(text).ok_or(Fault::Bad("Missing tag"))?;
    let mut cursor = Cursor::new(text, literals, utf8, limits);
    cursor.run(|byte| byte != b' ');
    cursor.blank()?;
    let name = cursor.word();
    let body = match name.as_str() {
        "UID" => {
            cursor.blank()?;
            let name = cursor.word();
            numbered(&mut cursor, &name, true)?
        }
        _ => match plain(&name) {
            Some(body) => body,
            None => with_arguments(&mut cursor, &name)?,
        },
    };
    cursor.end()?;
    Ok(Command { tag, body })
}

/// Commands without arguments.
fn plain(name: &str) -> Option<Body> {
    Some(match name {
        "CAPABILITY" => Body::Capability,
        "NOOP" => Body::Noop,
        "LOGOUT" => Body::Logout,
        "STARTTLS" => Body::StartTls,
        "UNAUTHENTICATE" => Body::Unauthenticate,
        "UNSELECT" => Body::Unselect,
        "CLOSE" => Body::Close,
        "CHECK" => Body::Check,
        "NAMESPACE" => Body::Namespace,
        "IDLE" => Body::Idle,
        "EXPUNGE" => Body::Expunge(None),
        _ => return None,
    })
}

fn with_arguments(cursor: &mut Cursor<'_>, name: &str) -> Parsed<Body> {
    match name {
        "ID" | "COMPRESS" | "AUTHENTICATE" | "LOGIN" | "ENABLE" => {
            cursor.blank()?;
            session(cursor, name)
        }
        "SELECT" | "EXAMINE" | "CREATE" | "DELETE" | "RENAME" | "SUBSCRIBE" | "UNSUBSCRIBE" | "LIST"
        | "LSUB" | "STATUS" | "NOTIFY" | "GETQUOTA" | "GETQUOTAROOT" => {
            cursor.blank()?;
            mailbox::command(cursor, name)
        }
        "APPEND" => {
            cursor.blank()?;
            message::append(cursor)
        }
        _ => numbered(cursor, name, false),
    }
}

/// Commands that UID may stand before.
fn numbered(cursor: &mut Cursor<'_>, name: &str, uid: bool) -> Parsed<Body> {
    if !matches!(
        (name, uid),
        ("SEARCH" | "SORT" | "THREAD" | "FETCH" | "STORE" | "COPY" | "MOVE", _) | ("EXPUNGE", true)
    ) {
        return Err(Fault::Bad("Unknown command"));
    }
    cursor.blank()?;
    match name {
        "SEARCH" => search::search(cursor, uid),
        "SORT" => search::sort(cursor, uid),
        "THREAD" => search::thread(cursor, uid),
        "FETCH" => message::fetch(cursor, uid),
        "STORE" => message::store(cursor, uid),
        "EXPUNGE" => Ok(Body::Expunge(Some(cursor.sequence_set()?))),
        moves => {
            let set = cursor.sequence_set()?;
            cursor.blank()?;
            Ok(Body::Copy { uid, set, mailbox: cursor.mailbox()?, moves: moves == "MOVE" })
        }
    }
}

fn session(cursor: &mut Cursor<'_>, name: &str) -> Parsed<Body> {
    match name {
        "ID" => id(cursor),
        "COMPRESS" => match cursor.word().as_str() {
            "DEFLATE" => Ok(Body::Compress),
            _ => Err(Fault::Bad("No such compression")),
        },
        "LOGIN" => {
            let user = cursor.astring_text()?;
            cursor.blank()?;
            Ok(Body::Login { user, password: Secret::new(cursor.astring_text()?) })
        }
        "ENABLE" => {
            let mut names = vec![cursor.atom()?.to_ascii_uppercase()];
            while cursor.more() {
                cursor.count()?;
                names.push(cursor.atom()?.to_ascii_uppercase());
            }
            Ok(Body::Enable(names))
        }
        _ => authenticate(cursor),
    }
}

/// AUTHENTICATE with RFC 4959's initial response; `=` is an empty one.
fn authenticate(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    let mechanism = cursor.atom()?.to_ascii_uppercase();
    let mut initial = None;
    if cursor.more() {
        let text = cursor.run(|byte| byte.is_ascii_graphic());
        let text = if text == "=" { "" } else { text };
        let bytes = STANDARD.decode(text).map_err(|_| Fault::Bad("Wrong base64"))?;
        initial = Some(Secret::new(bytes));
    }
    Ok(Body::Authenticate { mechanism, initial })
}

/// ID (RFC 2971 §3.3): at most thirty pairs.
fn id(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    const PAIRS_MAX: usize = 30;
    if cursor.eat_word("NIL") {
        return Ok(Body::Id(Vec::new()));
    }
    let mut name = None;
    let mut pairs = Vec::new();
    cursor.list(|cursor| {
        match name.take() {
            None => name = Some(utf8(cursor.string()?)?),
            Some(name) => pairs.push((name, cursor.nstring_text()?)),
        }
        Ok(())
    })?;
    match name.is_some() || pairs.len() > PAIRS_MAX {
        true => Err(Fault::Bad("Wrong ID")),
        false => Ok(Body::Id(pairs)),
    }
}
