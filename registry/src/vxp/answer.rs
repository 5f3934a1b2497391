//! How answers look (VXP 3.1): HTTP 200 and an ASCII object with `status`, `ErrorCode` and `ErrorDesc` for every JSON
//! call, refusals too; `DocId` always in `sendEdoc`'s; nothing at all in the body of a `downloadEdoc` that fails,
//! because the client saves whatever comes as the document.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail::Timestamp;

use super::call::Name;
use super::json::Object;
use crate::Error;
use crate::package::Warning;
use crate::tombstone::Tombstone;

/// The header that tells people why a download was refused; its body must be empty (VXP 3.10).
pub const REASON_HEADER: &str = "X-Congvan-Reason";

/// An answer ready to be written. The length is the body's; whoever writes it adds `Content-Length`, and `0` too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Headers to add.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether it may be compressed when the client offers: never for `sendEdoc`, whose client cannot (VXP 1).
    pub compressible: bool,
}

/// State of a delivery, as lists show it (VXP 3.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// Waiting to be fetched.
    Initial,
    /// The receiver has begun.
    Processing,
    /// Stored by the receiver.
    Done,
    /// The receiver could not take it.
    Fail,
}

impl DeliveryState {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Processing => "processing",
            Self::Done => "done",
            Self::Fail => "fail",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Initial => "Chờ nhận",
            Self::Processing => "Đang nhận",
            Self::Done => "Đã nhận",
            Self::Fail => "Nhận lỗi",
        }
    }
}

/// A row of `getAgenciesList` (VXP 3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgencyRow<'a> {
    /// Its id.
    pub id: &'a str,
    /// The parent's id; none at the root.
    pub pid: Option<&'a str>,
    /// Its code.
    pub code: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its mail address.
    pub mail: Option<&'a str>,
    /// An earlier code.
    pub old_code: Option<&'a str>,
}

/// A row of `getAgenciesListQD20` (VXP 3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qd20Row<'a> {
    /// Its id.
    pub id: &'a str,
    /// The QD20 code.
    pub code: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its mail address.
    pub mail: Option<&'a str>,
    /// The QCVN 102 code.
    pub code102: Option<&'a str>,
}

/// A row of `getSynchronizeUnit` (VXP 3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitRow<'a> {
    /// Its id.
    pub id: &'a str,
    /// The parent's id; none at the root.
    pub pid: Option<&'a str>,
    /// Its code.
    pub code: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its mail address.
    pub mail: Option<&'a str>,
    /// The id of its system.
    pub center_code: Option<&'a str>,
    /// Counts its changes.
    pub version: u32,
    /// Withdrawn.
    pub deleted: bool,
    /// Its last change.
    pub modified: Timestamp,
    /// Whether it is an agency of its own rather than a unit of one.
    pub is_agency: bool,
}

/// A row of `getReceivedEdocList` (VXP 3.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedRow<'a> {
    /// The delivery's id.
    pub doc_id: &'a str,
    /// A status rather than a document.
    pub is_status: bool,
    /// When it arrived.
    pub created: Timestamp,
    /// When its state last changed.
    pub updated: Timestamp,
    /// The sender's code.
    pub from: &'a str,
    /// The receivers' codes of this system, in registered spelling.
    pub to: &'a [&'a str],
    /// Its state.
    pub state: DeliveryState,
}

/// A row of `getSentEdocList` (VXP 3.9): one per receiver code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentRow<'a> {
    /// A status rather than a document.
    pub is_status: bool,
    /// The sender's id.
    pub sender_doc_id: &'a str,
    /// The delivery's id.
    pub receiver_doc_id: &'a str,
    /// The sender's code.
    pub from: &'a str,
    /// The receiver's code.
    pub to: &'a str,
    /// Subject, or the status code.
    pub title: &'a str,
    /// `number/notation`.
    pub notation: &'a str,
    /// When it was stored here.
    pub sent: Timestamp,
    /// When the receiver acknowledged it.
    pub received: Option<Timestamp>,
    /// State of the delivery.
    pub state: DeliveryState,
}

fn ok() -> Object {
    Object::new().text("status", "OK").text("ErrorCode", "0").text("ErrorDesc", "Thành công")
}

fn json(object: Object, compressible: bool) -> Answer {
    let headers = vec![("Content-Type", "application/json".to_owned())];
    Answer { status: 200, headers, body: object.finish().into_bytes(), compressible }
}

/// Lists leave their connection open and forget it, so they say that it ends (VXP 1).
fn list(object: Object) -> Answer {
    let mut answer = json(object, true);
    answer.headers.push(("Connection", "close".to_owned()));
    answer
}

/// Answers `registerAgency`, `deleteAgency` and `updateStatus`.
pub fn done() -> Answer {
    json(ok(), true)
}

/// Answers `getAgenciesList`.
pub fn agencies<'a>(rows: impl Iterator<Item = AgencyRow<'a>>) -> Answer {
    list(ok().objects("data", rows.map(agency_object)))
}

/// Answers `getAgenciesListQD20`.
pub fn agencies_qd20<'a>(rows: impl Iterator<Item = Qd20Row<'a>>) -> Answer {
    list(ok().objects("data", rows.map(qd20_object)))
}

/// Answers `getSynchronizeUnit`.
pub fn units<'a>(rows: impl Iterator<Item = UnitRow<'a>>) -> Answer {
    list(ok().objects("data", rows.map(unit_object)))
}

fn agency_object(row: AgencyRow<'_>) -> Object {
    Object::new()
        .text("id", row.id)
        .text_if("pid", row.pid)
        .text("code", row.code)
        .text("name", row.name)
        .text_if("mail", row.mail)
        .text_if("oldCode", row.old_code)
}

fn qd20_object(row: Qd20Row<'_>) -> Object {
    Object::new()
        .text("id", row.id)
        .text("code", row.code)
        .text("name", row.name)
        .text_if("mail", row.mail)
        .text_if("code102", row.code102)
}

fn unit_object(row: UnitRow<'_>) -> Object {
    Object::new()
        .text("id", row.id)
        .text_if("pid", row.pid)
        .text("code", row.code)
        .text("name", row.name)
        .text_if("mail", row.mail)
        .text_if("centerCode", row.center_code)
        .number("version", u64::from(row.version))
        .flag("deleted", row.deleted)
        .text("modifyDate", &row.modified.to_edxml())
        .flag("isAgency", row.is_agency)
}

/// The text of a list of the register as it grows, for those that are too long to be made at once: the same text as of
/// [`agencies`], [`agencies_qd20`] and [`units`].
pub(crate) struct Rows {
    text: String,
    is_first: bool,
}

impl Rows {
    /// Up to the first row.
    pub(crate) fn begin() -> Self {
        let mut text = ok().objects("data", std::iter::empty()).finish();
        // What closes the list comes at its end.
        text.truncate(text.len().saturating_sub(LIST_END.len()));
        Self { text, is_first: true }
    }

    pub(crate) fn agency(&mut self, row: AgencyRow<'_>) {
        self.push(agency_object(row));
    }

    pub(crate) fn qd20(&mut self, row: Qd20Row<'_>) {
        self.push(qd20_object(row));
    }

    pub(crate) fn unit(&mut self, row: UnitRow<'_>) {
        self.push(unit_object(row));
    }

    fn push(&mut self, row: Object) {
        if !std::mem::take(&mut self.is_first) {
            self.text.push(',');
        }
        self.text.push_str(&row.finish());
    }

    /// What there is since the last time.
    pub(crate) fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// The rest.
    pub(crate) fn end(mut self) -> String {
        self.text.push_str(LIST_END);
        self.text
    }
}

/// What closes the rows and the object around them.
const LIST_END: &str = "]}";

/// Answers a list whose text is there already.
pub(crate) fn list_of(body: Vec<u8>) -> Answer {
    let headers = list_headers();
    Answer { status: 200, headers, body, compressible: true }
}

/// The headers of every list.
pub fn list_headers() -> Vec<(&'static str, String)> {
    vec![("Content-Type", "application/json".to_owned()), ("Connection", "close".to_owned())]
}

fn message_type(is_status: bool) -> &'static str {
    if is_status { "status" } else { "edoc" }
}

/// Answers `getReceivedEdocList`; hand the rows in oldest first.
pub fn received<'a>(rows: impl Iterator<Item = ReceivedRow<'a>>) -> Answer {
    let rows = rows.map(|row| {
        Object::new()
            .text("docId", row.doc_id)
            .text("serviceType", "eDoc")
            .text("messageType", message_type(row.is_status))
            .text("created_time", &row.created.to_edxml())
            .text("updated_time", &row.updated.to_edxml())
            .text("from", row.from)
            .text("to", &row.to.join(","))
            .text("status", row.state.as_str())
            .text("status_desc", row.state.description())
    });
    list(ok().objects("data", rows))
}

/// Answers `getSentEdocList`.
pub fn sent_list<'a>(rows: impl Iterator<Item = SentRow<'a>>) -> Answer {
    let rows = rows.map(|row| {
        let received = row.received.map(Timestamp::to_edxml).unwrap_or_default();
        Object::new()
            .text("serviceType", "eDoc")
            .text("messageType", message_type(row.is_status))
            .text("senderDocId", row.sender_doc_id)
            .text("receiverDocId", row.receiver_doc_id)
            .text("fromCode", row.from)
            .text("toCode", row.to)
            .text("title", row.title)
            .text("notation", row.notation)
            .text("sentTime", &row.sent.to_edxml())
            .text("receivedTime", &received)
            .text("sendStatus", "done")
            .text("sendStatusDesc", "Đã gửi")
            .text("receiveStatus", row.state.as_str())
            .text("receiveStatusDesc", row.state.description())
    });
    list(ok().objects("data", rows))
}

/// Answers `sendEdoc`. Give it only after the commit that makes it true. `receipt` is the receipt as it was first handed
/// out; the national client ignores members it does not know (VXP 3.1).
pub fn sent(doc_id: &str, warnings: &[Warning], receipt: &[u8]) -> Answer {
    let mut description = "Thành công".to_owned();
    if !warnings.is_empty() {
        let said = |text: fn(&Warning) -> String| {
            let mut seen: Vec<String> = Vec::new();
            for text in warnings.iter().map(text) {
                if !seen.contains(&text) {
                    seen.push(text);
                }
            }
            seen.join("; ")
        };
        let (vi, en) = (said(Warning::vi), said(Warning::en));
        description = format!("Đã nhận, nhưng: {vi} / Accepted, but: {en}");
    }
    let object = Object::new()
        .text("status", "OK")
        .text("ErrorCode", "0")
        .text("ErrorDesc", &description)
        .text("DocId", doc_id)
        .text_if("Receipt", std::str::from_utf8(receipt).ok().filter(|text| !text.is_empty()));
    json(object, false)
}

/// Answers `getEdoc`: the package in standard base64, one line, padded; beside it what it is to be held against (RULES E18).
pub fn package_as_json(package: &[u8]) -> Answer {
    let sha256 = ring::digest::digest(&ring::digest::SHA256, package);
    let (head, tail) = package_json_frame(package.len() as u64, sha256.as_ref());
    let body = [head.as_bytes(), STANDARD.encode(package).as_bytes(), tail.as_bytes()].concat();
    Answer { status: 200, headers: package_headers(true), body, compressible: true }
}

/// What stands before and behind the base64 of a package in the answer of `getEdoc`.
pub fn package_json_frame(bytes: u64, sha256: &[u8]) -> (String, String) {
    let mut head = ok().text("data", "").finish();
    // The base64 comes into the empty text, and the rest behind it.
    head.truncate(head.len() - 2);
    let beside = Object::new()
        .number("contentLength", bytes)
        .text("contentSha256", &super::hash::full_hex(sha256))
        .finish();
    (head, format!("\",{}", beside.trim_start_matches('{')))
}

/// The headers of a package that is handed over.
pub fn package_headers(is_json: bool) -> Vec<(&'static str, String)> {
    let media_type = if is_json { "application/json" } else { "application/octet-stream" };
    vec![("Content-Type", media_type.to_owned())]
}

/// Answers `downloadEdoc`.
pub fn package_as_file(package: Vec<u8>) -> Answer {
    Answer { status: 200, headers: package_headers(false), body: package, compressible: true }
}

/// Answers `countReceiveEdoc` and `countReceiveStatus`.
pub fn count(waiting: u64) -> Answer {
    json(ok().number("count", waiting), true)
}

fn tombstone(stone: &Tombstone) -> Object {
    Object::new()
        .text("docId", &stone.doc_id)
        .text("documentId", &stone.identifier)
        .text("code", &stone.code)
        .text("promulgationDate", &stone.promulgation_date)
        .text("from", &stone.from)
        .text("to", &stone.to.join(","))
        .text("receivedAt", &stone.received_at)
        .text("cancelledAt", &stone.cancelled_at)
        .text("shredAt", &stone.shred_at)
        .flag("isShredded", stone.is_shredded)
        .text("reason", &stone.reason)
        .text("packageSha256", &stone.package_sha256)
        .text("orderId", &stone.order_id)
}

/// Answers a refusal: the one place where an [`Error`] becomes what the client sees. `name` is `None` when the path
/// named no call.
pub fn refused(name: Option<Name>, error: &Error) -> Answer {
    if name == Some(Name::Download) {
        let headers = vec![(REASON_HEADER, error.code().to_owned())];
        return Answer { status: error.status(), headers, body: Vec::new(), compressible: false };
    }
    let object = Object::new()
        .text("status", "FAIL")
        .text("ErrorCode", &error.status().to_string())
        .text("ErrorDesc", &format!("{} / {}", error.vi(), error.en()));
    // RULES R39: what remains of a cancelled document; the client ignores members it does not know.
    let object = match error {
        Error::Withdrawn(stone) => object.objects("tombstone", std::iter::once(tombstone(stone))),
        _ => object,
    };
    match name {
        // Without DocId the client drops the whole answer.
        Some(Name::Send) => json(object.text("DocId", ""), false),
        // A path that names no call might have been meant as any.
        None => json(object.text("DocId", ""), false),
        Some(
            Name::AgenciesList
            | Name::AgenciesListQd20
            | Name::SynchronizeUnit
            | Name::ReceivedList
            | Name::SentList,
        ) => list(object),
        Some(_) => json(object, true),
    }
}
