//! What your systems were refused, and why.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use mail::AuditId;
use registry::refusals::Refused;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::model::moment;
use super::problem::{Answer, Problem};
use super::{Api, Asked, Reader};

/// Refusals of one page, unless asked otherwise, and at most.
const PAGE: u16 = 100;
const PAGE_MAX: u16 = 1_000;

/// A package that was refused. Nothing of its content is kept.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefusalView {
    /// When.
    at: String,
    /// The system that brought it.
    system: String,
    /// The stable code of the reason.
    #[schema(example = "vxp.unknown-agencies")]
    code: String,
    /// The reason in Vietnamese.
    #[serde(skip_serializing_if = "String::is_empty")]
    vi: String,
    /// The reason in English.
    #[serde(skip_serializing_if = "String::is_empty")]
    en: String,
    /// Which detector of state secrets found something.
    #[serde(skip_serializing_if = "Option::is_none")]
    detector: Option<String>,
    /// SHA-256 of the package.
    package_sha256: String,
    /// The sender's code, where it could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// The receivers' codes, where they could be read; twenty at most.
    to: Vec<String>,
}

/// A page of refusals, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefusalPage {
    refusals: Vec<RefusalView>,
    /// For `before`; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Which refusals.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RefusalQuery {
    /// Older than this place: `next` of the page before.
    before: Option<String>,
    /// So many at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u16>,
}

/// Lists what the systems of your agency were refused, newest first.
#[utoipa::path(get, path = "/api/v1/refusals", tag = "sending", operation_id = "listRefusals", params(RefusalQuery),
    security(("key" = ["documents:read"])),
    responses((status = 200, description = "What was refused and why.", body = RefusalPage)))]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Asked(query): Asked<RefusalQuery>,
) -> Answer {
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Problem::bad_request("/limit", "expected 1 to 1000"));
    }
    let before = query.before.map(|text| text.parse::<AuditId>()).transpose();
    let before = before.map_err(|_| Problem::bad_request("/before", "expected `next` of a page"))?;
    let asked = (caller.system.agency_id, before, i64::from(limit));
    let found: Result<_, store::Error> = api
        .house
        .store
        .read(asked, |tx, (agency_id, before, limit)| {
            Box::pin(async move { tx.refusals(*agency_id, *before, *limit).await })
        })
        .await;
    let found = found?;
    let is_full = found.len() == usize::from(limit);
    let next = found.last().filter(|_| is_full).map(|last| last.refusal_id.to_string());
    let refusals = found.into_iter().map(|refusal| shown(refusal.into())).collect();
    Ok(Json(RefusalPage { refusals, next }).into_response())
}

fn shown(refused: Refused) -> RefusalView {
    RefusalView {
        at: moment(refused.at),
        system: refused.system,
        code: refused.code,
        vi: refused.vi,
        en: refused.en,
        detector: refused.detector,
        package_sha256: refused.package_sha256,
        from: refused.from,
        to: refused.to,
    }
}
