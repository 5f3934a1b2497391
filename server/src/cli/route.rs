//! `congvan route`: fixed places for outgoing mail, and smart hosts that want a sign-in.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, Subcommand};
use directory::agencies;
use mail::{Secret, Timestamp};
use serde_json::json;
use store::{NewRoute, Route, RouteMechanism, RouteSignIn, RouteTls};

use super::provision::{from_standard_input, said, tell};
use super::{ACTOR, Outcome};
use crate::house::House;

/// Where a password may stand when standard input has none.
const SECRET_VARIABLE: &str = "CONGVAN_ROUTE_SECRET";
/// Bytes of a user's name or a password (RFC 4616 §2 has none; Postfix reads lines of 2,048).
const WORD_BYTES_MAX: usize = 1_000;

#[derive(Subcommand)]
pub(super) enum RouteCommand {
    /// Send mail for a domain (`*`: every other) to a fixed place.
    Add {
        /// The domain.
        domain: String,
        /// HOST:PORT.
        target: String,
    },
    /// The same with what that place wants: TLS, or a sign-in whose password is read from standard input or CONGVAN_ROUTE_SECRET.
    Set(Set),
    /// The fixed places, and which of them refuse our sign-in.
    List {
        /// Show what was said in refusing; it may name an account.
        #[arg(long)]
        errors: bool,
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Send mail for a domain as DNS says again. Exit 1: there was no route.
    Remove {
        /// The domain, as it was set.
        domain: String,
    },
}

#[derive(Args)]
pub(super) struct Set {
    /// The domain; `*` is every other.
    domain: String,
    /// HOST:PORT.
    target: String,
    /// policy (as `congvan tls-policy` and the configuration say), starttls or implicit (TLS first, port 465). With a sign-in there is always TLS.
    #[arg(long, default_value = "policy")]
    tls: RouteTls,
    /// Sign in as this user.
    #[arg(long)]
    login: Option<String>,
    /// plain or login.
    #[arg(long, default_value = "plain", requires = "login")]
    mechanism: RouteMechanism,
}

impl RouteCommand {
    pub(super) fn run(self, file: &Path) -> Outcome {
        match self {
            Self::Add { domain, target } => super::on_data(file, |house| add(house, domain, target)),
            Self::Set(set) => {
                let new = set.read()?;
                super::on_data(file, |house| put(house, new))
            }
            Self::List { errors, json } => super::on_data(file, |house| list(house, errors, json)),
            Self::Remove { domain } => super::on_data(file, |house| remove(house, domain)),
        }
    }
}

impl Set {
    fn read(self) -> anyhow::Result<NewRoute> {
        let (domain, target) = agencies::route_words(&self.domain, &self.target).map_err(said)?;
        let sign_in = match self.login {
            None => None,
            Some(login) => {
                let secret = password()?;
                let fits = |word: &str| {
                    !word.is_empty() && word.len() <= WORD_BYTES_MAX && !word.contains(['\0', '\r', '\n'])
                };
                anyhow::ensure!(fits(&login), "not a user's name / tên đăng nhập không hợp lệ");
                anyhow::ensure!(fits(secret.expose_secret()), "not a password / mật khẩu không hợp lệ");
                Some(RouteSignIn { mechanism: self.mechanism, login, secret })
            }
        };
        Ok(NewRoute { domain, target, tls: self.tls, sign_in })
    }
}

fn password() -> anyhow::Result<Secret<String>> {
    match from_standard_input()? {
        Some(secret) => Ok(secret),
        None => std::env::var(SECRET_VARIABLE).map(Secret::new).ok().with_context(|| {
            format!(
                "no password on standard input nor in {SECRET_VARIABLE} / thiếu mật khẩu trên đầu vào chuẩn"
            )
        }),
    }
}

async fn add(house: Arc<House>, domain: String, target: String) -> Outcome {
    let added =
        agencies::add_route(&house.store, &domain, &target, ACTOR, house.now()).await.map_err(said)?;
    match added.is_new() {
        true => tell_way(&domain, &target),
        false => tell("Tuyến gửi đã có.", "The route is there already."),
    }
    Ok(ExitCode::SUCCESS)
}

async fn put(house: Arc<House>, new: NewRoute) -> Outcome {
    let (domain, target) = (new.domain.clone(), new.target.clone());
    house.store.set_route(new, ACTOR, house.now()).await?;
    tell_way(&domain, &target);
    Ok(ExitCode::SUCCESS)
}

fn tell_way(domain: &str, target: &str) {
    tell(&format!("Thư tới {domain} sẽ gửi qua {target}."), &format!("Mail for {domain} goes to {target}."));
}

async fn list(house: Arc<House>, errors: bool, as_json: bool) -> Outcome {
    let routes = house.store.read((), |tx, ()| Box::pin(async move { tx.routes().await })).await;
    let routes: Vec<Route> = routes.map_err(|error: store::Error| anyhow::anyhow!(error))?;
    if as_json {
        let row = |route: &Route| {
            let sign_in = route.set.sign_in.as_ref();
            json!({
                "domain": route.set.domain,
                "target": route.set.target,
                "tls": route.set.tls.as_str(),
                "login": sign_in.map(|known| &known.login),
                "mechanism": sign_in.map(|known| known.mechanism.as_str()),
                "refusedAt": route.refused_at.map(Timestamp::to_rfc3339_utc),
                "refused": if errors { route.refused.as_str() } else { first_word(&route.refused) },
            })
        };
        println!("{}", serde_json::Value::from_iter(routes.iter().map(row)));
        return Ok(ExitCode::SUCCESS);
    }
    for Route { set, refused_at, refused } in &routes {
        let login = set.sign_in.as_ref().map_or("-", |known| known.login.as_str());
        let refused = if errors { refused.as_str() } else { first_word(refused) };
        let state = match refused_at {
            None => "ok".to_owned(),
            Some(at) => format!("từ chối đăng nhập / refused {} {refused}", at.to_rfc3339_vietnam()),
        };
        let line = format!("{}\t{}\t{}\t{login}\t{state}", set.domain, set.target, set.tls.as_str());
        println!("{}", super::files::plain(&line));
    }
    if routes.is_empty() {
        tell("Chưa có tuyến gửi nào.", "There are no routes.");
    }
    Ok(ExitCode::SUCCESS)
}

/// A reply's number names nobody.
fn first_word(words: &str) -> &str {
    words.split(' ').next().unwrap_or_default()
}

async fn remove(house: Arc<House>, domain: String) -> Outcome {
    let input = (domain.trim().to_ascii_lowercase(), house.now());
    let removed = house.store.write("remove a route", input, |tx, (domain, now)| {
        Box::pin(async move { tx.remove_route(domain, ACTOR, *now).await })
    });
    let removed: Result<bool, store::Error> = removed.await;
    if !removed? {
        tell("Không có tuyến gửi nào cho tên miền này.", "There is no route for that domain.");
        return Ok(ExitCode::FAILURE);
    }
    tell(&format!("Đã bỏ tuyến gửi của {domain}."), &format!("Removed the route of {domain}."));
    Ok(ExitCode::SUCCESS)
}
