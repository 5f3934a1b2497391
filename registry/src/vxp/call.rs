//! What is asked (VXP 3): call names, and for each call the parameters it reads and no others.
//!
//! The client keeps every header of every earlier call and signs it again (VXP 0.6), so a poll may carry the `status`
//! and `docId` of something else. Each arm of [`read`] names what it reads; the rest is left alone.

use mail::{AgencyCode, Timestamp};
use serde::Deserialize;

use super::auth::Signed;
use crate::package::text_numbers;
use crate::reasons::PaperReason;
use crate::{Error, Limits};

/// The calls of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    /// `getAgenciesList`
    AgenciesList,
    /// `getAgenciesListQD20`
    AgenciesListQd20,
    /// `getSynchronizeUnit`
    SynchronizeUnit,
    /// `registerAgency`
    RegisterAgency,
    /// `deleteAgency`
    DeleteAgency,
    /// `getReceivedEdocList`
    ReceivedList,
    /// `sendEdoc`
    Send,
    /// `getSentEdocList`
    SentList,
    /// `getEdoc`
    Get,
    /// `downloadEdoc`
    Download,
    /// `updateStatus`
    UpdateStatus,
    /// `countReceiveEdoc`
    CountDocuments,
    /// `countReceiveStatus`
    CountStatuses,
}

impl Name {
    /// Every call and its name on the wire.
    pub const ALL: [(Self, &'static str); 13] = [
        (Self::AgenciesList, "getAgenciesList"),
        (Self::AgenciesListQd20, "getAgenciesListQD20"),
        (Self::SynchronizeUnit, "getSynchronizeUnit"),
        (Self::RegisterAgency, "registerAgency"),
        (Self::DeleteAgency, "deleteAgency"),
        (Self::ReceivedList, "getReceivedEdocList"),
        (Self::Send, "sendEdoc"),
        (Self::SentList, "getSentEdocList"),
        (Self::Get, "getEdoc"),
        (Self::Download, "downloadEdoc"),
        (Self::UpdateStatus, "updateStatus"),
        (Self::CountDocuments, "countReceiveEdoc"),
        (Self::CountStatuses, "countReceiveStatus"),
    ];

    /// The call of a path below the base URL: exact name, slashes folded, a query ignored (VXP 1).
    pub fn of_path(path: &str) -> Option<Self> {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let wanted = path.trim_start_matches('/');
        Self::ALL.iter().find(|(_, name)| *name == wanted).map(|(call, _)| *call)
    }

    /// The call of a request.
    ///
    /// # Errors
    /// [`Error::NoSuchCall`] for an unknown name, or a method the call does not have.
    pub fn route(method: &str, path: &str) -> Result<Self, Error> {
        let name = Self::of_path(path).ok_or(Error::NoSuchCall)?;
        let known = match name {
            Self::Download => method == "GET",
            // The client's code says GET, its wire says POST (VXP 3.11).
            Self::CountDocuments | Self::CountStatuses => matches!(method, "GET" | "POST"),
            _ => method == "POST",
        };
        if known { Ok(name) } else { Err(Error::NoSuchCall) }
    }

    /// Whether the body of this call is read; all other bodies are empty or `{}` and mean nothing.
    pub fn has_body(self) -> bool {
        matches!(self, Self::Send | Self::RegisterAgency)
    }
}

/// Which packages are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Documents.
    Documents,
    /// Statuses.
    Statuses,
}

/// A page of a list, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Which page, at least 1.
    pub index: u32,
    /// How many rows, 1 to [`Limits::page_rows_max`].
    pub size: u32,
}

/// What `getReceivedEdocList` asks for (VXP 3.7).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceivedQuery {
    /// Documents or statuses; `None` both.
    pub kind: Option<Kind>,
    /// Arrived at this moment or later.
    pub from: Option<Timestamp>,
    /// Arrived at this moment or earlier.
    pub to: Option<Timestamp>,
    /// The page; `None` the first one, of the largest size.
    pub page: Option<Page>,
    /// One code as plain text. Narrow by it only when it is one of the caller's own codes; else it is left over.
    pub receiver: Option<AgencyCode>,
}

/// What `sendEdoc` says beside the file (VXP 3.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendParameters {
    /// The sending agency; must be of the calling system, or its id.
    pub from: String,
    /// Receivers named beside the file; only for the exception of VXP 3.8 step 5. The file routes.
    pub to: Vec<AgencyCode>,
    /// The hash the client made over the file.
    pub hash_file: Option<String>,
    /// A hint that is sometimes wrong; the content decides.
    pub hint: Option<Kind>,
    /// What the law wants to be said and the wire has no place for.
    pub declared: Declared,
}

/// What is said of a document beside its package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// Why paper follows (RULES R15).
    pub paper: DeclaredPaper,
    /// Whether it was digitised from paper (RULES R6).
    pub is_digitised: bool,
}

/// What is said of the paper that follows (RULES R15).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeclaredPaper {
    /// The door has no place for a reason: paper without one is accepted with a warning.
    #[default]
    Unasked,
    /// The door asks for it: paper without one is refused.
    Asked(Option<PaperReason>),
}

/// An id as the caller names a document or a delivery: 1 to 64 of `[A-Za-z0-9._-]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DocId(String);

impl DocId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whatever is not of the form names nothing we ever gave out.
    ///
    /// # Errors
    /// [`Error::NoSuchDocument`].
    pub fn read(text: &str) -> Result<Self, Error> {
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        match plain && matches!(text.len(), 1..=64) {
            true => Ok(Self(text.to_owned())),
            false => Err(Error::NoSuchDocument),
        }
    }
}

/// What a receiver says of a delivery (VXP 3.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Acknowledgement {
    /// Begun; the delivery stays listed.
    Processing,
    /// Stored; no longer listed.
    Done,
    /// Could not be read or stored; offered again later.
    Fail,
}

/// An agency as `registerAgency` gives it (VXP 3.5). The body is not signed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct NewAgency {
    /// The caller's id for it.
    pub id: String,
    /// The parent's code; one integration puts the parent's id there.
    pub pcode: String,
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Mail address.
    pub mail: String,
    /// Mobile number.
    pub mobile: String,
    /// Fax.
    pub fax: String,
}

/// One call with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// All agencies.
    AgenciesList,
    /// All agencies by QD20 code.
    AgenciesListQd20 {
        /// `level` was `1`.
        first_level_only: bool,
    },
    /// The whole register of units, withdrawn ones included.
    SynchronizeUnit,
    /// Create or update an agency below the caller's own.
    RegisterAgency(NewAgency),
    /// Withdraw one of the caller's agencies.
    DeleteAgency(AgencyCode),
    /// What waits for the caller.
    ReceivedList(ReceivedQuery),
    /// A package to send; its body is taken by [`super::send`].
    Send(SendParameters),
    /// What became of what the caller sent.
    SentList {
        /// One `DocId`; `None` all. A delivery the caller received is a left-over: treat as `None`.
        doc_id: Option<DocId>,
        /// Documents or statuses; `None` both.
        kind: Option<Kind>,
    },
    /// Fetch a package as JSON.
    Get(DocId),
    /// Fetch a package as it is.
    Download(DocId),
    /// Acknowledge a delivery.
    UpdateStatus {
        /// Which.
        doc_id: DocId,
        /// How.
        acknowledgement: Acknowledgement,
        /// In words.
        description: String,
    },
    /// How much waits for the caller.
    Count(Kind),
}

/// Reads the parameters of a call from what was signed, and from the body where the call has one (`sendEdoc` aside).
///
/// # Errors
/// [`Error::BadParameter`] names what is missing or senseless; [`Error::NoSuchDocument`] for an id we cannot have
/// given out.
pub fn read(name: Name, signed: &Signed, body: &[u8], limits: &Limits) -> Result<Call, Error> {
    Ok(match name {
        Name::AgenciesList => Call::AgenciesList,
        Name::AgenciesListQd20 => {
            Call::AgenciesListQd20 { first_level_only: signed.get("level") == Some("1") }
        }
        Name::SynchronizeUnit => Call::SynchronizeUnit,
        Name::RegisterAgency => Call::RegisterAgency(new_agency(body, limits)?),
        Name::DeleteAgency => Call::DeleteAgency(
            signed
                .get("AgencyCode")
                .and_then(|code| code.parse().ok())
                .ok_or(Error::BadParameter { name: "AgencyCode", expected: "an agency code" })?,
        ),
        Name::ReceivedList => Call::ReceivedList(received_query(signed, limits)?),
        Name::Send => Call::Send(send_parameters(signed)?),
        Name::SentList => Call::SentList {
            doc_id: signed.get("docId").and_then(|id| DocId::read(id).ok()),
            kind: kind(signed)?,
        },
        Name::Get => Call::Get(either(signed, "docId", "docid")?),
        Name::Download => Call::Download(either(signed, "docId", "docid")?),
        Name::UpdateStatus => Call::UpdateStatus {
            doc_id: either(signed, "docid", "docId")?,
            acknowledgement: acknowledgement(signed)?,
            description: signed
                .get("description")
                .unwrap_or_default()
                .chars()
                .take(limits.text_chars_max)
                .collect(),
        },
        Name::CountDocuments => Call::Count(Kind::Documents),
        Name::CountStatuses => Call::Count(Kind::Statuses),
    })
}

/// Fetching reads `docId` first, acknowledging `docid`: known integrations use one client object for both, and each
/// leaves the other's id behind (VXP 3.10).
fn either(signed: &Signed, first: &'static str, second: &'static str) -> Result<DocId, Error> {
    let id = signed
        .get(first)
        .or_else(|| signed.get(second))
        .ok_or(Error::BadParameter { name: first, expected: "the id of a document" })?;
    DocId::read(id)
}

fn kind(signed: &Signed) -> Result<Option<Kind>, Error> {
    let Some(text) = signed.get("messagetype") else { return Ok(None) };
    match text.to_ascii_lowercase().as_str() {
        // One readme lists the last three as message types (VXP 7).
        "edoc" | "replacement" | "revocation" | "update" => Ok(Some(Kind::Documents)),
        "status" => Ok(Some(Kind::Statuses)),
        _ => Err(Error::BadParameter { name: "messagetype", expected: "edoc, status" }),
    }
}

fn acknowledgement(signed: &Signed) -> Result<Acknowledgement, Error> {
    let word = signed.get("status").unwrap_or_default().to_ascii_lowercase();
    match word.as_str() {
        "processing" => Ok(Acknowledgement::Processing),
        "done" => Ok(Acknowledgement::Done),
        "fail" => Ok(Acknowledgement::Fail),
        _ => Err(Error::BadParameter { name: "status", expected: "processing, done, fail" }),
    }
}

fn received_query(signed: &Signed, limits: &Limits) -> Result<ReceivedQuery, Error> {
    let number = |name| signed.get(name).and_then(|text: &str| text.parse::<u32>().ok());
    let page = match (number("pageIndex"), number("pageSize")) {
        (Some(index), Some(size)) if index >= 1 && size >= 1 => {
            Some(Page { index, size: size.min(limits.page_rows_max) })
        }
        _ => None,
    };
    Ok(ReceivedQuery {
        kind: kind(signed)?,
        from: signed.get("fromDate").and_then(list_time),
        to: signed.get("toDate").and_then(list_time),
        page,
        // A left-over of sendEdoc begins with `[` or `"`, and so is no code.
        receiver: signed.get("to").and_then(|to| to.parse().ok()),
    })
}

fn send_parameters(signed: &Signed) -> Result<SendParameters, Error> {
    let from = signed.get("from").ok_or(Error::BadParameter { name: "from", expected: "an agency code" })?;
    Ok(SendParameters {
        from: from.to_owned(),
        to: signed.get("to").map(receivers).unwrap_or_default(),
        hash_file: signed.get("hash-file").map(str::to_owned),
        // The content decides, so a strange hint is no fault.
        hint: kind(signed).unwrap_or_default(),
        declared: Declared::default(),
    })
}

/// `["A","B"]`, `"A"` or `A` (VXP 2.1). What is no code is left out: this only ever narrows.
fn receivers(text: &str) -> Vec<AgencyCode> {
    let codes = match serde_json::from_str::<Vec<String>>(text) {
        Ok(list) => list,
        Err(_) => vec![serde_json::from_str::<String>(text).unwrap_or_else(|_| text.to_owned())],
    };
    codes.iter().filter_map(|code| code.parse().ok()).collect()
}

/// VXP 3.5: the vendor's own example body is no JSON; that is said in words.
fn new_agency(body: &[u8], limits: &Limits) -> Result<NewAgency, Error> {
    let wrong =
        Error::BadParameter { name: "body", expected: "JSON {id, pcode, code, name, mail, mobile, fax}" };
    if body.len() > limits.call_body_bytes_max {
        return Err(wrong);
    }
    let agency: NewAgency = serde_json::from_slice(body).map_err(|_| wrong.clone())?;
    let too_long = [&agency.id, &agency.pcode, &agency.name, &agency.mail, &agency.mobile, &agency.fax]
        .iter()
        .any(|text| text.chars().count() > limits.text_chars_max);
    if too_long {
        return Err(wrong);
    }
    if agency.code.parse::<AgencyCode>().is_err() {
        return Err(Error::BadParameter { name: "code", expected: "an agency code" });
    }
    match agency.name.trim().is_empty() {
        true => Err(Error::BadParameter { name: "name", expected: "a name" }),
        false => Ok(agency),
    }
}

/// `dd/MM/yyyy HH:mm:ss` in Vietnam time; `None` for what is no date (`29/02/2022` was seen).
fn list_time(text: &str) -> Option<Timestamp> {
    match text_numbers(text, "##/##/#### ##:##:##")?[..] {
        [day, month, year, hour, minute, second] => vietnam_time([day, month, year], [hour, minute, second]),
        _ => None,
    }
}

/// A moment of Vietnam's clock, from day, month, year and hour, minute, second.
pub(crate) fn vietnam_time(
    [day, month, year]: [u32; 3],
    [hour, minute, second]: [u32; 3],
) -> Option<Timestamp> {
    let small = |n: u32| u8::try_from(n).ok();
    let month = time::Month::try_from(small(month)?).ok()?;
    let date = time::Date::from_calendar_date(i32::try_from(year).ok()?, month, small(day)?).ok()?;
    let clock = time::Time::from_hms(small(hour)?, small(minute)?, small(second)?).ok()?;
    Some(Timestamp::from_datetime(date.with_time(clock).assume_offset(mail::VIETNAM)))
}
