//! Regulations of an agency and its list of what is sent with paper too (RULES R62).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use store::Regulation;
use utoipa::{IntoParams, ToSchema};

use super::numbers::agency_of;
use super::problem::Answer;
use super::{Api, Asked, RegisterReader};

/// Whose.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RegulationQuery {
    /// Code of your agency; may be left out by a key that speaks for one.
    agency: Option<String>,
}

/// An item of a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct ItemView {
    /// As AGENCY_LIST(item) names it.
    item: String,
    /// What it means.
    what: String,
}

/// A regulation or a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegulationView {
    /// Its number here.
    no: i64,
    /// regulation (quy chế), or paper-list (QĐ 28/2018 Đ7.2.b).
    kind: &'static str,
    /// Số, ký hiệu.
    number: String,
    /// Trích yếu.
    title: String,
    /// Ngày ban hành.
    #[schema(format = Date)]
    issued_on: String,
    /// Người ký.
    signer: String,
    /// The first day it holds.
    #[schema(format = Date)]
    from: String,
    /// The last day it holds; absent while none is known.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(format = Date, required = false)]
    to: String,
    /// Of a list: its items.
    items: Vec<ItemView>,
}

fn view(of: Regulation) -> RegulationView {
    let Regulation { no, says } = of;
    RegulationView {
        no,
        kind: says.kind.as_str(),
        number: says.number,
        title: says.title,
        issued_on: says.issued_on,
        signer: says.signer,
        from: says.from_day,
        to: says.to_day,
        items: says.items.into_iter().map(|(item, what)| ItemView { item, what }).collect(),
    }
}

/// Lists the regulations of your agency and its lists of what is sent with paper too, the newest first.
#[utoipa::path(get, path = "/api/v1/regulations", tag = "registers", operation_id = "listRegulations",
    params(RegulationQuery), security(("key" = ["registers:read"])),
    responses((status = 200, description = "The texts, 1200 at most.", body = Vec<RegulationView>)))]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    RegisterReader(caller): RegisterReader,
    Asked(query): Asked<RegulationQuery>,
) -> Answer {
    let agency_id = agency_of(&api, &caller, query.agency.as_deref()).await?;
    let read = api.house.store.read((), |tx, ()| Box::pin(async move { tx.regulations(agency_id).await }));
    let all: Vec<Regulation> = read.await?;
    Ok(Json(all.into_iter().map(view).collect::<Vec<_>>()).into_response())
}
