//! Commands about mailboxes (RFC 9051 §6.3; RFC 5258, 5465, 5819, 6154, 7162, 8440, 9208).

use super::super::MailboxName;
use super::super::command::{
    Body, List, Notify, NotifyEvent, NotifyGroup, NotifyMailboxes, Qresync, SpecialUse, StatusItem,
};
use super::cursor::Cursor;
use super::{Fault, Parsed, Refusal, message};

pub(super) fn command(cursor: &mut Cursor<'_>, name: &str) -> Parsed<Body> {
    Ok(match name {
        "SELECT" => select(cursor, false)?,
        "EXAMINE" => select(cursor, true)?,
        "CREATE" => create(cursor)?,
        "DELETE" => Body::Delete(cursor.mailbox()?),
        "RENAME" => {
            let from = cursor.mailbox()?;
            cursor.blank()?;
            Body::Rename { from, to: cursor.mailbox()? }
        }
        "SUBSCRIBE" => Body::Subscribe(cursor.mailbox()?),
        "UNSUBSCRIBE" => Body::Unsubscribe(cursor.mailbox()?),
        "LIST" => list(cursor)?,
        "LSUB" => {
            let text = cursor.astring_text()?;
            let reference = cursor.name(text);
            cursor.blank()?;
            Body::Lsub { reference, pattern: cursor.pattern()? }
        }
        "STATUS" => {
            let mailbox = cursor.mailbox()?;
            cursor.blank()?;
            Body::Status { mailbox, items: status_items(cursor)? }
        }
        "NOTIFY" => notify(cursor)?,
        "GETQUOTA" => Body::GetQuota(cursor.astring_text()?),
        _ => Body::GetQuotaRoot(cursor.mailbox()?),
    })
}

fn select(cursor: &mut Cursor<'_>, is_read_only: bool) -> Parsed<Body> {
    let mailbox = cursor.mailbox()?;
    let (mut condstore, mut qresync) = (false, None);
    if cursor.more() {
        cursor.list(|cursor| {
            match cursor.word().as_str() {
                "CONDSTORE" => condstore = true,
                "QRESYNC" => qresync = Some(self::qresync(cursor)?),
                _ => return Err(Fault::Bad("No such parameter")),
            }
            Ok(())
        })?;
    }
    Ok(Body::Select { mailbox, is_read_only, condstore, qresync })
}

/// `(uidvalidity modseq [uids] [(numbers uids)])` (RFC 7162 §3.2.5).
fn qresync(cursor: &mut Cursor<'_>) -> Parsed<Qresync> {
    cursor.blank()?;
    cursor.need(b'(', "Wrong QRESYNC")?;
    let uid_validity = cursor.number()?;
    cursor.blank()?;
    let modseq = cursor.number()?;
    let (mut known_uids, mut matches) = (None, None);
    if cursor.more() && cursor.peek().is_some_and(|byte| byte.is_ascii_digit()) {
        known_uids = Some(cursor.known_set()?);
        cursor.more();
    }
    if cursor.eat(b'(') {
        let numbers = cursor.known_set()?;
        cursor.blank()?;
        matches = Some((numbers, cursor.known_set()?));
        cursor.need(b')', "Wrong QRESYNC")?;
    }
    cursor.need(b')', "Wrong QRESYNC")?;
    Ok(Qresync { uid_validity, modseq, known_uids, matches })
}

fn create(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    let mailbox = cursor.mailbox()?;
    let mut special_use = Vec::new();
    if cursor.more() {
        cursor.need(b'(', "Missing list")?;
        if !cursor.eat_word("USE") {
            return Err(Fault::Bad("No such parameter"));
        }
        cursor.blank()?;
        special_use = cursor.list(use_attribute)?;
        cursor.need(b')', "Wrong USE")?;
    }
    Ok(Body::Create { mailbox, special_use })
}

/// `\Important` (RFC 8457) and whatever else comes is a use that no mailbox here can have.
fn use_attribute(cursor: &mut Cursor<'_>) -> Parsed<SpecialUse> {
    cursor.need(b'\\', "Wrong USE")?;
    Ok(match cursor.word().as_str() {
        "ALL" => SpecialUse::All,
        "ARCHIVE" => SpecialUse::Archive,
        "DRAFTS" => SpecialUse::Drafts,
        "FLAGGED" => SpecialUse::Flagged,
        "JUNK" => SpecialUse::Junk,
        "SENT" => SpecialUse::Sent,
        "TRASH" => SpecialUse::Trash,
        "" => return Err(Fault::Bad("Wrong USE")),
        _ => return Err(Fault::No(Refusal::Use)),
    })
}

/// LIST in its plain form and in RFC 5258's.
fn list(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    let mut list = List::default();
    if cursor.peek() == Some(b'(') {
        list.is_extended = true;
        cursor.list(|cursor| select_option(cursor, &mut list))?;
        cursor.blank()?;
        if list.recursive_match && !list.select_subscribed && !list.select_special_use {
            return Err(Fault::Bad("RECURSIVEMATCH alone"));
        }
    }
    let text = cursor.astring_text()?;
    list.reference = cursor.name(text);
    cursor.blank()?;
    if cursor.peek() == Some(b'(') {
        list.is_extended = true;
        list.patterns = cursor.list(Cursor::pattern)?;
    } else {
        list.patterns.push(cursor.pattern()?);
    }
    if list.patterns.is_empty() {
        return Err(Fault::Bad("Missing pattern"));
    }
    if cursor.more() {
        if !cursor.eat_word("RETURN") {
            return Err(Fault::Bad("Unexpected argument"));
        }
        cursor.blank()?;
        list.is_extended = true;
        cursor.list(|cursor| return_option(cursor, &mut list))?;
    }
    Ok(Body::List(list))
}

fn select_option(cursor: &mut Cursor<'_>, list: &mut List) -> Parsed<()> {
    match cursor.word().as_str() {
        "SUBSCRIBED" => (list.select_subscribed, list.return_subscribed) = (true, true),
        "SPECIAL-USE" => (list.select_special_use, list.return_special_use) = (true, true),
        "RECURSIVEMATCH" => list.recursive_match = true,
        // Nothing here is anywhere else.
        "REMOTE" => {}
        _ => return Err(Fault::Bad("No such selection option")),
    }
    Ok(())
}

fn return_option(cursor: &mut Cursor<'_>, list: &mut List) -> Parsed<()> {
    match cursor.word().as_str() {
        "SUBSCRIBED" => list.return_subscribed = true,
        "CHILDREN" => list.return_children = true,
        "SPECIAL-USE" => list.return_special_use = true,
        "STATUS" => {
            cursor.blank()?;
            list.return_status = status_items(cursor)?;
        }
        _ => return Err(Fault::Bad("No such return option")),
    }
    Ok(())
}

fn status_items(cursor: &mut Cursor<'_>) -> Parsed<Vec<StatusItem>> {
    let items = cursor.list(|cursor| {
        Ok(match cursor.word().as_str() {
            "MESSAGES" => StatusItem::Messages,
            "RECENT" => StatusItem::Recent,
            "UIDNEXT" => StatusItem::UidNext,
            "UIDVALIDITY" => StatusItem::UidValidity,
            "UNSEEN" => StatusItem::Unseen,
            "DELETED" => StatusItem::Deleted,
            "SIZE" => StatusItem::Size,
            "HIGHESTMODSEQ" => StatusItem::HighestModseq,
            "MAILBOXID" => StatusItem::MailboxId,
            "APPENDLIMIT" => StatusItem::AppendLimit,
            "DELETED-STORAGE" => StatusItem::DeletedStorage,
            _ => return Err(Fault::Bad("No such status item")),
        })
    })?;
    match items.is_empty() {
        true => Err(Fault::Bad("Missing status item")),
        false => Ok(items),
    }
}

fn notify(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    match cursor.word().as_str() {
        "NONE" => return Ok(Body::Notify(None)),
        "SET" => {}
        _ => return Err(Fault::Bad("Wrong NOTIFY")),
    }
    cursor.blank()?;
    let status = cursor.eat_word("STATUS");
    if status {
        cursor.blank()?;
    }
    let mut groups = Vec::new();
    loop {
        cursor.count()?;
        groups.push(notify_group(cursor)?);
        if !cursor.more() {
            return Ok(Body::Notify(Some(Notify { status, groups })));
        }
    }
}

fn notify_group(cursor: &mut Cursor<'_>) -> Parsed<NotifyGroup> {
    cursor.need(b'(', "Missing event group")?;
    let which = match cursor.word().as_str() {
        "SELECTED" => NotifyMailboxes::Selected,
        "SELECTED-DELAYED" => NotifyMailboxes::SelectedDelayed,
        "INBOXES" => NotifyMailboxes::Inboxes,
        "PERSONAL" => NotifyMailboxes::Personal,
        "SUBSCRIBED" => NotifyMailboxes::Subscribed,
        "SUBTREE" => NotifyMailboxes::Subtree(mailboxes(cursor)?),
        "MAILBOXES" => NotifyMailboxes::Mailboxes(mailboxes(cursor)?),
        _ => return Err(Fault::Bad("No such mailboxes")),
    };
    cursor.blank()?;
    let events = match cursor.eat_word("NONE") {
        true => Vec::new(),
        false => cursor.list(notify_event)?,
    };
    cursor.need(b')', "Wrong event group")?;
    Ok(NotifyGroup { which, events })
}

fn mailboxes(cursor: &mut Cursor<'_>) -> Parsed<Vec<MailboxName>> {
    cursor.blank()?;
    match cursor.peek() {
        Some(b'(') => cursor.list(Cursor::mailbox),
        _ => Ok(vec![cursor.mailbox()?]),
    }
}

fn notify_event(cursor: &mut Cursor<'_>) -> Parsed<NotifyEvent> {
    Ok(match cursor.word().as_str() {
        "MESSAGENEW" => NotifyEvent::MessageNew(match cursor.more_list() {
            true => message::fetch_list(cursor)?,
            false => Vec::new(),
        }),
        "MESSAGEEXPUNGE" => NotifyEvent::MessageExpunge,
        "FLAGCHANGE" => NotifyEvent::FlagChange,
        "MAILBOXNAME" => NotifyEvent::MailboxName,
        "SUBSCRIPTIONCHANGE" => NotifyEvent::SubscriptionChange,
        "" => return Err(Fault::Bad("Missing event")),
        _ => return Err(Fault::No(Refusal::Event)),
    })
}
