//! The books of the records office as the law prints them (RULES R77), and what is late (RULES R27).

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use futures_util::stream;
use registry::calendar::Written;
use registry::deadlines::{self, Overdue};
use registry::registers::{self, Order, Register};
use serde::{Deserialize, Serialize};
use time::Date;
use utoipa::{IntoParams, ToSchema};

use super::numbers::{NumberView, agency_of, book_of, year_of};
use super::problem::{Answer, Problem};
use super::{Api, Asked, RegisterReader, cursor};

/// Lines of one page, unless asked otherwise, and at most.
const PAGE: u16 = 100;
const PAGE_MAX: u16 = 500;

/// Which lines.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RegisterQuery {
    /// Code of your agency; may be left out by a key that speaks for one.
    agency: Option<String>,
    /// Another book than the register's own: normative:QĐ.
    #[param(max_length = 30)]
    book: Option<String>,
    /// The year; this one when left out.
    #[param(minimum = 1900, maximum = 9999)]
    year: Option<i32>,
    /// Of this day or later, `yyyy-MM-dd`.
    #[param(format = Date)]
    from: Option<String>,
    /// Of this day or earlier.
    #[param(format = Date)]
    to: Option<String>,
    /// Of JSON: go on after this place, `next` of the page before.
    after: Option<String>,
    /// Of JSON: so many lines at most.
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: Option<u16>,
    /// Of CSV: begin with the mark that makes spreadsheets read UTF-8.
    bom: Option<bool>,
}

/// A page of a register.
#[derive(Serialize, ToSchema)]
pub(crate) struct RegisterPage {
    /// The law's columns, in its order (NĐ 30/2020 PL IV).
    columns: &'static [&'static str],
    /// A line has a cell for each column.
    lines: Vec<Vec<String>>,
    /// For `after`; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A number whose document has not come to the exchange.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code)] // the words of `registry::deadlines::NotSent`, for the description
pub(crate) struct NotSentView {
    #[schema(inline)]
    #[serde(flatten)]
    given: NumberView,
    /// warned, or breached.
    timer: String,
    /// Until when it had to be sent.
    deadline: String,
}

/// A document that something is the matter with.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code)] // the words of `registry::deadlines::Late`, for the description
pub(crate) struct LateView {
    /// Our id of it.
    document_id: String,
    /// The receiver's id of it.
    #[schema(required = true)]
    delivery_id: Option<String>,
    /// Số, ký hiệu.
    code: String,
    /// Trích yếu.
    subject: String,
    /// The sender's code.
    from: String,
    /// The receiver's code.
    to: String,
    /// What was said.
    reason: String,
    /// Since when.
    since: String,
}

/// What went wrong with an agency's documents, and who is late. Each list holds 500 rows at most, the oldest first.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code)] // the words of `registry::deadlines::Overdue`, for the description
pub(crate) struct OverdueView {
    /// The agency's code.
    agency: String,
    /// Chưa gửi: numbers given here whose document has not come to the exchange.
    not_sent: Vec<NotSentView>,
    /// Gửi lỗi: deliveries that a receiving system could not take.
    failed: Vec<LateView>,
    /// Bị trả lại: refused by a receiver.
    returned: Vec<LateView>,
    /// Chậm tiếp nhận: receivers that have not answered in time.
    slow_receipt: Vec<LateView>,
    /// Đến, chưa tiếp nhận: what this agency itself has not answered in time.
    unanswered: Vec<LateView>,
    /// Quá hạn giải quyết: past the document's own deadline, with this agency.
    past_due: Vec<LateView>,
}

fn day(text: Option<&str>, pointer: &str) -> Result<Option<Date>, Problem> {
    let read = |text: &str| text.parse::<Written>().map(|day| day.0);
    text.map(read).transpose().map_err(|_| Problem::bad_request(pointer, "expected a date, yyyy-MM-dd"))
}

/// Prints a register: outgoing, incoming or follow-up. With `Accept: text/csv` all of it, as the law's columns; else a page in JSON.
#[utoipa::path(get, path = "/api/v1/registers/{register}", tag = "registers", operation_id = "getRegister",
    params(("register" = String, Path, description = "outgoing, incoming or follow-up.", example = "outgoing"), RegisterQuery),
    security(("key" = ["registers:read"])),
    responses((status = 200, description = "The register.",
               content((RegisterPage = "application/json"), (String = "text/csv")))))]
pub(super) async fn register(
    State(api): State<Arc<Api>>,
    RegisterReader(caller): RegisterReader,
    Path(register): Path<String>,
    Asked(query): Asked<RegisterQuery>,
    headers: HeaderMap,
) -> Answer {
    let register = Register::named(&register).ok_or_else(|| {
        Problem::not_found("no-such-register", "Không có sổ này.", "There is no such register.")
    })?;
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Problem::bad_request("/limit", "expected 1 to 500"));
    }
    let after = query.after.map(|text| cursor::place(&text, "/after")).transpose()?.unwrap_or_default();
    let order = Order {
        agency_id: agency_of(&api, &caller, query.agency.as_deref()).await?,
        register,
        book: query.book.as_deref().map_or(Ok(register.book()), book_of)?,
        year: year_of(&api, query.year)?,
        from: day(query.from.as_deref(), "/from")?,
        to: day(query.to.as_deref(), "/to")?,
    };
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accept.split(',').any(|kind| kind.trim().starts_with("text/csv")) {
        return csv(api, order, query.bom.unwrap_or_default()).await;
    }
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let rows = registers::rows(&api.house.store, &order, after, i64::from(limit)).await?;
    let next = rows.next.and_then(|line| usize::try_from(line).ok());
    Ok(Json(RegisterPage {
        columns: register.columns(),
        lines: rows.lines.into_iter().map(|(_, cells)| cells).collect(),
        next: next.map(cursor::of_place),
    })
    .into_response())
}

/// A register that is being printed.
struct Printing {
    api: Arc<Api>,
    order: Order,
    /// After which line it goes on; `None` when all is said.
    after: Option<i64>,
    /// What is said first.
    head: String,
}

/// All of a register, a page at a time. What cannot be read to its end is cut off, which a client notices: it is never short without
/// a word.
async fn csv(api: Arc<Api>, order: Order, bom: bool) -> Answer {
    let first = registers::page(&api.house.store, &order, 0).await?;
    let head = registers::header(order.register, bom) + &first.text;
    let name = format!("{}-{}.csv", order.register.as_str(), order.year);
    let printing = Printing { api, order, after: first.next, head };
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, Body::from_stream(stream::try_unfold(printing, next))).into_response())
}

async fn next(mut printing: Printing) -> Result<Option<(Bytes, Printing)>, store::Error> {
    if !printing.head.is_empty() {
        let head = std::mem::take(&mut printing.head);
        return Ok(Some((head.into(), printing)));
    }
    let Some(after) = printing.after else { return Ok(None) };
    let page = registers::page(&printing.api.house.store, &printing.order, after).await?;
    printing.after = page.next;
    Ok((page.lines > 0).then(|| (page.text.into(), printing)))
}

/// Whose lists.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OverdueQuery {
    /// Code of your agency; may be left out by a key that speaks for one.
    agency: Option<String>,
}

/// Tells what went wrong with an agency's documents, and who is late.
#[utoipa::path(get, path = "/api/v1/overdue", tag = "registers", operation_id = "getOverdue",
    params(OverdueQuery), security(("key" = ["registers:read"])),
    responses((status = 200, description = "The lists.", body = OverdueView)))]
pub(super) async fn overdue(
    State(api): State<Arc<Api>>,
    RegisterReader(caller): RegisterReader,
    Asked(query): Asked<OverdueQuery>,
) -> Answer {
    let agency_id = agency_of(&api, &caller, query.agency.as_deref()).await?;
    let lists: Overdue = deadlines::overdue(&api.house.store, agency_id, api.house.now()).await?;
    Ok(Json(lists).into_response())
}

#[cfg(test)]
mod tests {
    use registry::deadlines::{Late, NotSent, SendTimer};
    use registry::numbering::Given;
    use registry::registers::Entry;
    use serde_json::Value;
    use utoipa::PartialSchema;

    use super::super::numbers::EntryView;
    use super::*;

    /// The members a description names, its own and those of what is laid flat in it.
    fn described(schema: &Value) -> Vec<String> {
        let own = schema["properties"].as_object().into_iter().flat_map(|all| all.keys().cloned());
        let flat = schema["allOf"].as_array().into_iter().flatten().flat_map(described);
        own.chain(flat).collect()
    }

    fn check<T: PartialSchema>(value: impl Serialize) {
        let value = serde_json::to_value(value).unwrap();
        let mut members: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        let mut described = described(&serde_json::to_value(T::schema()).unwrap());
        members.sort();
        described.sort();
        assert_eq!(members, described);
    }

    #[test]
    fn what_is_described_is_what_is_said() {
        let entry = Entry::default();
        let given = Given {
            book: "outgoing".to_owned(),
            year: 2026,
            line: 1,
            number: Some(5),
            code: "05".to_owned(),
            state: "reserved",
            day: "2026-11-22".to_owned(),
            document_id: None,
            reason: String::new(),
            taken_at: String::new(),
            taken_by: String::new(),
            ended_at: None,
            ended_by: String::new(),
            entry: entry.clone(),
        };
        check::<EntryView>(entry);
        check::<NumberView>(given.clone());
        check::<NotSentView>(NotSent { given, timer: SendTimer::Warned, deadline: String::new() });
        let late = Late {
            document_id: String::new(),
            delivery_id: None,
            code: String::new(),
            subject: String::new(),
            from: String::new(),
            to: String::new(),
            reason: String::new(),
            since: String::new(),
        };
        check::<LateView>(late);
        check::<OverdueView>(Overdue {
            agency: String::new(),
            not_sent: Vec::new(),
            failed: Vec::new(),
            returned: Vec::new(),
            slow_receipt: Vec::new(),
            unanswered: Vec::new(),
            past_due: Vec::new(),
        });
    }
}
