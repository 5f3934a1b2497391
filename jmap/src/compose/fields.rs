//! Header fields of a message that is made: values as properties have them, looked at before they are written (RFC 8621 §4.6, §4.1.2).

use std::collections::HashSet;

use mail::{EmailAddress, Timestamp};
use mail_builder::headers::HeaderType;
use mail_builder::headers::address::Address;
use mail_builder::headers::message_id::MessageId;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use mail_builder::headers::url::URL;
use serde_json::{Map, Value};

use super::Header;
use crate::error::SetError;
use crate::headers::{Form, HeaderProperty};

/// Properties that are header fields, in the order they are written.
const FIELDS: [(&str, &str, Form); 11] = [
    ("sentAt", "Date", Form::Date),
    ("from", "From", Form::Addresses),
    ("sender", "Sender", Form::Addresses),
    ("replyTo", "Reply-To", Form::Addresses),
    ("to", "To", Form::Addresses),
    ("cc", "Cc", Form::Addresses),
    ("bcc", "Bcc", Form::Addresses),
    ("subject", "Subject", Form::Text),
    ("messageId", "Message-ID", Form::MessageIds),
    ("inReplyTo", "In-Reply-To", Form::MessageIds),
    ("references", "References", Form::MessageIds),
];

/// Fields that only a mail server writes, or that describe the writing itself.
const NOT_FOR_CLIENTS: [&str; 9] = [
    "received",
    "return-path",
    "delivered-to",
    "authentication-results",
    "received-spf",
    "dkim-signature",
    "mime-version",
    "x-original-to",
    "domainkey-signature",
];

pub(super) fn read_headers(object: &mut Map<String, Value>) -> Result<Vec<Header>, SetError> {
    let mut headers = Vec::new();
    let mut seen = HashSet::new();
    for (property, field, form) in FIELDS {
        match object.remove(property) {
            None | Some(Value::Null) => {}
            Some(value) => {
                seen.insert(field.to_ascii_lowercase());
                headers.push((field.to_owned(), read_value(property, form, &value)?));
            }
        }
    }
    let given: Vec<String> = object.keys().filter(|name| name.starts_with("header:")).cloned().collect();
    for property in given {
        let Some(value) = object.remove(&property) else { continue };
        let header = HeaderProperty::read(&property["header:".len()..])
            .map_err(|e| SetError::invalid(property.clone(), e.to_string()))?;
        let lower = header.name.to_ascii_lowercase();
        if lower.starts_with("content-")
            || lower.starts_with("arc-")
            || NOT_FOR_CLIENTS.contains(&lower.as_str())
        {
            return Err(SetError::invalid(property, "not a field for a client to write here"));
        }
        if !seen.insert(lower) {
            return Err(SetError::invalid(property, "the field is given twice"));
        }
        headers.extend(read_header(&property, header, value)?);
    }
    Ok(headers)
}

/// A `header:…` property: one field, or with `:all` one for each item.
pub(super) fn read_header(
    property: &str,
    header: HeaderProperty,
    value: Value,
) -> Result<Vec<Header>, SetError> {
    let known = FIELDS.iter().find(|(_, field, _)| field.eq_ignore_ascii_case(&header.name));
    let name = known.map_or(header.name.as_str(), |(_, field, _)| field);
    let one = |value: &Value| Ok((name.to_owned(), read_value(property, header.form, value)?));
    match (header.all, value) {
        (_, Value::Null) => Ok(Vec::new()),
        (false, value) => one(&value).map(|header| vec![header]),
        // RFC 5322 §3.6: the fields that have a property of their own stand once.
        (true, Value::Array(list)) if list.len() > 1 && known.is_some() => {
            Err(SetError::invalid(property, "the field stands once"))
        }
        (true, Value::Array(list)) => list.iter().map(one).collect(),
        (true, _) => Err(SetError::invalid(property, "`:all` is a list")),
    }
}

fn read_value(property: &str, form: Form, value: &Value) -> Result<HeaderType<'static>, SetError> {
    let read = match form {
        Form::Raw => value.as_str().and_then(raw).map(|text| HeaderType::Raw(Raw::new(text))),
        Form::Text => value
            .as_str()
            .filter(|text| is_one_line(text))
            .map(|text| HeaderType::Text(Text::new(text.to_owned()))),
        Form::Date => value
            .as_str()
            .and_then(|text| Timestamp::parse_rfc3339(text).ok())
            .map(|moment| HeaderType::Raw(Raw::new(moment.to_rfc5322()))),
        Form::Addresses => addresses(value).map(|list| HeaderType::Address(Address::new_list(list))),
        Form::GroupedAddresses => groups(value).map(|list| HeaderType::Address(Address::new_list(list))),
        Form::MessageIds => tokens(value).map(|id| HeaderType::MessageId(MessageId { id })),
        Form::Urls => tokens(value).map(|url| HeaderType::URL(URL { url })),
    };
    read.ok_or_else(|| SetError::invalid(property, "not a value of this field"))
}

/// No control characters but the tabulator.
pub(super) fn is_one_line(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() || c == '\t')
}

/// A raw value, unfolded; ASCII, and every word short enough for a line (RFC 5322 §2.1.1).
fn raw(text: &str) -> Option<String> {
    let text = text.replace("\r\n ", " ").replace("\r\n\t", "\t");
    let fits = text.split([' ', '\t']).all(|word| word.len() <= 900);
    (text.is_ascii() && is_one_line(&text) && fits).then(|| text.trim().to_owned())
}

fn addresses(value: &Value) -> Option<Vec<Address<'static>>> {
    value.as_array()?.iter().map(address).collect()
}

fn address(value: &Value) -> Option<Address<'static>> {
    let email = email(value.get("email")?.as_str()?)?;
    Some(Address::new_address(optional_name(value)?, email))
}

/// A group's or person's name: `Some(None)` when there is none, `None` when it is not one.
fn optional_name(value: &Value) -> Option<Option<String>> {
    match value.get("name") {
        None | Some(Value::Null) => Some(None),
        Some(Value::String(name)) if is_one_line(name) && name.len() <= 2_000 => {
            let name = mail::text::nfc(name.trim());
            Some((!name.is_empty()).then_some(name))
        }
        Some(_) => None,
    }
}

/// An address as it goes into a field. What is being typed need not be whole yet, but is never more than one address.
fn email(text: &str) -> Option<String> {
    if let Ok(address) = text.parse::<EmailAddress>() {
        return Some(address.to_string());
    }
    let is_harmless = matches!(text.len(), 1..=254)
        && text.bytes().all(|b| b.is_ascii_graphic() && !b"<>()[]\\,;:\"".contains(&b));
    is_harmless.then(|| text.to_owned())
}

fn groups(value: &Value) -> Option<Vec<Address<'static>>> {
    let mut all = Vec::new();
    for group in value.as_array()? {
        let members = addresses(group.get("addresses")?)?;
        match optional_name(group)? {
            None => all.extend(members),
            name => all.push(Address::new_group(name, members)),
        }
    }
    Some(all)
}

/// Message ids or URLs: what may stand between angle brackets.
fn tokens(value: &Value) -> Option<Vec<std::borrow::Cow<'static, str>>> {
    let list = value.as_array()?;
    list.iter()
        .map(|item| {
            let text = item.as_str()?;
            let fits = matches!(text.len(), 1..=900)
                && text.bytes().all(|b| b.is_ascii_graphic() && !b"<>".contains(&b));
            fits.then(|| text.to_owned().into())
        })
        .collect()
}
