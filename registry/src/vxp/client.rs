//! The other side of the protocol: we call (VXP 1–3), as the national client does, and read answers more warily than it.
//!
//! The real client takes an error page for an empty list and saves one as a document (VXP 3.1). Here an answer counts only when it
//! is the JSON object of the protocol; everything else is a bad line, to be tried again.

mod answer;

use mail::Timestamp;
use ring::hmac;
use serde_json::Value;

pub use self::answer::Fetched;
use self::answer::outline;

use super::auth::PREFIX;
use super::call::{Acknowledgement, Kind};
use super::hash::{full_hex, thin_hex};
use super::json::Object;
use crate::Limits;
use crate::transport::{
    Announced, Ask, Chain, Credentials, Done, Errand, Failure, Heard, HttpAsk, Outlook, Parcel, Transport,
    Waiting,
};

/// What the national client calls itself; known exchanges look at it (VXP 2.1).
const USER_AGENT: &str = "JAVASDKAgent/1.0.0 XRoad/VPCP";
/// The version it names.
const VERSION: &str = "3.0.201608";
/// Bytes of an answer without a package in it. Ours: a full register of 111,000 agencies is some 30 MB.
const LIST_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of an answer that only says yes or no.
const WORD_BYTES_MAX: usize = 1024 * 1024;
/// Codes after which the same package would be refused again: our own (VXP 3.1) and those of a gateway in the field (RULES
/// 2.10).
const NEVER: &[&str] = &["400", "403", "404", "409", "413", "422", "10", "18", "19", "20", "21", "22", "23"];
/// Codes that say that we are not let in.
const BARRED: &[&str] = &["401", "15"];

/// The protocol towards one peer.
pub struct Vxp {
    credentials: Credentials,
    package_bytes_max: usize,
    rows_max: usize,
}

impl Vxp {
    /// A client with these credentials.
    pub fn new(credentials: Credentials, limits: &Limits) -> Self {
        let rows_max = usize::try_from(limits.page_rows_max).unwrap_or(usize::MAX);
        Self { credentials, package_bytes_max: limits.package_bytes_max, rows_max }
    }

    /// A request with these parameters, signed. The body is not covered but by `hash-file` (RULES E40).
    fn request(
        &self,
        path: &'static str,
        parameters: &[(&str, &str)],
        body: Chain,
        answer_bytes_max: usize,
        now: Timestamp,
    ) -> Ask {
        let content_type = if path == "sendEdoc" { "application/octet-stream" } else { "application/json" };
        let time = timestamp(now);
        let mut signed: Vec<(&str, &str)> = vec![("systemid", &self.credentials.system_id)];
        signed.extend_from_slice(parameters);
        signed.extend([("timestamp", time.as_str()), ("Content-Type", content_type)]);
        let text = sign_header(&signed);
        let mut headers: Vec<(String, String)> = Vec::with_capacity(signed.len() + 6);
        for (name, value) in &signed {
            if *name == "Content-Type" {
                headers.push(("Content-Type".to_owned(), content_type.to_owned()));
            }
            headers.push((format!("{PREFIX}{name}"), (*value).to_owned()));
        }
        let keys: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
        headers.push((format!("{PREFIX}sign-header-key"), keys.join(";")));
        headers.push((format!("{PREFIX}hash-header"), mac(self.credentials.secret.expose_secret(), &text)));
        headers.push((format!("{PREFIX}sign-header"), text));
        headers.push(("User-Agent".to_owned(), USER_AGENT.to_owned()));
        headers.push((format!("{PREFIX}version"), VERSION.to_owned()));
        Ask::Http(HttpAsk { method: "POST", path, headers, body, answer_bytes_max })
    }

    fn send(&self, parcel: &Parcel, now: Timestamp) -> Ask {
        let hash = thin_hex(&parcel.sha256);
        let to = serde_json::to_string(&parcel.to).unwrap_or_default();
        let mut parameters = vec![
            ("from", parcel.from.as_str()),
            ("servicetype", "eDoc"),
            ("messagetype", message_type(parcel.kind)),
        ];
        // The file routes; this says whom we mean when some of its receivers are strangers there (VXP 3.8 step 5).
        if !parcel.to.is_empty() {
            parameters.push(("to", &to));
        }
        parameters.push(("hash-file", &hash));
        // The file, and two bytes that are not part of it (VXP 0.3).
        let body = parcel.bytes.clone().then(b"\r\n".to_vec());
        self.request("sendEdoc", &parameters, body, WORD_BYTES_MAX, now)
    }
}

impl Transport for Vxp {
    fn ask(&self, errand: &Errand, now: Timestamp) -> Ask {
        // Base64 of the largest package, and its frame.
        let package = self.package_bytes_max / 3 * 4 + WORD_BYTES_MAX;
        match errand {
            Errand::Send(parcel) => self.send(parcel, now),
            Errand::List(kind) => {
                let parameters = [("servicetype", "eDoc"), ("messagetype", message_type(*kind))];
                self.request("getReceivedEdocList", &parameters, Chain::default(), LIST_BYTES_MAX, now)
            }
            Errand::Fetch(id) => {
                self.request("getEdoc", &[("docId", id)], b"{}".to_vec().into(), package, now)
            }
            Errand::Acknowledge { id, acknowledgement, word } => {
                let status = match acknowledgement {
                    Acknowledgement::Processing => "processing",
                    Acknowledgement::Done => "done",
                    Acknowledgement::Fail => "fail",
                };
                // Both names: some read the one, some the other (VXP 0.7).
                let mut parameters = vec![("docid", id.as_str()), ("docId", id.as_str()), ("status", status)];
                if !word.is_empty() {
                    parameters.push(("description", word));
                }
                self.request("updateStatus", &parameters, b"{}".to_vec().into(), WORD_BYTES_MAX, now)
            }
            Errand::Agencies => self.request("getAgenciesList", &[], Chain::default(), LIST_BYTES_MAX, now),
        }
    }

    fn read(&self, errand: &Errand, heard: &Heard) -> Result<Done, Failure> {
        if let Errand::Fetch(_) = errand {
            let outline = outline(&heard.body, WORD_BYTES_MAX)?;
            let answer = object(heard.status, &outline.text)?;
            return Fetched::new(&answer, outline.data).map(Done::Fetched);
        }
        let answer = object(heard.status, &heard.body.whole()?)?;
        match errand {
            Errand::Send(_) => match text(&answer, "DocId") {
                "" => Err(Failure::line("the answer to sendEdoc has no DocId")),
                id => Ok(Done::Sent(id.to_owned())),
            },
            Errand::List(_) => Ok(Done::Listed(waiting(&answer, self.rows_max)?)),
            Errand::Acknowledge { .. } | Errand::Fetch(_) => Ok(Done::Acknowledged),
            Errand::Agencies => Ok(Done::Agencies(rows(&answer)?.iter().filter_map(announced).collect())),
        }
    }
}

fn message_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Documents => "edoc",
        Kind::Statuses => "status",
    }
}

/// Compact JSON of the signed names with their prefix, ASCII (VXP 2.1).
fn sign_header(signed: &[(&str, &str)]) -> String {
    let object = Object::new();
    signed
        .iter()
        .fold(object, |object, (name, value)| object.text(&format!("{PREFIX}{name}"), value))
        .finish()
}

/// Lower-case hexadecimal HMAC-SHA256 under the secret (VXP 2.1).
fn mac(secret: &str, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    full_hex(hmac::sign(&key, text.as_bytes()).as_ref())
}

/// `ddMMyyyy'T'HHmmss+SSSS`: Vietnam's clock, then milliseconds in four digits (VXP 2.1).
fn timestamp(now: Timestamp) -> String {
    let t = now.to_vietnam();
    format!(
        "{:02}{:02}{:04}T{:02}{:02}{:02}+{:04}",
        t.day(),
        u8::from(t.month()),
        t.year(),
        t.hour(),
        t.minute(),
        t.second(),
        t.millisecond()
    )
}

/// The object of an answer that says yes; every other answer is a failure (VXP 3.1).
fn object(status: u16, body: &[u8]) -> Result<Value, Failure> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let answer: Option<Value> = serde_json::from_slice(body).ok();
    let answer = answer.filter(|answer| answer.get("status").is_some_and(Value::is_string));
    let Some(answer) = answer else {
        return Err(Failure::line(&format!("HTTP {status}: no answer of the protocol")));
    };
    let code = match answer.get("ErrorCode") {
        Some(Value::String(code)) => code.trim().to_owned(),
        Some(Value::Number(code)) => code.to_string(),
        _ => String::new(),
    };
    let is_ok = text(&answer, "status").eq_ignore_ascii_case("OK") && code == "0";
    if is_ok {
        return Ok(answer);
    }
    let outlook = match code.as_str() {
        code if NEVER.contains(&code) => Outlook::Never,
        code if BARRED.contains(&code) => Outlook::Barred,
        "429" | "503" => Outlook::Line,
        // Codes that nobody has published: what is not known to be for good is tried again until the deadline (RULES R26).
        _ => Outlook::Later,
    };
    let named = if code.is_empty() { "peer.failed".to_owned() } else { format!("peer.{}", plain(&code)) };
    Err(Failure::new(outlook, &named, text(&answer, "ErrorDesc")))
}

/// Letters and digits of what somebody else called a code.
fn plain(code: &str) -> String {
    code.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')).take(32).collect()
}

/// A member that is a string, trimmed; anything else, `null` too, is empty.
fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default().trim()
}

/// `data` as a list; absent or `null` it is empty, anything else is no answer.
fn rows(answer: &Value) -> Result<&[Value], Failure> {
    match answer.get("data") {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(rows)) => Ok(rows),
        Some(_) => Err(Failure::line("data is no list")),
    }
}

/// Rows without an id that we could name are left out; they are offered again.
fn waiting(answer: &Value, rows_max: usize) -> Result<Vec<Waiting>, Failure> {
    let read = |row: &Value| {
        let id = text(row, "docId");
        let plain = id.bytes().all(|b| b.is_ascii_graphic()) && matches!(id.len(), 1..=128);
        let to = text(row, "to").split(',').map(str::trim).filter(|code| !code.is_empty());
        plain.then(|| Waiting {
            id: id.to_owned(),
            from: mail::text::clip(text(row, "from"), 128).to_owned(),
            to: to.map(str::to_owned).collect(),
        })
    };
    Ok(rows(answer)?.iter().filter_map(read).take(rows_max).collect())
}

/// A row of the register in either of its forms (VXP 3.2, 3.3).
fn announced(row: &Value) -> Option<Announced> {
    let code: mail::AgencyCode = text(row, "code").parse().ok()?;
    let other = [text(row, "code102"), text(row, "oldCode")].into_iter().find(|text| !text.is_empty());
    let code102 = other.and_then(|text| text.parse().ok()).filter(|other| *other != code);
    let name = match text(row, "name") {
        "" => code.as_str(),
        name => mail::text::clip(name, 500),
    };
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(Announced { code102, name, code })
}

#[cfg(test)]
mod tests;
