//! The pages' doors: `web` makes the pages, `directory` does what they ask.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Form, Router};
use directory::passwords::{self, Policy};
use directory::{Said, accounts};
use mail::Secret;
use serde::Deserialize;
use tower_http::set_header::SetResponseHeaderLayer;
use web::Notice;

use crate::house::House;
use crate::http::Peer;
use crate::sign_in::sign_in;

/// Pages load our style sheet and send forms to us; nothing else.
const PAGE_POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// A form of four short fields.
const FORM_MAX: usize = 16 * 1024;

/// The routes of the pages.
pub(crate) fn routes(house: Arc<House>) -> Router {
    let policy = SetResponseHeaderLayer::overriding(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(PAGE_POLICY),
    );
    Router::new()
        .route("/", get(front))
        .route("/mat-khau", get(async || Html(web::password("", None))).post(change_password))
        .layer(policy)
        .route("/style.css", get(async || ([(header::CONTENT_TYPE, "text/css")], web::STYLE)))
        .layer(DefaultBodyLimit::max(FORM_MAX))
        .with_state(house)
}

async fn front(State(house): State<Arc<House>>) -> Html<String> {
    Html(web::front(&house.config.house.hostname))
}

/// What the form sends.
#[derive(Deserialize)]
struct PasswordForm {
    address: String,
    old: String,
    new: String,
    again: String,
}

async fn change_password(
    State(house): State<Arc<House>>,
    Extension(peer): Extension<Peer>,
    Form(form): Form<PasswordForm>,
) -> Response {
    let address = form.address.clone();
    let (status, notice) = match try_change(&house, peer, form).await {
        Ok(()) => (
            StatusCode::OK,
            Notice {
                is_good: true,
                vi: "Đã đổi mật khẩu. Hãy dùng mật khẩu mới từ bây giờ.".to_owned(),
                en: "The password is changed. Use the new one from now on.".to_owned(),
            },
        ),
        Err(refused) => refused,
    };
    let page = web::password(&address, Some(&notice));
    (status, [(header::CACHE_CONTROL, "no-store")], Html(page)).into_response()
}

fn refused(status: StatusCode, said: &impl Said) -> (StatusCode, Notice) {
    let said = said.said();
    (status, Notice { is_good: false, vi: said.vi, en: said.en })
}

async fn try_change(house: &House, peer: Peer, form: PasswordForm) -> Result<(), (StatusCode, Notice)> {
    let PasswordForm { address, old, new, again } = form;
    let (old, new, again) = (Secret::new(old), Secret::new(new), Secret::new(again));
    if new != again {
        let notice = Notice {
            is_good: false,
            vi: "Hai lần nhập mật khẩu mới không giống nhau.".to_owned(),
            en: "The new password was not the same both times.".to_owned(),
        };
        return Err((StatusCode::UNPROCESSABLE_ENTITY, notice));
    }
    let signed_in = sign_in(house, &address, old, peer.0.ip())
        .await
        .map_err(|refusal| refused(StatusCode::UNAUTHORIZED, &refusal))?;
    let account = signed_in.account().clone();
    let stored = house
        .store
        .read(account.account_id, |tx, id| Box::pin(async move { tx.account(*id).await }))
        .await
        .map_err(|error| refused(StatusCode::SERVICE_UNAVAILABLE, &directory::Error::from(error)))?
        .and_then(|account| account.password_hash);
    let chance = house.chance.clone();
    let hashed = tokio::task::spawn_blocking(move || {
        let personal = [address.as_str(), account.display_name.as_str()];
        passwords::change(&Policy::default(), stored.as_ref(), &new, &personal, false, &*chance)
    })
    .await
    .unwrap_or(Err(directory::Error::Busy))
    .map_err(|error| refused(StatusCode::UNPROCESSABLE_ENTITY, &error))?;
    let actor = account.account_id.to_string();
    accounts::set_password(&house.store, account.account_id, &hashed, false, &actor, house.now())
        .await
        .map_err(|error| refused(StatusCode::SERVICE_UNAVAILABLE, &error))
}
