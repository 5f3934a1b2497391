//! Statuses: what a receiver says of a document to its sender, and code 13, by which a sender asks for one back.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use registry::Error;
use registry::compose::{self, Report};
use registry::keys::Scope;
use registry::package::write_status;
use registry::status::StatusCode;
use registry::vxp::call::Declared;
use ring::digest::{Context, SHA256};
use store::Spool;

use super::documents::{check_condition, seen};
use super::json::{self, is_json, unsupported};
use super::model::{Accepted, StatusToReport};
use super::problem::{Answer, Problem};
use super::repeat::Repeatable;
use super::send::{agency_code, created, refused, staff, take_in};
use super::{Api, SMALL_BODY_MAX, take};

/// Reports a status of a document (03 accepted, 02 refused, …). It travels as a status package, like any other.
#[utoipa::path(post, path = "/api/v1/documents/{id}/statuses", tag = "documents", operation_id = "reportStatus",
    params(("id" = String, Path, description = "Our id of the document."),
           ("If-Match" = Option<String>, Header, description = "Report only if the document is as you last saw it."),
           ("Idempotency-Key" = Option<String>, Header, description = "As with sending.")),
    request_body(content = StatusToReport, content_type = "application/json"),
    security(("key" = ["statuses:send"])),
    responses((status = 201, description = "Accepted: its addressee will hear it.", body = Accepted)))]
pub(super) async fn report(State(api): State<Arc<Api>>, Path(id): Path<String>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let (caller, body) = api.admit_with(&parts, Scope::StatusesSend, body).await?;
    if !is_json(&parts.headers) {
        return Err(unsupported("application/json"));
    }
    let body = take(body, SMALL_BODY_MAX).await?;
    let said: StatusToReport = json::read(&body)?;
    let seen = seen(&api, &caller, &id).await?;
    let mut print = Context::new(&SHA256);
    print.update(parts.uri.path().as_bytes());
    print.update(b"\n");
    print.update(&body);
    let print: [u8; 32] = print.finish().as_ref().try_into().map_err(|_| Error::Internal)?;
    let repeat = Repeatable::begin(&api, &caller, &parts.headers, print).await?;
    if let Some(answer) = repeat.as_ref().and_then(Repeatable::answered) {
        return Ok(created(answer.to_owned()));
    }
    let outcome = async {
        let kept = match &repeat {
            Some(repeat) => repeat.package(&api).await?,
            None => None,
        };
        let package = match kept {
            Some(kept) => kept,
            None => {
                // A repeat may find the document changed by its own first coming.
                check_condition(&api, &parts.headers, &seen).await?;
                let built: Spool = package_of(&api, seen, said).await?.into();
                match &repeat {
                    Some(repeat) => repeat.keep(&api, built).await?,
                    None => built,
                }
            }
        };
        take_in(&api, &caller, package, Declared::default()).await
    };
    let outcome: Result<String, Problem> = outcome.await;
    match (&outcome, &repeat) {
        (Ok(answer), Some(repeat)) => repeat.answer(&api, answer.clone()).await,
        (Err(_), Some(repeat)) => repeat.forget(&api).await,
        (_, None) => {}
    }
    outcome.map(created)
}

async fn package_of(
    api: &Api,
    seen: registry::browse::Seen,
    said: StatusToReport,
) -> Result<Vec<u8>, Problem> {
    let code = StatusCode::read(&said.code);
    if matches!(code, StatusCode::Unknown(_)) || code.as_str() != said.code {
        return Err(refused("/code", "01, 02, 03, 04, 05, 06, 13, 15 or 16"));
    }
    let report = Report {
        code,
        agency: said.agency.as_deref().map(|code| agency_code(code, "/agency")).transpose()?,
        to: said.to.as_deref().map(|code| agency_code(code, "/to")).transpose()?,
        reason: said.reason,
        staff: staff(&said.staff),
    };
    let now = api.house.now();
    let status = api
        .house
        .store
        .read((seen, report), |tx, (seen, report)| {
            Box::pin(async move { compose::status(tx, seen, report, now).await })
        })
        .await?;
    Ok(write_status(&status).map_err(Error::from)?)
}
