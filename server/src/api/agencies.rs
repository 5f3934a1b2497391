//! The directory of agencies: one by any of its codes, those that words find, and those that changed since (RULES R70).

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use mail::{AgencyCode, AgencyId, Timestamp};
use registry::keys::Caller;
use serde::{Deserialize, Serialize};
use store::{Agency, AgencyHit, Matched, Tx};
use utoipa::{IntoParams, ToSchema};

use super::model::moment;
use super::problem::{Answer, Problem};
use super::{Api, Asked, LooksUp, cursor};

/// Agencies of one page, unless asked otherwise, and at most.
const PAGE: u16 = 50;
const PAGE_MAX: u16 = 200;
/// Agencies that one question finds, over all its pages. Ours: whoever wants more of them follows the changes.
const FOUND_MAX: usize = 400;
/// Characters of a question.
const QUERY_MAX: usize = 200;

/// An agency of the directory.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AgencyView {
    /// Its code.
    #[schema(example = "H37.02")]
    code: String,
    /// Its QCVN 102 code.
    #[serde(skip_serializing_if = "Option::is_none")]
    code102: Option<String>,
    /// Its name.
    name: String,
    /// Its public mail address.
    #[serde(skip_serializing_if = "String::is_empty")]
    mail: String,
    /// Code of its superior.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    /// Whether it can send and receive; false once it was closed.
    active: bool,
    /// Whether a system is connected that takes documents in for it.
    connected: bool,
    /// Whether your key speaks for it.
    own: bool,
    /// When this was last changed.
    changed_at: String,
    /// The directory's version at its last change.
    version: i64,
    /// By what a question found it: code, name, code-beginning, words, folded-words, other-code, other-name.
    #[serde(skip_serializing_if = "Option::is_none")]
    matched: Option<&'static str>,
    /// The former or future code or name by which it was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    other: Option<String>,
}

/// A page of agencies.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AgencyPage {
    /// Of a question: the best first. Of changes: the oldest change first.
    agencies: Vec<AgencyView>,
    /// Of a question: for `after`; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// Of changes: for `changed_after`; keep it, also when the page is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<i64>,
    /// Whether more is waiting.
    more: bool,
}

/// Which agencies.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AgencyQuery {
    /// With this code, a code that begins so, or these words in a name of any time; with marks or without, the last word may be
    /// unfinished. Finds 400 at most.
    #[param(min_length = 1, max_length = 200)]
    q: Option<String>,
    /// Of a question: go on after this place, `next` of the page before.
    after: Option<String>,
    /// Changed after this version of the directory: `version` of the page before; 0 is from the beginning. Closed agencies come
    /// too.
    #[param(minimum = 0)]
    changed_after: Option<i64>,
    /// So many at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
}

fn word(matched: Matched) -> &'static str {
    match matched {
        Matched::Code => "code",
        Matched::Name => "name",
        Matched::CodeBeginning => "code-beginning",
        Matched::Words => "words",
        Matched::FoldedWords => "folded-words",
        Matched::OtherCode => "other-code",
        Matched::OtherName => "other-name",
    }
}

/// What is shown of an agency beside its own row.
struct Around {
    parents: HashMap<AgencyId, AgencyCode>,
    connected: Vec<bool>,
}

async fn around(tx: &mut Tx, agencies: &[Agency], now: Timestamp) -> Result<Around, store::Error> {
    let mut ids: Vec<AgencyId> = agencies.iter().filter_map(|agency| agency.parent_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let parents = tx.agencies_by_id(&ids, now).await?;
    let mut connected = Vec::with_capacity(agencies.len());
    for agency in agencies {
        connected.push(tx.system_of(agency.agency_id).await?.is_some());
    }
    Ok(Around {
        parents: parents.into_iter().map(|parent| (parent.agency_id, parent.code)).collect(),
        connected,
    })
}

fn views(caller: &Caller, agencies: Vec<Agency>, around: &Around) -> Vec<AgencyView> {
    let both = agencies.into_iter().zip(&around.connected);
    let view = |(agency, connected): (Agency, &bool)| AgencyView {
        own: caller.system.agencies.iter().any(|own| own.agency_id == agency.agency_id),
        code: agency.code.to_string(),
        code102: agency.code102.map(|code| code.to_string()),
        name: agency.name,
        mail: agency.mail,
        parent: agency.parent_id.and_then(|id| around.parents.get(&id)).map(ToString::to_string),
        active: agency.is_active,
        connected: *connected,
        changed_at: moment(agency.changed_at),
        version: agency.version,
        matched: None,
        other: None,
    };
    both.map(view).collect()
}

/// Lists agencies: those that a question finds (`q`), or those that changed after a version of the directory (`changed_after`).
/// With neither: all, in the order of their last change.
#[utoipa::path(get, path = "/api/v1/agencies", tag = "agencies", operation_id = "listAgencies",
    params(AgencyQuery), security(("key" = ["agencies:read"])),
    responses((status = 200, description = "A page of agencies.", body = AgencyPage)))]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    LooksUp(caller): LooksUp,
    Asked(query): Asked<AgencyQuery>,
) -> Answer {
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Problem::bad_request("/limit", "expected 1 to 200"));
    }
    let page = match (query.q, query.changed_after, query.after) {
        (Some(_), Some(_), _) => {
            return Err(Problem::bad_request("/changed_after", "expected q or changed_after, not both"));
        }
        (None, _, Some(_)) => {
            return Err(Problem::bad_request("/after", "expected with q; changes go on by version"));
        }
        (Some(text), None, _) if text.chars().count() > QUERY_MAX || text.trim().is_empty() => {
            return Err(Problem::bad_request("/q", "expected 1 to 200 characters"));
        }
        (Some(text), None, after) => found(&api, &caller, text, after, usize::from(limit)).await?,
        (None, Some(version), None) if version < 0 => {
            return Err(Problem::bad_request("/changed_after", "expected a version, 0 or more"));
        }
        (None, version, None) => changed(&api, &caller, version.unwrap_or_default(), limit).await?,
    };
    Ok(Json(page).into_response())
}

/// A page of what a question finds. The order is the same each time, so a place in it is a number.
async fn found(
    api: &Api,
    caller: &Caller,
    text: String,
    after: Option<String>,
    limit: usize,
) -> Result<AgencyPage, Problem> {
    let begin = after.map(|text| cursor::place(&text, "/after")).transpose()?.unwrap_or_default();
    let end = begin.saturating_add(limit).min(FOUND_MAX);
    let now = api.house.now();
    let read = api.house.store.read((text, begin, end), |tx, (text, begin, end)| {
        Box::pin(async move {
            let mut hits = tx.search_agencies(text, now, end.saturating_add(1)).await?;
            let more = hits.len() > *end && *end < FOUND_MAX;
            hits.truncate(*end);
            let hits: Vec<AgencyHit> = hits.into_iter().skip(*begin).collect();
            let agencies: Vec<Agency> = hits.iter().map(|hit| hit.agency.clone()).collect();
            let around = around(tx, &agencies, now).await?;
            Ok::<_, store::Error>((hits, agencies, around, more))
        })
    });
    let (hits, agencies, around, more) = read.await?;
    let mut agencies = views(caller, agencies, &around);
    for (view, hit) in agencies.iter_mut().zip(hits) {
        (view.matched, view.other) = (Some(word(hit.matched)), hit.other);
    }
    Ok(AgencyPage { agencies, next: more.then(|| cursor::of_place(end)), version: None, more })
}

/// A page of what changed.
async fn changed(api: &Api, caller: &Caller, version: i64, limit: u16) -> Result<AgencyPage, Problem> {
    let now = api.house.now();
    let read = api.house.store.read((version, i64::from(limit)), |tx, (version, limit)| {
        Box::pin(async move {
            let agencies = tx.agencies_changed_after(*version, now, limit + 1).await?;
            let around = around(tx, &agencies, now).await?;
            Ok::<_, store::Error>((agencies, around))
        })
    });
    let (mut agencies, around) = read.await?;
    let more = agencies.len() > usize::from(limit);
    agencies.truncate(usize::from(limit));
    let version = agencies.last().map_or(version, |agency| agency.version);
    Ok(AgencyPage { agencies: views(caller, agencies, &around), next: None, version: Some(version), more })
}

/// Shows an agency, by any of its codes.
#[utoipa::path(get, path = "/api/v1/agencies/{code}", tag = "agencies", operation_id = "getAgency",
    params(("code" = String, Path, description = "Any of its codes.", example = "H37.02")),
    security(("key" = ["agencies:read"])),
    responses((status = 200, description = "The agency.", body = AgencyView)))]
pub(super) async fn one(
    State(api): State<Arc<Api>>,
    LooksUp(caller): LooksUp,
    Path(code): Path<String>,
) -> Answer {
    let unknown = || {
        Problem::not_found("no-such-agency", "Không có cơ quan nào có mã này.", "No agency has this code.")
    };
    let code: AgencyCode = code.parse().map_err(|_| unknown())?;
    let now = api.house.now();
    let read = api.house.store.read(code, |tx, code| {
        Box::pin(async move {
            let agencies: Vec<Agency> = tx.agency_by_code(code, now).await?.into_iter().collect();
            let around = around(tx, &agencies, now).await?;
            Ok::<_, store::Error>((agencies, around))
        })
    });
    let (agencies, around) = read.await?;
    let view = views(&caller, agencies, &around).pop().ok_or_else(unknown)?;
    Ok(Json(view).into_response())
}
