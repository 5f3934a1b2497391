//! `Email/get` (RFC 8621 §4.2). What lists show comes from the message's row; the message itself is opened only when a
//! property asks for it.

use mail::message::{Facts, Mailbox};
use mail::{AccountId, EmailId, Timestamp};
use serde_json::{Map, Value, json};
use store::Email;

use crate::args::{self, Args, state};
use crate::body::{self, PartProperty, Parts};
use crate::call::Context;
use crate::headers::{Block, Form, HeaderProperty};
use crate::{Error, Limits, extras};

/// Properties that the row knows.
const KNOWN: [&str; 20] = [
    "id",
    "blobId",
    "threadId",
    "mailboxIds",
    "keywords",
    "size",
    "receivedAt",
    "messageId",
    "inReplyTo",
    "references",
    "sender",
    "from",
    "to",
    "cc",
    "bcc",
    "replyTo",
    "subject",
    "sentAt",
    "hasAttachment",
    "preview",
];
/// Properties made of parts.
const OF_PARTS: [&str; 4] = ["bodyStructure", "textBody", "htmlBody", "attachments"];
/// What is answered when a client does not say (RFC 8621 §4.2).
const DEFAULT: [&str; 24] = [
    "id",
    "blobId",
    "threadId",
    "mailboxIds",
    "keywords",
    "size",
    "receivedAt",
    "messageId",
    "inReplyTo",
    "references",
    "sender",
    "from",
    "to",
    "cc",
    "bcc",
    "replyTo",
    "subject",
    "sentAt",
    "hasAttachment",
    "preview",
    "bodyValues",
    "textBody",
    "htmlBody",
    "attachments",
];

/// Those of them that a message has whether or not it is one of the account (RFC 8621 §4.9).
pub(crate) const DEFAULT_OF_CONTENT: &[&str] = DEFAULT.split_at(7).1;

/// A property of a message.
enum Property {
    Known(&'static str),
    OfParts(&'static str),
    BodyValues,
    Headers,
    /// What an extension adds.
    Extra(&'static str),
    /// `header:…`, under the name the client wrote.
    Header(String, HeaderProperty),
}

impl Property {
    fn read(name: &str) -> Result<Self, Error> {
        if let Some(rest) = name.strip_prefix("header:") {
            return HeaderProperty::read(rest).map(|header| Self::Header(name.to_owned(), header));
        }
        let find = |list: &[&'static str]| list.iter().find(|known| **known == name).copied();
        match (name, find(&KNOWN), find(&OF_PARTS)) {
            ("bodyValues", ..) => Ok(Self::BodyValues),
            ("headers", ..) => Ok(Self::Headers),
            _ if extras::property(name).is_some() => {
                Ok(Self::Extra(extras::property(name).map_or("", |(name, _)| name)))
            }
            (_, Some(known), _) => Ok(Self::Known(known)),
            (_, _, Some(known)) => Ok(Self::OfParts(known)),
            _ => Err(Error::InvalidArguments(format!(
                "an Email has no property `{}`",
                mail::text::clip(name, 100)
            ))),
        }
    }
}

/// What a client wants to see of each message.
pub(crate) struct View {
    properties: Vec<Property>,
    part_properties: Vec<PartProperty>,
    fetch_text: bool,
    fetch_html: bool,
    fetch_all: bool,
    /// Bytes of a body value; 0 is all of it.
    value_bytes_max: usize,
}

impl View {
    /// Takes the arguments of `Email/get` and `Email/parse`; `default` is what is shown when a client does not say.
    pub(crate) fn read(args: &mut Args, default: &[&str]) -> Result<Self, Error> {
        let mut properties = Vec::with_capacity(DEFAULT.len());
        match args.texts("properties")? {
            None => default.iter().try_for_each(|name| Property::read(name).map(|p| properties.push(p)))?,
            Some(names) => {
                names.iter().try_for_each(|name| Property::read(name).map(|p| properties.push(p)))?
            }
        }
        Ok(Self {
            properties,
            part_properties: PartProperty::read_list(args.texts("bodyProperties")?)?,
            fetch_text: args.flag("fetchTextBodyValues")?,
            fetch_html: args.flag("fetchHTMLBodyValues")?,
            fetch_all: args.flag("fetchAllBodyValues")?,
            value_bytes_max: usize::try_from(args.unsigned("maxBodyValueBytes")?.unwrap_or(0))
                .unwrap_or(usize::MAX),
        })
    }

    /// The properties that extensions add.
    fn extras(&self) -> Vec<&'static str> {
        let extra = |property: &Property| match property {
            Property::Extra(name) => Some(*name),
            _ => None,
        };
        self.properties.iter().filter_map(extra).collect()
    }

    fn needs_bytes(&self) -> bool {
        let fetches = self.fetch_text || self.fetch_html || self.fetch_all;
        let in_parts = self.part_properties.iter().any(PartProperty::needs_bytes);
        self.properties.iter().any(|property| match property {
            Property::Known(_) | Property::Extra(_) => false,
            Property::OfParts(_) => in_parts,
            Property::BodyValues => fetches,
            Property::Headers => true,
            Property::Header(_, header) => row_property(header).is_none(),
        })
    }
}

impl Context<'_> {
    /// `Email/get` (RFC 8621 §4.2).
    pub(crate) async fn email_get(&mut self, mut args: Args) -> Result<Value, Error> {
        let account_id = args.account(self.caller)?;
        let given = args.texts("ids")?;
        let view = View::read(&mut args, &DEFAULT)?;
        args.finish()?;
        let limits = &self.api.limits;
        let ids = args::ids::<EmailId>(given, &self.created, limits.objects_in_get_max)?;
        let mut ids = ids.ok_or(Error::RequestTooLarge("all messages at once are too many; ask for ids"))?;
        let wanted = ids.valid.clone();
        let (modseq, emails) = self
            .api
            .store
            .read(wanted, |tx, wanted| {
                Box::pin(async move {
                    Ok::<_, store::Error>((
                        tx.modseq(account_id).await?,
                        tx.emails(account_id, wanted).await?,
                    ))
                })
            })
            .await?;
        let mut extras = self.extras(account_id, &view.extras(), &emails).await?;
        let needs_bytes = view.needs_bytes();
        let opened: u64 = emails.iter().map(|email| email.size).sum();
        if needs_bytes && emails.len() > 1 && opened > limits.opened_bytes_max {
            return Err(Error::RequestTooLarge("too many bytes to open at once; ask for fewer messages"));
        }
        let mut may_answer = limits.body_values_bytes_max;
        let mut list = Vec::with_capacity(emails.len());
        for email in emails {
            let raw = match needs_bytes {
                true => match self.api.store.read_blob(account_id, email.blob_id).await? {
                    Some(raw) => Some(raw),
                    // Destroyed since the row was read.
                    None => continue,
                },
                false => None,
            };
            let mut object = Shown::from(&email).object(raw.as_deref(), &view, &mut may_answer);
            object.extend(extras.remove(&email.email_id).unwrap_or_default());
            list.push((email.email_id, Value::Object(object)));
        }
        ids.not_found.extend(
            ids.valid.iter().filter(|id| list.iter().all(|(found, _)| found != *id)).map(EmailId::to_string),
        );
        let list: Vec<Value> = list.into_iter().map(|(_, object)| object).collect();
        Ok(
            json!({ "accountId": account_id, "state": state(modseq), "list": list, "notFound": ids.not_found }),
        )
    }
}

/// A message to show: one of the account, or one that is only read (RFC 8621 §4.9).
pub(crate) struct Shown<'m> {
    pub(crate) facts: &'m Facts,
    pub(crate) blob_id: String,
    pub(crate) size: u64,
    /// What only a message of the account has.
    pub(crate) email: Option<&'m Email>,
}

impl<'m> From<&'m Email> for Shown<'m> {
    fn from(email: &'m Email) -> Self {
        Self { facts: &email.facts, blob_id: email.blob_id.to_string(), size: email.size, email: Some(email) }
    }
}

impl Shown<'_> {
    /// The properties asked for. `may_answer` is how many bytes of texts may still be told.
    pub(crate) fn object(
        &self,
        raw: Option<&[u8]>,
        view: &View,
        may_answer: &mut usize,
    ) -> Map<String, Value> {
        let parts = Parts::of(self.facts, &self.blob_id, raw);
        let block = raw.map(Block::read).unwrap_or_default();
        let mut object = Map::new();
        object.extend(self.email.map(|email| ("id".to_owned(), json!(email.email_id))));
        for property in &view.properties {
            let (name, value) = match property {
                Property::Known(name) => (*name, self.known(name)),
                Property::OfParts(name) => (*name, of_parts(self.facts, &parts, name, &view.part_properties)),
                Property::BodyValues => {
                    ("bodyValues", body_values(self.facts, &parts, raw, view, may_answer))
                }
                Property::Headers => ("headers", block.list()),
                // Known for messages of the account, and put in for all of them at once.
                Property::Extra(name) => (*name, Value::Null),
                Property::Header(name, header) => (
                    name.as_str(),
                    row_property(header)
                        .map_or_else(|| header.value(&block), |property| self.known(property)),
                ),
            };
            object.insert(name.to_owned(), value);
        }
        object
    }

    fn known(&self, name: &str) -> Value {
        let facts = self.facts;
        match name {
            "blobId" => json!(self.blob_id),
            "size" => json!(self.size),
            "messageId" => texts(&facts.message_id),
            "inReplyTo" => texts(&facts.in_reply_to),
            "references" => texts(&facts.references),
            "sender" => mailboxes(&facts.sender),
            "from" => mailboxes(&facts.from),
            "to" => mailboxes(&facts.to),
            "cc" => mailboxes(&facts.cc),
            "bcc" => mailboxes(&facts.bcc),
            "replyTo" => mailboxes(&facts.reply_to),
            "subject" if facts.subject.is_empty() => Value::Null,
            "subject" => json!(facts.subject),
            "sentAt" => json!(facts.sent_at.map(Timestamp::to_rfc3339_utc)),
            "hasAttachment" => json!(facts.has_attachment),
            "preview" => json!(facts.preview),
            _ => self.email.map_or(Value::Null, |email| of_row(email, name)),
        }
    }
}

/// What only a message of the account has.
fn of_row(email: &Email, name: &str) -> Value {
    match name {
        "id" => json!(email.email_id),
        "threadId" => json!(email.thread_id),
        "mailboxIds" => email.mailbox_ids.iter().map(|id| (id.to_string(), Value::Bool(true))).collect(),
        "keywords" => email.keywords.iter().map(|keyword| (keyword.clone(), Value::Bool(true))).collect(),
        "receivedAt" => json!(email.received_at.to_rfc3339_utc()),
        _ => Value::Null,
    }
}

/// The property of the row that says the same as a header property (RFC 8621 §4.1.2.3 and following), if one does.
fn row_property(header: &HeaderProperty) -> Option<&'static str> {
    if header.all {
        return None;
    }
    let name = header.name.to_ascii_lowercase();
    Some(match (header.form, name.as_str()) {
        (Form::Addresses, "from") => "from",
        (Form::Addresses, "sender") => "sender",
        (Form::Addresses, "reply-to") => "replyTo",
        (Form::Addresses, "to") => "to",
        (Form::Addresses, "cc") => "cc",
        (Form::Addresses, "bcc") => "bcc",
        (Form::MessageIds, "message-id") => "messageId",
        (Form::MessageIds, "in-reply-to") => "inReplyTo",
        (Form::MessageIds, "references") => "references",
        (Form::Text, "subject") => "subject",
        (Form::Date, "date") => "sentAt",
        _ => return None,
    })
}

fn texts(list: &[String]) -> Value {
    if list.is_empty() { Value::Null } else { json!(list) }
}

fn mailboxes(list: &[Mailbox]) -> Value {
    match list.is_empty() {
        true => Value::Null,
        false => list.iter().map(|m| json!({ "name": m.name, "email": m.email })).collect(),
    }
}

fn of_parts(facts: &Facts, parts: &Parts<'_>, name: &str, properties: &[PartProperty]) -> Value {
    match name {
        "bodyStructure" => parts.structure(properties),
        "textBody" => parts.list(&facts.text_body, properties),
        "htmlBody" => parts.list(&facts.html_body, properties),
        _ => parts.list(&facts.attachments, properties),
    }
}

/// The texts asked for, by part id (RFC 8621 §4.1.4). Only text parts have one.
fn body_values(
    facts: &Facts,
    parts: &Parts<'_>,
    raw: Option<&[u8]>,
    view: &View,
    may_answer: &mut usize,
) -> Value {
    let mut wanted: Vec<&String> = Vec::new();
    if view.fetch_all || view.fetch_text {
        wanted.extend(&facts.text_body);
    }
    if view.fetch_all || view.fetch_html {
        wanted.extend(&facts.html_body);
    }
    if view.fetch_all {
        wanted.extend(&facts.attachments);
    }
    let mut values = Map::new();
    for id in wanted {
        let part = parts.get(id).filter(|part| part.media_type.starts_with("text/"));
        if let (Some(part), Some(raw), false) = (part, raw, values.contains_key(id)) {
            let (text, had_problem) = body::text(raw, part);
            let wanted = if view.value_bytes_max == 0 { usize::MAX } else { view.value_bytes_max };
            let shown = clip_value(&text, &part.media_type, wanted.min(*may_answer));
            *may_answer -= shown.len();
            let value = json!({
                "value": shown, "isEncodingProblem": had_problem, "isTruncated": shown.len() < text.len(),
            });
            values.insert(id.clone(), value);
        }
    }
    Value::Object(values)
}

/// The beginning of a text. HTML is not cut inside a tag (RFC 8621 §4.2).
fn clip_value<'t>(text: &'t str, media_type: &str, bytes_max: usize) -> &'t str {
    let clipped = mail::text::clip(text, bytes_max);
    if clipped.len() == text.len() || media_type != "text/html" {
        return clipped;
    }
    match (clipped.rfind('<'), clipped.rfind('>')) {
        (Some(open), close) if close.is_none_or(|close| close < open) => &clipped[..open],
        _ => clipped,
    }
}

/// One message as `Email/set` and `Email/import` tell of what they made (RFC 8621 §4.6).
pub(crate) fn made(placed: &store::Placed) -> Value {
    json!({
        "id": placed.email_id, "blobId": placed.blob_id, "threadId": placed.thread_id, "size": placed.size,
    })
}

/// The properties of a message that a patch may name with the value they have (RFC 8620 §5.3).
pub(crate) fn is_as_it_is(email: &Email, name: &str, value: &Value) -> bool {
    KNOWN.contains(&name) && Shown::from(email).known(name) == *value
}

/// Reads the messages of an account, for methods that need one whole.
pub(crate) async fn email_and_bytes(
    api: &crate::Api,
    account_id: AccountId,
    email_id: EmailId,
) -> Result<Option<(Email, Vec<u8>)>, store::Error> {
    let email =
        api.store.read((), |tx, ()| Box::pin(async move { tx.email(account_id, email_id).await })).await?;
    let Some(email) = email else { return Ok(None) };
    let raw = api.store.read_blob(account_id, email.blob_id).await?;
    Ok(raw.map(|raw| (email, raw)))
}

/// What reading a message may cost here.
pub(crate) fn facts_of(raw: &[u8], limits: &Limits) -> Facts {
    mail::message::read(raw, &limits.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn values_are_cut_between_letters_and_outside_of_tags() {
        let rows = [
            ("đường",           "text/plain", 1,  ""),
            ("đường",           "text/plain", 99, "đường"),
            ("ab<p class=x>c",  "text/html",  8,  "ab"),
            ("ab<p class=x>c",  "text/plain", 8,  "ab<p cla"),
            ("a<p>b</p>c",      "text/html",  5,  "a<p>b"),
            ("<p",              "text/html",  1,  ""),
        ];
        for (text, media_type, bytes_max, expected) in rows {
            assert_eq!(clip_value(text, media_type, bytes_max), expected, "{text} {bytes_max}");
        }
    }
}
