//! Packages from what a caller says plainly: names are looked up, what the law or the original document settles is filled in, and
//! the writer of [`crate::package`] does the rest.

use mail::{AgencyCode, Timestamp};
use serde_json::Value;
use store::{Agency, Document, ExchangeSystem, Tx};

use crate::Error;
use crate::Limits;
use crate::browse::{Seen, Side};
use crate::document_id::DocumentIdentifier;
use crate::package::{
    Answered, BusinessType, Code, DocumentType, NewAttachment, NewBusiness, NewDocument, NewParty, NewStatus,
    OtherInfo, PromulgationInfo, Replacement, SignerInfo, Staff, StatusAddress, Unwritable, Update,
};
use crate::reasons::PaperReason;
use crate::status::StatusCode;

/// What a caller says of a document to send. What is `None` comes from the document it is about, where there is one.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// Who sends; may be left out by a system that speaks for one agency.
    pub from: Option<AgencyCode>,
    /// Who receives.
    pub to: Option<Vec<AgencyCode>>,
    /// The legal identifier; composed of sender, date, number and notation when left out (RULES I7).
    pub document_id: Option<String>,
    /// The number.
    pub number: Option<String>,
    /// The notation.
    pub notation: Option<String>,
    /// The date of issue, `yyyy/MM/dd`.
    pub date: Option<String>,
    /// The place of issue.
    pub place: Option<String>,
    /// The type, by name.
    pub type_name: Option<String>,
    /// The type, by number.
    pub type_number: Option<u32>,
    /// Trích yếu.
    pub subject: Option<String>,
    /// Who signed.
    pub signer: Option<SignerInfo>,
    /// The deadline, `yyyy/MM/dd`, or empty.
    pub due_date: String,
    /// Urgency and other things.
    pub other_info: OtherInfo,
    /// Which documents it answers.
    pub response_for: Vec<Answered>,
    /// 0 to 3 (RULES 2.6).
    pub steering_type: u8,
    /// Codes of steering tasks.
    pub tasks: Vec<String>,
    /// "Nơi nhận".
    pub to_places: Vec<String>,
    /// Why a paper copy follows, if one does (RULES R15).
    pub paper: Option<PaperReason>,
    /// Why it is recalled, updated or replaced.
    pub reason: String,
    /// What an update changes.
    pub update: Option<Update>,
    /// The records officer who sends.
    pub staff: Staff,
    /// The files, the main document first.
    pub files: Vec<NewAttachment>,
}

/// Completes a document to send. `about` is what it recalls, updates or replaces.
///
/// # Errors
/// [`Error::BadParameter`], [`Error::Unwritable`], [`Error::UnknownAgencies`], [`Error::Forbidden`] for an act about somebody
/// else's document (RULES R37), or the store's trouble.
pub async fn document(
    tx: &mut Tx,
    system: &ExchangeSystem,
    draft: &Draft,
    about: Option<(BusinessType, &Seen)>,
    limits: &Limits,
    now: Timestamp,
) -> Result<NewDocument, Error> {
    let draft = draft.clone();
    let original = about.map(|(_, seen)| Original::new(seen)).transpose()?;
    let said = |own: Option<String>, member: &[&str]| {
        own.or_else(|| original.as_ref().map(|original| original.text(member))).unwrap_or_default()
    };
    let from = match (&draft.from, &original) {
        (Some(code), _) => own_agency(tx, system, code, now).await?,
        (None, Some(original)) => {
            tx.agency(original.document.agency_id, now).await?.ok_or(Error::NoSuchDocument)?
        }
        (None, None) => only_agency(system)?,
    };
    if original.as_ref().is_some_and(|original| original.document.agency_id != from.agency_id) {
        return Err(Error::Forbidden);
    }
    let to = match (draft.to, &original) {
        (Some(to), _) => to,
        (None, Some(original)) => original.receivers.clone(),
        (None, None) => Vec::new(),
    };
    if to.len() > limits.receivers_max {
        return Err(Error::BadParameter { name: "to", expected: "1,000 receivers at most" });
    }
    if draft.files.len() > limits.attachments_max {
        return Err(Error::BadParameter { name: "files", expected: "100 files at most" });
    }
    let receivers = parties(tx, &to, now).await?;
    let (number, notation) = match (draft.number, draft.notation, &original) {
        (None, None, Some(original)) => split_code(&original.text(&["code"])),
        (number, notation, _) => (number.unwrap_or_default(), notation.unwrap_or_default()),
    };
    let date = said(draft.date, &["promulgationDate"]);
    let kind = about.map_or(BusinessType::New, |(kind, _)| kind);
    let document_id = match (draft.document_id, kind, &original) {
        (Some(id), _, _) => DocumentIdentifier::new(&id),
        // A recall repeats the original's identifier in its header (RULES E9).
        (None, BusinessType::Recall, Some(original)) => DocumentIdentifier::new(original.identifier()),
        _ => DocumentIdentifier::compose(&from.code, &date, &number, &notation),
    };
    let signer_info = draft.signer.unwrap_or_else(|| match &original {
        Some(original) => SignerInfo {
            competence: original.text(&["signer", "competence"]),
            position: original.text(&["signer", "position"]),
            full_name: original.text(&["signer", "name"]),
        },
        None => SignerInfo::default(),
    });
    let codes = || to.iter().map(|code| code.as_str().to_owned()).collect();
    let business = business(kind, original.as_ref(), draft.reason, draft.paper, draft.update, codes)?;
    Ok(NewDocument {
        from: party(&from),
        to: receivers,
        document_id: document_id.map_err(|_| Unwritable::Form("DocumentId"))?,
        code: Code { number, notation },
        promulgation_info: PromulgationInfo { place: said(draft.place, &["promulgationPlace"]), date },
        document_type: DocumentType {
            number: draft.type_number,
            detail: None,
            name: said(draft.type_name, &["type"]),
        },
        subject: said(draft.subject, &["subject"]),
        signer_info,
        due_date: draft.due_date,
        other_info: draft.other_info,
        response_for: draft.response_for,
        steering_type: draft.steering_type,
        tasks: draft.tasks,
        to_places: draft.to_places,
        business,
        staff: draft.staff,
        attachments: draft.files,
        sent: now,
    })
}

fn business(
    kind: BusinessType,
    original: Option<&Original<'_>>,
    reason: String,
    paper: Option<PaperReason>,
    update: Option<Update>,
    receivers: impl Fn() -> Vec<String>,
) -> Result<NewBusiness, Error> {
    let reason = match (&paper, kind) {
        (Some(paper), BusinessType::New) => {
            format!("Văn bản điện tử mới; gửi kèm bản giấy: {}", paper)
        }
        (Some(paper), _) => format!("{reason}; gửi kèm bản giấy: {}", paper),
        (None, _) => reason,
    };
    let mut business = NewBusiness { kind, reason, paper: paper.is_some(), ..NewBusiness::default() };
    let Some(original) = original else { return Ok(business) };
    let target =
        DocumentIdentifier::new(original.identifier()).map_err(|_| Unwritable::Form("DocumentId"))?;
    match kind {
        BusinessType::New => {}
        BusinessType::Recall => business.document_id = Some(target),
        BusinessType::Update => {
            business.document_id = Some(target);
            business.update = Some(update.unwrap_or(Update { content_changed: true, ..Update::default() }));
        }
        BusinessType::Replacement => {
            business.replacements = vec![Replacement { document_id: target, organ_ids: receivers() }];
        }
    }
    Ok(business)
}

/// The document that another one is about.
struct Original<'d> {
    document: &'d Document,
    facts: Value,
    receivers: Vec<AgencyCode>,
}

impl<'d> Original<'d> {
    /// Errors: [`Error::Forbidden`] for what the caller did not send (RULES R37).
    fn new(seen: &'d Seen) -> Result<Self, Error> {
        if seen.side != Side::Sent {
            return Err(Error::Forbidden);
        }
        let facts = serde_json::from_str(&seen.document.facts).unwrap_or_default();
        let receivers = seen.receivers.iter().map(|receiver| receiver.code.clone()).collect();
        Ok(Self { document: &seen.document, facts, receivers })
    }

    fn text(&self, member: &[&str]) -> String {
        let found = member.iter().try_fold(&self.facts, |at, name| at.get(name));
        found.and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// Its legal identifier, as it was written.
    fn identifier(&self) -> &str {
        self.facts["documentId"].as_str().unwrap_or(&self.document.identifier)
    }
}

fn split_code(code: &str) -> (String, String) {
    match code.split_once('/') {
        Some((number, notation)) => (number.to_owned(), notation.to_owned()),
        None => (code.to_owned(), String::new()),
    }
}

fn only_agency(system: &ExchangeSystem) -> Result<Agency, Error> {
    match system.agencies.as_slice() {
        [only] => Ok(only.clone()),
        _ => Err(Error::BadParameter { name: "from", expected: "the code of the agency that sends" }),
    }
}

async fn own_agency(
    tx: &mut Tx,
    system: &ExchangeSystem,
    code: &AgencyCode,
    now: Timestamp,
) -> Result<Agency, Error> {
    let found = tx.agency_by_code(code, now).await?;
    let own = found.filter(|agency| system.agencies.iter().any(|own| own.agency_id == agency.agency_id));
    own.ok_or_else(|| Error::NotYourAgency {
        code: code.as_str().to_owned(),
        system: system.system_id.clone(),
    })
}

/// Receivers by their codes, with the names of the register.
async fn parties(tx: &mut Tx, codes: &[AgencyCode], now: Timestamp) -> Result<Vec<NewParty>, Error> {
    let mut found = Vec::with_capacity(codes.len());
    let mut unknown = Vec::new();
    for code in codes {
        match tx.agency_by_code(code, now).await? {
            Some(agency) => found.push(NewParty { organ_id: code.clone(), ..party(&agency) }),
            None => unknown.push(code.clone()),
        }
    }
    if unknown.is_empty() { Ok(found) } else { Err(Error::UnknownAgencies(unknown)) }
}

fn party(agency: &Agency) -> NewParty {
    NewParty {
        organ_id: agency.code.clone(),
        organization_in_charge: String::new(),
        organ_name: agency.name.clone(),
        organ_add: String::new(),
        email: agency.mail.clone(),
        telephone: String::new(),
        fax: String::new(),
        website: String::new(),
    }
}

/// What a caller says of a document it received, or asks back.
#[derive(Clone, Debug)]
pub struct Report {
    /// Which code.
    pub code: StatusCode,
    /// Who says it; may be left out when only one of the caller's agencies can.
    pub agency: Option<AgencyCode>,
    /// To which receiver, for code 13.
    pub to: Option<AgencyCode>,
    /// Why, in words.
    pub reason: String,
    /// The person behind it.
    pub staff: Staff,
}

/// Completes a status on a document (VXP 5): its receiver speaks to its sender, and its sender to one receiver with code 13.
///
/// # Errors
/// [`Error::BadParameter`], [`Error::Forbidden`] for a word that is not the caller's to say, or the store's trouble.
pub async fn status(tx: &mut Tx, seen: &Seen, report: &Report, now: Timestamp) -> Result<NewStatus, Error> {
    let asks_back = report.code == StatusCode::TakeBack;
    let is_mine = match seen.side {
        Side::Sent => asks_back,
        Side::Received => !asks_back && !seen.receivers.is_empty(),
    };
    if !is_mine {
        return Err(Error::Forbidden);
    }
    let sender = tx.agency(seen.document.agency_id, now).await?.ok_or(Error::NoSuchDocument)?;
    let (reporter, addressee) = match asks_back {
        true => {
            let to = one_of(seen, report.to.as_ref(), "to", "the code of the receiver that is asked")?;
            (sender, to)
        }
        false => {
            let by = one_of(seen, report.agency.as_ref(), "agency", "the code of the agency that reports")?;
            let by = tx.agency_by_code(&by, now).await?.ok_or(Error::NoSuchDocument)?;
            (by, seen.document.from_code.clone())
        }
    };
    let facts: Value = serde_json::from_str(&seen.document.facts).unwrap_or_default();
    let text = |member: &str| facts[member].as_str().unwrap_or_default().to_owned();
    let document_id =
        DocumentIdentifier::new(&text("documentId")).map_err(|_| Unwritable::Form("DocumentId"))?;
    Ok(NewStatus {
        from: party(&reporter),
        response_for: StatusAddress {
            organ_id: addressee,
            code: text("code"),
            document_id: Some(document_id),
            promulgation_date: text("promulgationDate"),
        },
        staff: report.staff.clone(),
        code: report.code.clone(),
        description: report.reason.clone(),
        sent: now,
    })
}

/// The receiver that was named, or the only one.
fn one_of(
    seen: &Seen,
    named: Option<&AgencyCode>,
    name: &'static str,
    expected: &'static str,
) -> Result<AgencyCode, Error> {
    let wrong = || Error::BadParameter { name, expected };
    match (named, seen.receivers.as_slice()) {
        (None, [only]) => Ok(only.code.clone()),
        (None, _) => Err(wrong()),
        (Some(code), receivers) => {
            let found = receivers.iter().find(|receiver| receiver.code.folded() == code.folded());
            found.map(|receiver| receiver.code.clone()).ok_or_else(wrong)
        }
    }
}
