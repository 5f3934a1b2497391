//! The description of the API, made from the code that answers it, and the page for people.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use registry::keys::Scope;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, Info, OpenApi as Document, Ref, RefOr, ResponseBuilder, Server};
use utoipa::{Modify, OpenApi};
use web::escape;

use super::problem::Problem9457;
use super::{
    agencies, documents, events, files, model, numbers, refusals, registers, regulations, send, statistics,
    statuses, uploads,
};

/// What stands at the head of the description.
const ABOUT: &str = "\
Trao đổi văn bản điện tử ký số giữa các cơ quan. / Exchange of digitally signed documents between agencies.

**Keys.** `Authorization: Bearer cvk_…`. A key belongs to a system, has scopes, and is shown once (`congvan key add`).

**Problems** are those of RFC 9457: `code` is stable, `detail` is in the language of Accept-Language (Vietnamese unless English is \
preferred), `errors[]` points at what is meant.

**Twice is once.** Send `Idempotency-Key` with everything that sends: the same request with the same key is answered once, and the \
same, also after a crash. Without it the same package of the same sender is still the same act.

**Cursors** (`after`, `next`) are opaque. Events are kept for a time; a cursor older than that is answered 410.

**Large files** come in parts: `/api/v1/uploads` speaks tus 1.0.0, for which clients exist in every language.";

#[derive(OpenApi)]
#[openapi(
    paths(
        documents::list,
        documents::one,
        files::package,
        files::file,
        documents::history,
        documents::receipt,
        documents::verdict,
        documents::acknowledge,
        statuses::report,
        send::document,
        send::recall,
        send::update,
        send::replacement,
        refusals::list,
        events::feed,
        agencies::list,
        agencies::one,
        numbers::list,
        numbers::reserve,
        numbers::void,
        registers::register,
        registers::overdue,
        regulations::list,
        statistics::report,
        statistics::facts,
        uploads::options,
        uploads::create,
        uploads::state,
        uploads::append,
        uploads::discard
    ),
    components(schemas(Problem9457, model::DocumentToSend)),
    tags(
        (name = "documents", description = "What your agencies sent and received."),
        (name = "sending", description = "Documents, and acts about them."),
        (name = "events", description = "What happens, as it happens."),
        (name = "agencies", description = "The directory."),
        (name = "numbers", description = "Numbers of the records office."),
        (name = "registers", description = "Its books, and what is late."),
        (name = "statistics", description = "What the exchange did in a period."),
        (name = "uploads", description = "Large files, in parts.")
    ),
    modifiers(&Whole)
)]
struct Described;

/// What is the same for every place: who may call, and which problems there are.
struct Whole;

impl Modify for Whole {
    fn modify(&self, document: &mut Document) {
        let mut info = Info::new("Công văn", env!("CARGO_PKG_VERSION"));
        info.description = Some(ABOUT.to_owned());
        document.info = info;
        document.servers = Some(vec![Server::new("/")]);
        let mut http = Http::new(HttpAuthScheme::Bearer);
        let scopes: Vec<&str> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
        http.bearer_format = Some("cvk".to_owned());
        http.description = Some(format!("A key of `congvan key add`. Scopes: {}.", scopes.join(", ")));
        let components = document.components.get_or_insert_default();
        components.security_schemes.insert("key".to_owned(), SecurityScheme::Http(http));
        let mut staff = Http::new(HttpAuthScheme::Basic);
        staff.description =
            Some("Name and password of somebody on the staff, where statistics are open to all.".to_owned());
        components.security_schemes.insert("staff".to_owned(), SecurityScheme::Http(staff));
        let problem = Content::new(Some(RefOr::Ref(Ref::from_schema_name("Problem9457"))));
        let response = ResponseBuilder::new()
            .description("A problem (RFC 9457); `code` tells which.")
            .content("application/problem+json", problem)
            .build();
        components.responses.insert("Problem".to_owned(), RefOr::T(response));
        for item in document.paths.paths.values_mut() {
            for operation in operations_mut(item) {
                let shared = || RefOr::Ref(Ref::from_response_name("Problem"));
                for status in ["400", "401", "403", "404", "429", "503", "default"] {
                    operation.responses.responses.entry(status.to_owned()).or_insert_with(shared);
                }
            }
        }
    }
}

fn operations_mut(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch, &mut item.options]
        .into_iter()
        .flatten()
}

static DESCRIPTION: LazyLock<(String, String)> = LazyLock::new(|| {
    let document = Described::openapi();
    let mut json = document.to_pretty_json().unwrap_or_default();
    json.push('\n');
    let page = render(&document);
    (json, page)
});

/// The description, as `docs/openapi.json` keeps it.
pub(crate) fn document() -> &'static str {
    &DESCRIPTION.0
}

/// The description, for programs.
pub(super) async fn json() -> Response {
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")], document())
        .into_response()
}

/// The description, for people: no script, nothing from elsewhere.
pub(super) async fn page() -> Response {
    let policy = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(DESCRIPTION.1.as_str())).into_response()
}

fn render(document: &Document) -> String {
    let mut body = String::new();
    for paragraph in ABOUT.split("\n\n") {
        let _ = writeln!(body, "<p>{}</p>", escape(paragraph).replace("**", "").replace('`', ""));
    }
    body.push_str("<p><a href=\"/api/openapi.json\">OpenAPI 3.1</a></p>\n");
    for (path, item) in &document.paths.paths {
        for (method, operation) in methods(item) {
            let _ = writeln!(body, "<h2><code>{method} {}</code></h2>", escape(path));
            let said = [&operation.summary, &operation.description];
            for text in said.into_iter().flatten() {
                let _ = writeln!(body, "<p>{}</p>", escape(text).replace('`', ""));
            }
            let scopes = scopes_of(operation);
            if !scopes.is_empty() {
                let _ = writeln!(body, "<p>Quyền / scope: <code>{}</code></p>", escape(&scopes.join(", ")));
            }
            let parameters = operation.parameters.as_deref().unwrap_or_default();
            if !parameters.is_empty() {
                body.push_str("<ul>\n");
                for parameter in parameters {
                    let about = parameter.description.as_deref().unwrap_or_default();
                    let (name, about) = (escape(&parameter.name), escape(about).replace('`', ""));
                    let _ = writeln!(body, "<li><code>{name}</code> {about}</li>");
                }
                body.push_str("</ul>\n");
            }
        }
    }
    web::plain("Giao diện lập trình / API", &body)
}

fn methods(item: &PathItem) -> impl Iterator<Item = (&'static str, &Operation)> {
    let all = [
        ("GET", &item.get),
        ("POST", &item.post),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
        ("OPTIONS", &item.options),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}

/// The scopes an operation asks for, as the description has them.
fn scopes_of(operation: &Operation) -> Vec<String> {
    let wanted = serde_json::to_value(&operation.security).unwrap_or_default();
    let wanted = wanted.as_array().cloned().unwrap_or_default();
    let of = |one: &serde_json::Value| one["key"].as_array().cloned().unwrap_or_default();
    wanted.iter().flat_map(of).filter_map(|scope| scope.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_in_docs_is_what_the_program_gives() {
        assert_eq!(include_str!("../../../docs/openapi.json"), document(), "make docs writes it anew");
    }

    #[test]
    fn every_place_says_which_scope_it_asks_for() {
        let document = Described::openapi();
        for (path, item) in &document.paths.paths {
            for (method, operation) in methods(item) {
                let scopes = scopes_of(operation);
                if method != "OPTIONS" {
                    assert_eq!(scopes.len(), 1, "{method} {path}");
                    assert!(scopes[0].parse::<Scope>().is_ok(), "{method} {path}: {scopes:?}");
                }
            }
        }
        assert!(document.to_json().unwrap().starts_with("{\"openapi\":\"3.1.0\""));
    }
}
