//! The directory of agencies.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use mail::AgencyCode;

use super::model::{AgencyView, moment};
use super::problem::{Answer, Problem};
use super::{Api, LooksUp};

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
    let found: Result<_, store::Error> = api
        .house
        .store
        .read(code, |tx, code| {
            Box::pin(async move {
                let Some(agency) = tx.agency_by_code(code, now).await? else { return Ok(None) };
                let parent = match agency.parent_id {
                    Some(parent) => tx.agency(parent, now).await?,
                    None => None,
                };
                let system = tx.system_of(agency.agency_id).await?;
                Ok(Some((agency, parent, system)))
            })
        })
        .await;
    let (agency, parent, system) = found?.ok_or_else(unknown)?;
    let own = caller.system.agencies.iter().any(|own| own.agency_id == agency.agency_id);
    let view = AgencyView {
        own,
        code: agency.code.to_string(),
        code102: agency.code102.map(|code| code.to_string()),
        name: agency.name,
        mail: agency.mail,
        parent: parent.map(|parent| parent.code.to_string()),
        active: agency.is_active,
        connected: system.is_some(),
        changed_at: moment(agency.changed_at),
    };
    Ok(Json(view).into_response())
}
