//! SORT (RFC 5256 §3, RFC 5957).

use std::cmp::Ordering;

use mail::message::Mailbox;

use super::{Row, base_subject};
use crate::codec::command::{SortBy, SortKey};

/// What is compared of a row under one key.
enum Value {
    Number(i64),
    /// Folded, and where that is the same, exact.
    Text(String, String),
}

/// The numbers of the rows in the order asked for; rows alike in every key keep the order of their numbers.
pub fn sort(rows: &[Row], order: &[SortKey]) -> Vec<u32> {
    // A second key by the same thing decides nothing.
    let mut keys: Vec<SortKey> = Vec::new();
    for key in order {
        if !keys.iter().any(|known| known.by == key.by) {
            keys.push(*key);
        }
    }
    let mut valued: Vec<(Vec<Value>, u32)> =
        rows.iter().map(|row| (keys.iter().map(|key| value(row, key.by)).collect(), row.number)).collect();
    valued.sort_unstable_by(|(a, a_number), (b, b_number)| {
        let differing = keys.iter().zip(a.iter().zip(b)).map(|(key, (a, b))| match key.reverse {
            true => compare(b, a),
            false => compare(a, b),
        });
        differing.fold(Ordering::Equal, Ordering::then).then(a_number.cmp(b_number))
    });
    valued.into_iter().map(|(_, number)| number).collect()
}

fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.cmp(b),
        (Value::Text(a, a_exact), Value::Text(b, b_exact)) => a.cmp(b).then_with(|| a_exact.cmp(b_exact)),
        // The values of one key are of one kind.
        _ => Ordering::Equal,
    }
}

fn value(row: &Row, by: SortBy) -> Value {
    let number = |number: u64| Value::Number(i64::try_from(number).unwrap_or(i64::MAX));
    match by {
        SortBy::Arrival => Value::Number(row.received_at.millis()),
        SortBy::Date => Value::Number(row.sent().millis()),
        SortBy::Size => number(row.size),
        SortBy::Subject => text(&base_subject(&row.subject).text),
        SortBy::From => text(local_part(row.from.as_ref())),
        SortBy::To => text(local_part(row.to.as_ref())),
        SortBy::Cc => text(local_part(row.cc.as_ref())),
        SortBy::DisplayFrom => text(shown(row.from.as_ref())),
        SortBy::DisplayTo => text(shown(row.to.as_ref())),
    }
}

fn text(text: &str) -> Value {
    Value::Text(mail::text::fold(text), mail::text::exact(text))
}

/// `addr-mailbox`: what stands before the `@` (RFC 5256 §3).
fn local_part(mailbox: Option<&Mailbox>) -> &str {
    let email = mailbox.map_or("", |mailbox| mailbox.email.as_str());
    email.rsplit_once('@').map_or(email, |(local, _)| local)
}

/// The display name, the address without one (RFC 5957 §3).
fn shown(mailbox: Option<&Mailbox>) -> &str {
    mailbox.map_or("", |mailbox| match mailbox.name.as_deref() {
        Some(name) if !name.trim().is_empty() => name,
        _ => &mailbox.email,
    })
}
