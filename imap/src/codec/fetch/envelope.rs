//! ENVELOPE (RFC 9051 §7.5.2), from the facts of a row.
//!
//! Facts hold decoded text, so what goes out is written anew: encoded words for clients that read seven bits, UTF-8 for others.
//! Known difference from the message's own bytes: groups are flattened to their members, as the facts have them, and a subject that is
//! there and empty is NIL.

use mail::message::{Facts, Mailbox};

use super::super::response::Out;

/// Writes an envelope.
pub fn envelope(out: &mut Out, facts: &Facts) {
    out.raw("(");
    match (&facts.date, facts.sent_at) {
        (Some(text), _) => out.string(text),
        (None, Some(sent_at)) => out.header_date(sent_at),
        (None, None) => out.raw("NIL"),
    }
    out.raw(" ");
    match facts.subject.as_str() {
        "" => out.raw("NIL"),
        subject => out.header_text(subject),
    }
    // Absent, these two are the author (RFC 9051 §7.5.2).
    let sender = if facts.sender.is_empty() { &facts.from } else { &facts.sender };
    let reply_to = if facts.reply_to.is_empty() { &facts.from } else { &facts.reply_to };
    let fields = [&facts.from, sender, reply_to, &facts.to, &facts.cc, &facts.bcc];
    for list in fields {
        out.raw(" ");
        addresses(out, list);
    }
    out.raw(" ");
    message_ids(out, &facts.in_reply_to);
    out.raw(" ");
    message_ids(out, &facts.message_id);
    out.raw(")");
}

fn addresses(out: &mut Out, list: &[Mailbox]) {
    if list.is_empty() {
        return out.raw("NIL");
    }
    out.raw("(");
    for Mailbox { name, email } in list {
        out.raw("(");
        match name {
            Some(name) => out.header_text(name),
            None => out.raw("NIL"),
        }
        // A host of NIL would begin a group; an address without one has an empty host.
        let (local, host) = email.rsplit_once('@').unwrap_or((email, ""));
        out.raw(" NIL ");
        out.string(local);
        out.raw(" ");
        out.string(host);
        out.raw(")");
    }
    out.raw(")");
}

/// Message-IDs with their angle brackets, which the facts have taken off.
fn message_ids(out: &mut Out, ids: &[String]) {
    match ids {
        [] => out.raw("NIL"),
        [id] if id.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
            && id.len() < 900 =>
        {
            out.raw("\"<");
            out.raw(id);
            out.raw(">\"");
        }
        many => {
            let words: Vec<String> = many.iter().map(|id| format!("<{id}>")).collect();
            out.string(&words.join(" "));
        }
    }
}
