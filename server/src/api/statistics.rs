//! Statistics of the exchange (RULES R53–R56): open to everybody on the staff, and to systems with a key (QĐ 28/2018 Đ14.3).

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mail::DocumentId;
use registry::calendar::Written;
use registry::keys::Scope;
use registry::statistics::{self, Basis, By, CutOff, Period, Question};
use serde::{Deserialize, Serialize};
use store::FactKind;
use utoipa::{IntoParams, ToSchema};

use super::numbers::agency_of;
use super::problem::{Answer, Problem};
use super::{Api, Asked, RegisterReader};
use crate::http::Peer;
use crate::sign_in;

/// Documents of one page.
const PAGE: i64 = 500;

/// Somebody on the staff who signed in, or a key with the scope.
pub(crate) struct StatisticsReader;

impl FromRequestParts<Arc<Api>> for StatisticsReader {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Response> {
        let shown = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let is_basic =
            shown.is_some_and(|shown| shown.get(..6).is_some_and(|s| s.eq_ignore_ascii_case("basic ")));
        if !is_basic {
            return api
                .admit(parts, Scope::StatisticsRead)
                .await
                .map(|_| Self)
                .map_err(Problem::into_response);
        }
        let source = parts.extensions.get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0.ip());
        let person = sign_in::basic(&api.house, &parts.headers, source).await?;
        if person.must_change_password() {
            let problem = Problem::new(
                StatusCode::FORBIDDEN,
                "must_change_password",
                "Phải đổi mật khẩu lần đầu trước khi dùng (/mat-khau).",
                "The first password must be changed before use (/mat-khau).",
            );
            return Err(problem.into_response());
        }
        let visit = api.staff.visit(person.account_id(), api.house.now());
        visit.map(|()| Self).map_err(|wait| Problem::too_often(wait).into_response())
    }
}

/// Which period, of whom.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StatisticsQuery {
    /// A month, a quarter, half a year or a year: 2026-11, 2026-Q4, 2026-H2, 2026.
    #[param(example = "2026-Q4")]
    period: String,
    /// calendar, or reporting: from the cut-off day of the month before to the day before it in the last month (NĐ 09/2019).
    #[param(default = "calendar")]
    basis: Option<String>,
    /// Of reporting periods: the day they begin on.
    #[param(minimum = 2, maximum = 28, default = 15)]
    cut_off: Option<u8>,
    /// Code of an agency: only it and what is below it, as it was on each day.
    under: Option<String>,
    /// A line for each agency, or for each level: agency, level.
    #[param(default = "agency")]
    by: Option<String>,
    /// Of CSV: begin with the mark that makes spreadsheets read UTF-8.
    bom: Option<bool>,
}

/// A share with its part and its whole.
#[derive(ToSchema)]
#[allow(dead_code)] // the words of `registry::statistics::Share`, for the description
pub(crate) struct ShareView {
    numerator: i64,
    denominator: i64,
    /// Nothing where the whole is nothing.
    #[schema(required = true)]
    percent: Option<f64>,
}

/// The indicators (chỉ tiêu).
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code)] // the words of `registry::statistics::Indicators`, for the description
pub(crate) struct IndicatorsView {
    /// Ký số đầy đủ: with the valid signatures of leader and agency, of all sent.
    k2: ShareView,
    /// Hoàn toàn điện tử: without paper, of all sent.
    k4: ShareView,
    /// Gửi trong ngày: deliveries on the day of signing.
    k5: ShareView,
    /// Gửi đúng hạn: deliveries until the deadline.
    k6: ShareView,
    /// Văn bản khẩn gửi ngay: within five minutes of sealing.
    k7: ShareView,
    /// Phản hồi trong ngày: answered on the day of arrival, of all received.
    k8: ShareView,
    /// Half of the acceptances took less than so many minutes.
    #[schema(required = true)]
    k8b_median: Option<i64>,
    /// 95 in a hundred took less than so many minutes.
    #[schema(required = true)]
    k8b_p95: Option<i64>,
    /// Từ chối: refused, of all received.
    k9: ShareView,
}

/// A line.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code)] // the words of `registry::statistics::Line`, for the description
pub(crate) struct StatisticsLine {
    /// The agency's code; empty where the line is of a level.
    code: String,
    /// Its name.
    name: String,
    /// central, province, district, commune, other; nothing where all are added up.
    #[schema(required = true)]
    level: Option<String>,
    /// How many agencies are in it.
    agencies: usize,
    /// How often what happened, each on its day: sent, deliveries, sentByType, sentOriginal, sentUrgent, sentWithPaper, paperReasons,
    /// received, accepted, answeredSameDay, answeredLater, refused, refusedReasons, returned, done, cancelled, recalled, updated, replaced
    /// and what they are made of.
    #[schema(value_type = Object)]
    figures: serde_json::Value,
    /// What that comes to.
    indicators: IndicatorsView,
}

/// The days of a period, both included.
#[derive(ToSchema)]
#[allow(dead_code)] // the words of `registry::statistics::Days`, for the description
pub(crate) struct DaysView {
    #[schema(format = Date)]
    from: String,
    #[schema(format = Date)]
    to: String,
}

/// A report.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code)] // the words of `registry::statistics::Report`, for the description
pub(crate) struct StatisticsView {
    /// How figures are made; it grows when that changes.
    version: u32,
    /// The period as it was asked.
    period: String,
    /// calendar, or reporting- and the day.
    basis: String,
    days: DaysView,
    /// Code of the agency over all, or empty.
    under: String,
    /// Until when what happened is counted.
    cut: String,
    lines: Vec<StatisticsLine>,
    total: StatisticsLine,
}

fn question(query: &StatisticsQuery) -> Result<Question, Problem> {
    let period: Period = query
        .period
        .parse()
        .map_err(|_| Problem::bad_request("/period", "expected 2026-11, 2026-Q4, 2026-H2 or 2026"))?;
    let cut_off = match query.cut_off {
        Some(day) => CutOff::new(day).ok_or_else(|| Problem::bad_request("/cut_off", "expected 2 to 28"))?,
        None => CutOff::default(),
    };
    let basis = match query.basis.as_deref() {
        None | Some("calendar") => Basis::Calendar,
        Some("reporting") => Basis::Reporting(cut_off),
        Some(_) => return Err(Problem::bad_request("/basis", "expected calendar or reporting")),
    };
    let by = match query.by.as_deref() {
        None | Some("agency") => By::Agency,
        Some("level") => By::Level,
        Some(_) => return Err(Problem::bad_request("/by", "expected agency or level")),
    };
    let code = |text: &String| {
        text.parse().map_err(|_| Problem::bad_request("/under", "expected the code of an agency"))
    };
    Ok(Question { period, basis, under: query.under.as_ref().map(code).transpose()?, by })
}

/// Tells what the exchange did in a period, counted from its history: of all agencies, or of one and what is below it. Staff may ask with
/// their own name and password (RFC 7617). With `Accept: text/csv` as a table for spreadsheets.
#[utoipa::path(get, path = "/api/v1/statistics", tag = "statistics", operation_id = "getStatistics",
    params(StatisticsQuery), security(("key" = ["statistics:read"]), ("staff" = [])),
    responses((status = 200, description = "The report.",
               content((StatisticsView = "application/json"), (String = "text/csv")))))]
pub(super) async fn report(
    State(api): State<Arc<Api>>,
    _: StatisticsReader,
    Asked(query): Asked<StatisticsQuery>,
    headers: HeaderMap,
) -> Answer {
    let question = question(&query)?;
    let report = statistics::report(&api.house.store, &question, api.house.now()).await?;
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !accept.split(',').any(|kind| kind.trim().starts_with("text/csv")) {
        return Ok(Json(report).into_response());
    }
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"thong-ke-{}.csv\"", report.period)),
    ];
    Ok((headers, statistics::table(&report, query.bom.unwrap_or_default())).into_response())
}

/// Which documents.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FactsQuery {
    /// Code of your agency; may be left out by a key that speaks for one.
    agency: Option<String>,
    /// The first day.
    #[param(format = Date)]
    from: String,
    /// The last day.
    #[param(format = Date)]
    to: String,
    /// Go on after this place, `next` of the page before.
    after: Option<String>,
}

/// A document behind a figure.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FactView {
    /// Our id of it.
    document_id: String,
    /// The day it counts on.
    #[schema(format = Date)]
    day: String,
    /// The document's type, or the code of a reason.
    kind: String,
    /// What is told apart: dated, late, original, prompt, same-day, sealed, urgent, paper: and a reason, within: and minutes.
    marks: Vec<String>,
    /// How many deliveries.
    weight: i64,
}

/// A page of documents behind a figure.
#[derive(Serialize, ToSchema)]
pub(crate) struct FactPage {
    facts: Vec<FactView>,
    /// For `after`; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Lists the documents behind a figure of your own agency.
#[utoipa::path(get, path = "/api/v1/statistics/{fact}", tag = "statistics", operation_id = "listFacts",
    params(("fact" = String, Path, description = "sent, received, accepted, refused, returned, done, cancelled, recalled, updated or \
            replaced.", example = "refused"), FactsQuery),
    security(("key" = ["registers:read"])),
    responses((status = 200, description = "The documents, 500 at most.", body = FactPage)))]
pub(super) async fn facts(
    State(api): State<Arc<Api>>,
    RegisterReader(caller): RegisterReader,
    Path(fact): Path<String>,
    Asked(query): Asked<FactsQuery>,
) -> Answer {
    let fact: FactKind = fact.parse().map_err(|_| {
        Problem::not_found("no-such-figure", "Không có số liệu này.", "There is no such figure.")
    })?;
    let day = |text: &str, pointer: &str| {
        let read = text.parse::<Written>().map(|day| day.to_string());
        read.map_err(|_| Problem::bad_request(pointer, "expected a date, yyyy-MM-dd"))
    };
    let days = (day(&query.from, "/from")?, day(&query.to, "/to")?);
    let after = match &query.after {
        Some(text) => {
            after(text).ok_or_else(|| Problem::bad_request("/after", "expected `next` of the page before"))?
        }
        None => (String::new(), DocumentId::from_bytes([0; 16])),
    };
    let agency_id = agency_of(&api, &caller, query.agency.as_deref()).await?;
    let read = api.house.store.read((days, after), |tx, (days, after)| {
        Box::pin(async move {
            let (days, after) = ((days.0.as_str(), days.1.as_str()), (after.0.as_str(), after.1));
            tx.facts_between(agency_id, fact, days, after, PAGE).await
        })
    });
    let found: Vec<store::NewFact> = read.await?;
    let is_full = found.len() as i64 == PAGE;
    let next = found.last().filter(|_| is_full).map(|last| format!("{}_{}", last.day, last.document_id));
    let facts = found.into_iter().map(|fact| FactView {
        document_id: fact.document_id.to_string(),
        day: fact.day,
        kind: fact.kind,
        marks: fact.marks.split_whitespace().map(str::to_owned).collect(),
        weight: fact.weight,
    });
    Ok(Json(FactPage { facts: facts.collect(), next }).into_response())
}

/// A place in the list: a day and a document.
fn after(text: &str) -> Option<(String, DocumentId)> {
    let (day, id) = text.split_once('_')?;
    Some((day.parse::<Written>().ok()?.to_string(), id.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use registry::statistics::{Days, Figures, Line, Report};
    use serde_json::Value;
    use time::macros::date;
    use utoipa::PartialSchema;

    use super::*;

    fn check<T: PartialSchema>(value: &Value) {
        let schema = serde_json::to_value(T::schema()).unwrap();
        let mut described: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        let mut said: Vec<&String> = value.as_object().unwrap().keys().collect();
        described.sort();
        said.sort();
        assert_eq!(described, said);
    }

    #[test]
    fn what_is_described_is_what_is_said() {
        let figures = Figures::default();
        let total = Line {
            code: String::new(),
            name: String::new(),
            level: None,
            agencies: 0,
            indicators: figures.indicators(),
            figures,
        };
        let report = Report {
            version: 1,
            period: "2026".to_owned(),
            basis: "calendar".to_owned(),
            days: Days { from: date!(2026 - 01 - 01), to: date!(2026 - 12 - 31) },
            under: String::new(),
            cut: String::new(),
            lines: Vec::new(),
            total,
        };
        let said = serde_json::to_value(report).unwrap();
        check::<StatisticsView>(&said);
        check::<DaysView>(&said["days"]);
        check::<StatisticsLine>(&said["total"]);
        check::<IndicatorsView>(&said["total"]["indicators"]);
        check::<ShareView>(&said["total"]["indicators"]["k2"]);
    }
}
