//! Sending: a package as it is, or a document said plainly, of which we build the package. Both end at [`crate::intake`].

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mail::{AgencyCode, FileUploadId, Timestamp};
use registry::browse::Seen;
use registry::compose::{self, Draft};
use registry::document_id::DocumentIdentifier;
use registry::keys::{Caller, Scope};
use registry::package::{
    Answered, BusinessType, NewAttachment, OtherInfo, Packing, Priority, ReceiverChange, SignerInfo, Staff,
    Update, write_document_into,
};
use registry::reasons::PaperReason;
use registry::vxp::call::{Declared, DeclaredPaper, SendParameters};
use registry::{Error, Limits};
use ring::digest::{Context, SHA256};
use store::Spool;
use web::form::{self, FormError};

use super::documents::seen;
use super::json::{self, media_type, unsupported};
use super::model::{
    Accepted, AnsweredDocument, DocumentToSend, FileToSend, StaffToSend, UpdateToSend, WarningWords,
};
use super::problem::{Answer, Problem};
use super::repeat::Repeatable;
use super::{Api, SMALL_BODY_MAX, cut, uploads};
use crate::body::{self, drain};
use crate::intake::{TakenIn, blocking};

/// What is taken by the places that send.
const TAKEN: &str = "application/json, multipart/form-data, application/xml";
/// Name of the part of a form that says what the document is.
const METADATA: &str = "document";

/// A body that was taken and looked at.
enum Said {
    /// A package, to be sent as it is.
    Package(Spool),
    /// A description, the parts of the form it may name, and the body in which they are.
    Document(Box<DocumentToSend>, Vec<form::Part>, Spool),
}

/// Sends a document: as an edXML package that goes on byte for byte, or said plainly in JSON, alone or in a form with its files.
#[utoipa::path(post, path = "/api/v1/documents", tag = "sending", operation_id = "sendDocument",
    params(("Idempotency-Key" = Option<String>, Header,
            description = "Yours for this act: the same request with the same key is answered once and the same, also after a crash.")),
    request_body(content((DocumentToSend = "application/json"), (String = "application/xml"), (Object = "multipart/form-data")),
        description = "JSON; or an edXML package; or a form whose part `document` is the JSON and whose other parts are files."),
    security(("key" = ["documents:send"])),
    responses((status = 201, description = "Accepted: it survives a power cut, and its receivers will get it.", body = Accepted,
               headers(("Location" = String, description = "Where it is from now on.")))))]
pub(super) async fn document(State(api): State<Arc<Api>>, request: Request) -> Answer {
    send(&api, request, None).await
}

/// Recalls a document you sent (thu hồi, type 1): each receiver is asked to cancel it. `reason` says why; the signed order goes
/// into `files`.
#[utoipa::path(post, path = "/api/v1/documents/{id}/recall", tag = "sending", operation_id = "recallDocument",
    params(("id" = String, Path, description = "Our id of the document."),
           ("Idempotency-Key" = Option<String>, Header, description = "As with sending.")),
    request_body(content((DocumentToSend = "application/json"), (Object = "multipart/form-data"))),
    security(("key" = ["documents:send"])),
    responses((status = 201, description = "Accepted.", body = Accepted)))]
pub(super) async fn recall(State(api): State<Arc<Api>>, Path(id): Path<String>, request: Request) -> Answer {
    send(&api, request, Some((BusinessType::Recall, id))).await
}

/// Updates a document you sent (cập nhật, type 2).
#[utoipa::path(post, path = "/api/v1/documents/{id}/update", tag = "sending", operation_id = "updateDocument",
    params(("id" = String, Path, description = "Our id of the document."),
           ("Idempotency-Key" = Option<String>, Header, description = "As with sending.")),
    request_body(content((DocumentToSend = "application/json"), (Object = "multipart/form-data"))),
    security(("key" = ["documents:send"])),
    responses((status = 201, description = "Accepted.", body = Accepted)))]
pub(super) async fn update(State(api): State<Arc<Api>>, Path(id): Path<String>, request: Request) -> Answer {
    send(&api, request, Some((BusinessType::Update, id))).await
}

/// Replaces a document you sent (thay thế, type 3): the new one has its own number and date.
#[utoipa::path(post, path = "/api/v1/documents/{id}/replacement", tag = "sending", operation_id = "replaceDocument",
    params(("id" = String, Path, description = "Our id of the document that is replaced."),
           ("Idempotency-Key" = Option<String>, Header, description = "As with sending.")),
    request_body(content((DocumentToSend = "application/json"), (Object = "multipart/form-data"))),
    security(("key" = ["documents:send"])),
    responses((status = 201, description = "Accepted.", body = Accepted)))]
pub(super) async fn replacement(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    send(&api, request, Some((BusinessType::Replacement, id))).await
}

async fn send(api: &Api, request: Request, about: Option<(BusinessType, String)>) -> Answer {
    let (parts, body) = request.into_parts();
    let (caller, body) = api.admit_with(&parts, Scope::DocumentsSend, body).await?;
    let about = match about {
        Some((kind, id)) => Some((kind, seen(api, &caller, &id).await?)),
        None => None,
    };
    let limits = &api.intake.desk().limits;
    let kind = media_type(&parts.headers);
    let max = match kind.as_str() {
        "application/json" => SMALL_BODY_MAX,
        // A form has its frame, and the description of the document.
        "multipart/form-data" => limits.package_bytes_max.saturating_add(2 * SMALL_BODY_MAX),
        "application/xml" | "text/xml" if about.is_none() => limits.package_bytes_max,
        _ => {
            drain(body, SMALL_BODY_MAX).await;
            return Err(unsupported(if about.is_none() {
                TAKEN
            } else {
                "application/json, multipart/form-data"
            }));
        }
    };
    // A package or a form brings its files along; what a description names lies in uploads, and is known when it is read.
    let room = match kind.as_str() {
        "application/json" => Ok(None),
        _ => api.intake.enter(announced(&parts.headers)).await.map(Some),
    };
    let room = match room {
        Ok(room) => room,
        Err(error) => {
            drain(body, max).await;
            return Err(error.into());
        }
    };
    let body = body::spool(body, max, api.house.store.spool()).await.map_err(cut)?;
    let (said, fingerprint) = look_at(&parts, body, kind).await?;
    let repeat = Repeatable::begin(api, &caller, &parts.headers, fingerprint).await?;
    if let Some(answer) = repeat.as_ref().and_then(Repeatable::answered) {
        return Ok(created(answer.to_owned()));
    }
    let _room = match room {
        Some(room) => room,
        None => api.intake.enter(Some(size_of(api, &caller, &said).await?)).await?,
    };
    let outcome = accept(api, &caller, said, about.as_ref(), repeat.as_ref()).await;
    match (&outcome, &repeat) {
        (Ok(answer), Some(repeat)) => repeat.answer(api, answer.clone()).await,
        (Err(_), Some(repeat)) => repeat.forget(api).await,
        (_, None) => {}
    }
    outcome.map(created)
}

/// Builds the package if it has to be built, and has it accepted; answers the body of the answer.
async fn accept(
    api: &Api,
    caller: &Caller,
    said: Said,
    about: Option<&(BusinessType, Seen)>,
    repeat: Option<&Repeatable>,
) -> Result<String, Problem> {
    let mut used: Vec<FileUploadId> = Vec::new();
    let kept = match repeat {
        Some(repeat) => repeat.package(api).await?,
        None => None,
    };
    // RULES R15: this door has a place for the reason why paper follows.
    let declared = match &said {
        Said::Document(said, ..) => Declared {
            paper: DeclaredPaper::Asked(said.paper_reason.as_deref().and_then(PaperReason::read)),
            ..Declared::default()
        },
        Said::Package(_) => Declared::default(),
    };
    let package = match (said, kept) {
        (Said::Package(package), _) => package,
        (Said::Document(..), Some(kept)) => kept,
        (Said::Document(said, parts, body), None) => {
            let named = said.files.iter().filter_map(|file| file.upload.as_deref());
            used.extend(named.filter_map(|id| id.parse::<FileUploadId>().ok()));
            let built = build(api, caller, *said, &parts, &body, about).await?;
            drop(body);
            match repeat {
                Some(repeat) => repeat.keep(api, built).await?,
                None => built,
            }
        }
    };
    let answer = take_in(api, caller, package, declared).await?;
    uploads::used(api, caller, &used).await;
    Ok(answer)
}

/// About how long the package of a description will be: its uploads in base64, and its head.
async fn size_of(api: &Api, caller: &Caller, said: &Said) -> Result<u64, Problem> {
    let Said::Document(said, _, body) = said else { return Ok(0) };
    let mut size = 0u64;
    for file in said.files.iter().take(api.intake.desk().limits.attachments_max) {
        let Some(id) = &file.upload else { continue };
        size = size.saturating_add(uploads::length(api, caller, id).await?);
    }
    // What is said of it becomes elements, each with its name twice.
    let header = body.len().saturating_mul(4).saturating_add(64 * 1024);
    Ok(packed(size).saturating_add(header))
}

/// How long bytes are in base64, in lines.
pub(super) fn packed(size: u64) -> u64 {
    size.saturating_add(size / 2)
}

/// How long the body will be, as far as the client says.
fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Has a package accepted.
pub(super) async fn take_in(
    api: &Api,
    caller: &Caller,
    package: Spool,
    declared: Declared,
) -> Result<String, Problem> {
    let mut print = Context::new(&SHA256);
    let hashed = package.clone();
    let sha256 = blocking(move || see(&hashed, &mut print).and_then(|()| finished(print))).await??;
    let parameters = SendParameters {
        from: caller.system.system_id.clone(),
        to: Vec::new(),
        hash_file: None,
        hint: None,
        declared,
    };
    let TakenIn { accepted, warnings } =
        api.intake.take_in(package, sha256, parameters, caller.system.clone()).await?;
    let receipt = String::from_utf8(accepted.receipt).map_err(|_| Error::Internal)?;
    let answer = Accepted {
        id: accepted.document_id.to_string(),
        receipt: serde_json::value::RawValue::from_string(receipt).map_err(|_| Error::Internal)?,
        warnings: warnings.iter().map(WarningWords::of).collect(),
    };
    serde_json::to_string(&answer).map_err(|_| Error::Internal.into())
}

/// Has a digest see all of it.
fn see(bytes: &Spool, print: &mut Context) -> Result<(), Error> {
    bytes.each_window(|window| {
        print.update(window);
        Ok::<_, Error>(())
    })
}

fn finished(print: Context) -> Result<[u8; 32], Error> {
    print.finish().as_ref().try_into().map_err(|_| Error::Internal)
}

/// What is asked of whom, for the digest by which a repeat is known.
fn place(parts: &Parts, kind: &str) -> String {
    format!("{} {}\n{kind}\n", parts.method, parts.uri.path())
}

/// 201 with the place of what was accepted.
pub(super) fn created(answer: String) -> Response {
    let id = serde_json::from_str::<serde_json::Value>(&answer).unwrap_or_default();
    let place = format!("/api/v1/documents/{}", id["id"].as_str().unwrap_or_default());
    let headers = [(header::LOCATION, place.as_str()), (header::CONTENT_TYPE, "application/json")];
    (StatusCode::CREATED, headers, answer).into_response()
}

/// Reads what was sent, and makes the digest by which a repeat is known: over what is asked, not over the frame of a form,
/// which clients draw anew each time.
async fn look_at(parts: &Parts, body: Spool, kind: String) -> Result<(Said, [u8; 32]), Problem> {
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    let place = place(parts, &kind);
    blocking(move || {
        let mut print = Context::new(&SHA256);
        print.update(place.as_bytes());
        let said = match kind.as_str() {
            "application/json" => {
                see(&body, &mut print)?;
                Said::Document(Box::new(json::read(&body.whole()?)?), Vec::new(), body)
            }
            "multipart/form-data" => look_at_form(&content_type, body, &mut print)?,
            _ => {
                see(&body, &mut print)?;
                Said::Package(body)
            }
        };
        Ok((said, finished(print)?))
    })
    .await?
}

fn look_at_form(content_type: &str, body: Spool, print: &mut Context) -> Result<Said, Problem> {
    let form = form::read(content_type, &body).map_err(|error| match error {
        FormError::NoForm => Problem::bad_request("/", "the form cannot be read"),
        FormError::Unread => Error::Unavailable.into(),
    })?;
    for part in &form {
        let content = content_of(&body, part);
        let head = format!("{:?} {:?} {}\n", part.name, part.file_name, content.len());
        print.update(head.as_bytes());
        see(&content, print)?;
    }
    let metadata = form
        .iter()
        .find(|part| part.name == METADATA)
        .ok_or_else(|| Problem::bad_request("/document", "the form has no part named document"))?;
    let metadata = content_of(&body, metadata);
    if metadata.len() > SMALL_BODY_MAX as u64 {
        return Err(Error::TooLarge { max: SMALL_BODY_MAX }.into());
    }
    Ok(Said::Document(Box::new(json::read(&metadata.whole()?)?), form, body))
}

/// What a part of a form holds.
fn content_of(body: &Spool, part: &form::Part) -> Spool {
    body.part(part.content.start, part.content.end - part.content.start)
}

/// The package of a document that was said plainly.
async fn build(
    api: &Api,
    caller: &Caller,
    said: DocumentToSend,
    parts: &[form::Part],
    body: &Spool,
    about: Option<&(BusinessType, Seen)>,
) -> Result<Spool, Problem> {
    let limits = api.intake.desk().limits.clone();
    let now = api.house.now();
    let mut draft = draft(&said, &limits)?;
    draft.files = files(api, caller, &said.files, parts, body, &limits).await?;
    let input = (caller.system.clone(), draft, about.cloned(), limits.clone());
    let document = api
        .house
        .store
        .read(input, |tx, (system, draft, about, limits)| {
            Box::pin(async move {
                let about = about.as_ref().map(|(kind, seen)| (*kind, seen));
                compose::document(tx, system, draft, about, limits, now).await
            })
        })
        .await?;
    let mut spooling = api.house.store.spool();
    let written = blocking(move || {
        write_document_into(&document, &mut spooling)?;
        spooling.finish().map_err(Error::from)
    });
    let package = written.await??;
    match package.len() > limits.package_bytes_max as u64 {
        true => Err(Error::TooLarge { max: limits.package_bytes_max }.into()),
        false => Ok(package),
    }
}

/// No list is longer than a package may have.
fn are_bounded(said: &DocumentToSend, limits: &Limits) -> Result<(), Problem> {
    if said.to.as_ref().is_some_and(|to| to.len() > limits.receivers_max) {
        return Err(refused("/to", &format!("{} receivers at most", limits.receivers_max)));
    }
    let lists = [
        ("/answers", said.answers.len()),
        ("/tasks", said.tasks.len()),
        ("/places", said.places.len()),
        ("/replyFors", said.reply_fors.len()),
        ("/references", said.references.len()),
        ("/appendixes", said.appendixes.len()),
    ];
    if let Some((pointer, _)) = lists.into_iter().find(|(_, length)| *length > limits.list_max) {
        return Err(refused(pointer, &format!("{} entries at most", limits.list_max)));
    }
    Ok(())
}

fn answered(said: &AnsweredDocument, index: usize) -> Result<Answered, Problem> {
    let not_legal = |_| refused(&format!("/answers/{index}/documentId"), "not a legal identifier");
    let document_id = match said.document_id.as_str() {
        "" => None,
        id => Some(DocumentIdentifier::new(id).map_err(not_legal)?),
    };
    Ok(Answered {
        organ_id: said.agency.clone(),
        code: said.code.clone(),
        document_id,
        promulgation_date: date(&said.date, &format!("/answers/{index}/date"))?,
    })
}

fn changes(said: &UpdateToSend) -> Update {
    let change = |added| move |organ_id: &String| ReceiverChange { organ_id: organ_id.clone(), added };
    let added = said.added.iter().map(change(true));
    let receivers: Vec<ReceiverChange> = added.chain(said.removed.iter().map(change(false))).collect();
    Update { content_changed: said.content, receivers_changed: !receivers.is_empty(), receivers }
}

/// The words of the API in the words of the standard.
fn draft(said: &DocumentToSend, limits: &Limits) -> Result<Draft, Problem> {
    are_bounded(said, limits)?;
    let to = said.to.as_ref().map(|to| {
        let codes = to.iter().enumerate();
        codes.map(|(index, code)| agency_code(code, &format!("/to/{index}"))).collect::<Result<Vec<_>, _>>()
    });
    let answers = said.answers.iter().enumerate().map(|(index, said)| answered(said, index));
    let paper = said.paper_reason.as_deref().map(|reason| {
        PaperReason::read(reason)
            .ok_or_else(|| refused("/paperReason", "GOV_PM, AGENCY_LIST(item) or RECEIVER_NOT_READY"))
    });
    Ok(Draft {
        from: said.from.as_deref().map(|code| agency_code(code, "/from")).transpose()?,
        to: to.transpose()?,
        document_id: said.document_id.clone(),
        number: said.number.clone(),
        notation: said.notation.clone(),
        date: said.date.as_deref().map(|text| date(text, "/date")).transpose()?,
        place: said.place.clone(),
        type_name: said.type_name.clone(),
        type_number: said.type_number,
        subject: said.subject.clone(),
        signer: said.signer.clone().map(|signer| SignerInfo {
            competence: signer.competence,
            position: signer.position,
            full_name: signer.name,
        }),
        due_date: said.due_date.as_deref().map_or(Ok(String::new()), |text| date(text, "/dueDate"))?,
        other_info: OtherInfo {
            priority: priority(said.priority)?,
            sphere_of_promulgation: said.sphere.clone(),
            typer_notation: said.typist.clone(),
            promulgation_amount: said.copies,
            page_amount: said.pages,
            reply_fors: said.reply_fors.clone(),
            direction: said.direction,
            reference_codes: said.references.clone(),
            appendixes: said.appendixes.clone(),
        },
        response_for: answers.collect::<Result<_, Problem>>()?,
        steering_type: said.steering,
        tasks: said.tasks.clone(),
        to_places: said.places.clone(),
        paper: paper.transpose()?,
        reason: said.reason.clone(),
        update: said.update.as_ref().map(changes),
        staff: staff(&said.staff),
        files: Vec::new(),
    })
}

/// The content has a member that is not acceptable.
pub(super) fn refused(pointer: &str, expected: &str) -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "not-acceptable-content",
        format!("Giá trị tại {pointer} không được chấp nhận"),
        format!("The value at {pointer} is not acceptable"),
    )
    .at(pointer, expected)
}

pub(super) fn agency_code(text: &str, pointer: &str) -> Result<AgencyCode, Problem> {
    text.parse().map_err(|error: mail::BadAgencyCode| refused(pointer, &error.to_string()))
}

pub(super) fn staff(said: &StaffToSend) -> Staff {
    Staff {
        department: said.department.clone(),
        staff: said.name.clone(),
        email: said.email.clone(),
        mobile: said.mobile.clone(),
        ..Staff::default()
    }
}

/// `yyyy-MM-dd` as the standard writes it; empty stays empty.
fn date(text: &str, pointer: &str) -> Result<String, Problem> {
    if text.is_empty() {
        return Ok(String::new());
    }
    // A day that exists: the clock's own reader knows the calendar.
    let exists = text.len() == 10 && Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z")).is_ok();
    match exists {
        true => Ok(text.replace('-', "/")),
        false => Err(refused(pointer, "a date, yyyy-MM-dd")),
    }
}

fn priority(number: u8) -> Result<Priority, Problem> {
    match number {
        0 => Ok(Priority::Normal),
        1 => Ok(Priority::Urgent),
        2 => Ok(Priority::VeryUrgent),
        3 => Ok(Priority::Express),
        4 => Ok(Priority::ExpressAtHour),
        _ => Err(refused("/priority", "0 to 4")),
    }
}

/// The files a document names, from uploads and from the form.
async fn files(
    api: &Api,
    caller: &Caller,
    named: &[FileToSend],
    parts: &[form::Part],
    body: &Spool,
    limits: &Limits,
) -> Result<Vec<NewAttachment>, Problem> {
    if named.len() > limits.attachments_max {
        return Err(refused("/files", &format!("{} files at most", limits.attachments_max)));
    }
    let mut files = Vec::with_capacity(named.len());
    let mut size = 0u64;
    for (index, file) in named.iter().enumerate() {
        let pointer = format!("/files/{index}");
        let (content, own_name) = match (&file.upload, &file.part) {
            (Some(id), None) => uploads::finished(api, caller, id, &format!("{pointer}/upload")).await?,
            (None, Some(name)) => {
                let part = parts.iter().find(|part| part.name == *name && *name != METADATA);
                let part = part.ok_or_else(|| {
                    refused(&format!("{pointer}/part"), "no part of the form has this name")
                })?;
                (content_of(body, part), part.file_name.clone().unwrap_or_default())
            }
            _ => return Err(refused(&pointer, "either upload or part")),
        };
        size = size.saturating_add(content.len());
        if size > limits.package_bytes_max as u64 {
            return Err(Error::TooLarge { max: limits.package_bytes_max }.into());
        }
        let name = file.name.clone().filter(|name| !name.trim().is_empty()).unwrap_or(own_name);
        let description = if file.description.is_empty() { name.clone() } else { file.description.clone() };
        let mut id = [0; 16];
        api.house.chance.fill(&mut id);
        files.push(NewAttachment { id, name, description, content, packing: Packing::default() });
    }
    Ok(files)
}
