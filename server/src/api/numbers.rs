//! Numbers of the records office: taken, voided, listed (RULES R75, R76, R79). A key does this for agencies it speaks for, and for no
//! others.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use mail::AgencyId;
use registry::calendar::{Written, day_of};
use registry::keys::{Caller, Scope};
use registry::numbering::{self, Book, Given, Refused, Which};
use registry::registers::Entry;
use serde::{Deserialize, Serialize};
use store::{LineFilter, LineState};
use utoipa::{IntoParams, ToSchema};

use super::documents::agencies_of;
use super::json::{self, is_json, unsupported};
use super::problem::{Answer, Problem};
use super::repeat::key_of;
use super::send::refused;
use super::{Api, Asked, RegisterReader, SMALL_BODY_MAX, cursor, take};

/// Numbers that one page looks at, unless asked otherwise, and at most.
const PAGE: u16 = 100;
const PAGE_MAX: u16 = 500;

/// What a line of a book shows; days are `2026-11-22`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code)] // the words of `registry::registers::Entry`, for the description
pub(crate) struct EntryView {
    /// Ngày tháng văn bản.
    date: String,
    /// Tên loại.
    kind: String,
    /// Trích yếu nội dung.
    subject: String,
    /// Tác giả.
    author: String,
    /// Người ký.
    signer: String,
    /// Nơi nhận.
    receivers: String,
    /// Đơn vị, người nhận bản lưu.
    keeper: String,
    /// Số lượng bản.
    copies: String,
    /// Đơn vị hoặc người nhận.
    handler: String,
    /// Thời hạn giải quyết.
    due: String,
    /// Tiến độ giải quyết.
    progress: String,
    /// Ngày chuyển.
    transferred: String,
    /// Ký nhận.
    signed_for: String,
    /// Ghi chú.
    note: String,
}

/// A number and what became of it.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code)] // the words of `registry::numbering::Given`, for the description
pub(crate) struct NumberView {
    /// The book: outgoing, incoming, normative:QĐ.
    #[schema(example = "outgoing")]
    book: String,
    /// The year.
    #[schema(example = 2026)]
    year: i64,
    /// Its place in the book.
    line: i64,
    /// The number; null when it was given elsewhere and has no place in the series.
    #[schema(required = true)]
    number: Option<i64>,
    /// The number as the document bears it; or number and notation where they are known.
    #[schema(example = "05")]
    code: String,
    /// reserved, used, void.
    #[schema(example = "reserved")]
    state: String,
    /// The day.
    #[schema(example = "2026-11-22")]
    day: String,
    /// The document that bears it.
    #[schema(required = true)]
    document_id: Option<String>,
    /// Why it was dated back or is void.
    reason: String,
    /// When it was taken.
    taken_at: String,
    /// By whom.
    taken_by: String,
    /// When it was used or voided.
    #[schema(required = true)]
    ended_at: Option<String>,
    /// By whom.
    ended_by: String,
    /// What the columns show.
    entry: EntryView,
}

/// A page of numbers.
#[derive(Serialize, ToSchema)]
pub(crate) struct NumberPage {
    /// In the order of the book. A state that is rare may answer a short or empty page with a `next`: go on.
    #[schema(value_type = Vec<NumberView>)]
    numbers: Vec<Given>,
    /// For `after`; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A number to take.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "book": "outgoing", "day": "2026-11-28", "subject": "V/v phối hợp" }))]
pub(crate) struct NumberToTake {
    /// Code of your agency; may be left out by a key that speaks for one.
    #[serde(default)]
    agency: Option<String>,
    /// outgoing, incoming, or normative:QĐ with a type's abbreviation.
    #[serde(default = "outgoing")]
    #[schema(default = "outgoing", max_length = 30)]
    book: String,
    /// The day the document will bear, `yyyy-MM-dd`; today when left out.
    #[serde(default)]
    #[schema(format = Date)]
    day: Option<String>,
    /// Why the day lies before that of the last number.
    #[serde(default)]
    #[schema(max_length = 500)]
    reason: String,
    /// Trích yếu, when it is known.
    #[serde(default)]
    #[schema(max_length = 1000)]
    subject: String,
}

fn outgoing() -> String {
    Book::Outgoing.to_string()
}

/// A number to void.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({ "reason": "ghi nhầm" }))]
pub(crate) struct NumberToVoid {
    /// Code of your agency; may be left out by a key that speaks for one.
    #[serde(default)]
    agency: Option<String>,
    /// Why; it stays in the book.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// Which numbers.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct NumberQuery {
    /// Code of your agency; may be left out by a key that speaks for one.
    agency: Option<String>,
    /// outgoing, incoming, or normative:QĐ with a type's abbreviation.
    #[param(default = "outgoing", max_length = 30)]
    book: Option<String>,
    /// The year; this one when left out.
    #[param(minimum = 1900, maximum = 9999)]
    year: Option<i32>,
    /// What became of it: reserved, used, void.
    #[param(pattern = "^(reserved|used|void)$")]
    state: Option<String>,
    /// Go on after this place: `next` of the page before.
    after: Option<String>,
    /// Look at so many at most.
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: Option<u16>,
}

impl From<Refused> for Problem {
    fn from(refusal: Refused) -> Self {
        if let Refused::Store(error) = refusal {
            return error.into();
        }
        let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // A refusal says itself in English and, in brackets at its end, in Vietnamese.
        let said = refusal.to_string();
        let (en, vi) = said.rsplit_once(" (").unwrap_or((&said, &said));
        let problem = Self::new(status, refusal.code(), vi.trim_end_matches(')'), en);
        match refusal {
            Refused::NotKept(_) => problem.at("/book", "not kept here"),
            Refused::Backwards { last } => problem.at("/day", format!("before {last}, and no reason")),
            Refused::NotYet => problem.at("/day", "in a year to come"),
            Refused::OutOfBounds(what) => problem.at("/", what),
            Refused::NoReason => problem.at("/reason", "empty"),
            _ => problem,
        }
    }
}

/// The one agency that is meant: by its code, or because the key speaks for no other.
pub(super) async fn agency_of(api: &Api, caller: &Caller, code: Option<&str>) -> Result<AgencyId, Problem> {
    match agencies_of(api, caller, code).await?.as_slice() {
        [one] => Ok(*one),
        _ => Err(Problem::bad_request("/agency", "expected one agency: the key speaks for several")),
    }
}

pub(super) fn book_of(text: &str) -> Result<Book, Problem> {
    text.parse().map_err(|_| Problem::bad_request("/book", "expected outgoing, incoming or normative:QĐ"))
}

/// Whom the audit log names: the system, and the key by its id.
fn actor(caller: &Caller) -> String {
    format!("{} {}", caller.system.system_id, caller.key_id)
}

async fn said<T: serde::de::DeserializeOwned>(
    api: &Api,
    request: Request,
) -> Result<(Caller, Option<String>, T), Problem> {
    let (parts, body) = request.into_parts();
    let (caller, body): (Caller, Body) = api.admit_with(&parts, Scope::NumbersWrite, body).await?;
    if !is_json(&parts.headers) {
        return Err(unsupported("application/json"));
    }
    let key = key_of(&parts.headers)?;
    Ok((caller, key, json::read(&take(body, SMALL_BODY_MAX).await?)?))
}

/// Takes the next number of a book that is kept here: without gap or repeat, whatever comes at once.
#[utoipa::path(post, path = "/api/v1/numbers", tag = "numbers", operation_id = "takeNumber",
    params(("Idempotency-Key" = Option<String>, Header,
            description = "Yours for this number: within the agency's book the same key is always answered with the same number.")),
    request_body(content = NumberToTake, content_type = "application/json"),
    security(("key" = ["numbers:write"])),
    responses((status = 201, description = "The number; it waits for its document.", body = NumberView)))]
pub(super) async fn reserve(State(api): State<Arc<Api>>, request: Request) -> Answer {
    let (caller, request_key, wanted): (_, _, NumberToTake) = said(&api, request).await?;
    let day = wanted.day.as_deref().map(|text| {
        text.parse::<Written>().map(|day| day.0).map_err(|_| refused("/day", "a date, yyyy-MM-dd"))
    });
    let request = numbering::Request {
        agency_id: agency_of(&api, &caller, wanted.agency.as_deref()).await?,
        book: wanted.book.parse().map_err(|_| refused("/book", "outgoing, incoming or normative:QĐ"))?,
        day: day.transpose()?,
        reason: wanted.reason,
        request_key,
        entry: Entry { subject: wanted.subject, ..Entry::default() },
        by: actor(&caller),
    };
    let given = numbering::reserve(&api.house.store, request, api.house.now()).await?;
    Ok((StatusCode::CREATED, Json(given)).into_response())
}

/// Voids a number that waits for its document; its line stays in the book, with who and why.
#[utoipa::path(post, path = "/api/v1/numbers/{book}/{year}/{number}/void", tag = "numbers", operation_id = "voidNumber",
    params(("book" = String, Path, description = "The book.", example = "outgoing"),
           ("year" = i64, Path, description = "Its year.", example = 2026, minimum = 0, maximum = 9999),
           ("number" = i64, Path, description = "The number.", example = 5, minimum = 0)),
    request_body(content = NumberToVoid, content_type = "application/json"),
    security(("key" = ["numbers:write"])),
    responses((status = 200, description = "The number as it is now.", body = NumberView)))]
pub(super) async fn void(
    State(api): State<Arc<Api>>,
    Path((book, year, number)): Path<(String, String, String)>,
    request: Request,
) -> Answer {
    let (caller, _, wanted): (_, _, NumberToVoid) = said(&api, request).await?;
    let agency_id = agency_of(&api, &caller, wanted.agency.as_deref()).await?;
    let (Ok(book), Ok(year), Ok(number)) = (book.parse(), year.parse(), number.parse()) else {
        return Err(Refused::NoSuchNumber.into());
    };
    let which = Which { agency_id, book, year, number };
    let by = actor(&caller);
    let gone = numbering::void(&api.house.store, which, &wanted.reason, &by, api.house.now()).await?;
    Ok(Json(gone).into_response())
}

/// Lists the numbers of a book's year.
#[utoipa::path(get, path = "/api/v1/numbers", tag = "numbers", operation_id = "listNumbers",
    params(NumberQuery), security(("key" = ["registers:read"])),
    responses((status = 200, description = "A page of numbers.", body = NumberPage)))]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    RegisterReader(caller): RegisterReader,
    Asked(query): Asked<NumberQuery>,
) -> Answer {
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Problem::bad_request("/limit", "expected 1 to 500"));
    }
    let state = query.state.map(|state| {
        state
            .parse::<LineState>()
            .map_err(|_| Problem::bad_request("/state", "expected reserved, used or void"))
    });
    let state = state.transpose()?;
    let after = query.after.map(|text| cursor::place(&text, "/after")).transpose()?.unwrap_or_default();
    let filter = LineFilter {
        agency_id: agency_of(&api, &caller, query.agency.as_deref()).await?,
        book: book_of(query.book.as_deref().unwrap_or("outgoing"))?.to_string(),
        year: i64::from(year_of(&api, query.year)?),
        from: String::new(),
        to: String::new(),
        after: i64::try_from(after).unwrap_or(i64::MAX),
        limit: i64::from(limit),
    };
    let mut numbers = numbering::list(&api.house.store, filter).await?;
    let full = numbers.len() == usize::from(limit);
    let last = numbers.last().filter(|_| full).and_then(|last| usize::try_from(last.line).ok());
    numbers.retain(|given| state.is_none_or(|state| given.state == state.as_str()));
    Ok(Json(NumberPage { numbers, next: last.map(cursor::of_place) }).into_response())
}

/// The year that is meant, by Vietnam's clock when none is named.
pub(super) fn year_of(api: &Api, year: Option<i32>) -> Result<i32, Problem> {
    match year {
        None => Ok(day_of(api.house.now()).year()),
        Some(year) if (1900..=9999).contains(&year) => Ok(year),
        Some(_) => Err(Problem::bad_request("/year", "expected 1900 to 9999")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_said_in_both_languages() {
        let all = [
            Refused::NotKept(Book::Normative("QĐ".to_owned())),
            Refused::Backwards { last: "2026-11-22".to_owned() },
            Refused::NotYet,
            Refused::Started,
            Refused::OutOfBounds("the day of an arrival"),
            Refused::NoReason,
            Refused::NoSuchNumber,
            Refused::NoSuchDocument,
            Refused::Ended(LineState::Void),
        ];
        for refusal in all {
            let told = refusal.to_string();
            let (en, vi) = told.rsplit_once(" (").unwrap();
            assert!(vi.ends_with(')') && !vi.is_ascii() && !en.contains('('), "{told}");
            assert!(
                !Problem::from(refusal).is_not_found()
                    || told.starts_with("no such")
                    || told.contains("not kept"),
                "{told}"
            );
        }
    }
}
