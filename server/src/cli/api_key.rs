//! `congvan key add|list|revoke`: keys to the REST API.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use mail::{AgencyCode, ApiKeyId, Timestamp};
use registry::Error;
use registry::keys::{self, KeyToAdd, Scope};
use serde_json::json;

use super::Outcome;
use super::provision::{ACTOR, tell};

#[derive(Subcommand)]
pub(super) enum KeyCommand {
    /// Tạo khóa API; khóa chỉ hiện một lần. / Make a key; it is shown once.
    Add(KeyAdd),
    /// Danh sách khóa API. / List keys, with their last use.
    List {
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Thu hồi khóa API. / Take a key back; it opens nothing from now on.
    Revoke {
        /// Its id, as the list shows it.
        id: ApiKeyId,
    },
}

#[derive(Args)]
pub(super) struct KeyAdd {
    /// The system it speaks for.
    #[arg(long)]
    system: String,
    /// What it may do: documents:read, documents:send, statuses:send, agencies:read, events:read, numbers:write, registers:read, statistics:read.
    #[arg(long, required = true, value_delimiter = ',', value_parser = scope)]
    scope: Vec<Scope>,
    /// Codes of the agencies it speaks for; all of its system when left out.
    #[arg(long, value_delimiter = ',')]
    agency: Vec<AgencyCode>,
    /// The day from which it opens nothing any more, yyyy-MM-dd.
    #[arg(long, value_parser = day)]
    expires: Option<Timestamp>,
    /// What to call it in lists.
    #[arg(long, default_value = "")]
    name: String,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

fn scope(word: &str) -> Result<Scope, String> {
    word.parse().map_err(|_| {
        let all: Vec<&str> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
        format!("one of {}", all.join(", "))
    })
}

/// A day begins at midnight in Vietnam.
fn day(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(&format!("{text}T00:00:00+07:00")).map_err(|_| "a day, yyyy-MM-dd".to_owned())
}

fn said(error: Error) -> anyhow::Error {
    anyhow::anyhow!("{} / {}", error.vi(), error.en())
}

impl KeyCommand {
    pub(super) fn run(self, file: &Path) -> Outcome {
        match self {
            Self::Add(add) => add.run(file),
            Self::List { json } => list(file, json),
            Self::Revoke { id } => revoke(file, id),
        }
    }
}

impl KeyAdd {
    fn run(self, file: &Path) -> Outcome {
        super::on_data(file, |house| async move {
            let now = house.now();
            let key = keys::draw(&*house.chance);
            let new = KeyToAdd {
                key_id: ApiKeyId::new(now, &*house.chance),
                key_sha256: keys::digest_of(key.expose_secret()).context("a key without a digest")?,
                system_id: self.system,
                name: self.name,
                scopes: self.scope,
                agencies: self.agency,
                expires_at: self.expires,
            };
            let id = new.key_id;
            house
                .store
                .write("make a key", new, move |tx, new| {
                    Box::pin(async move { keys::add(tx, new, ACTOR, now).await })
                })
                .await
                .map_err(said)?;
            let shown = key.expose_secret();
            if self.json {
                println!("{}", json!({ "id": id, "key": shown }));
                return Ok(ExitCode::SUCCESS);
            }
            tell(&format!("Đã tạo khóa {id}."), &format!("Made key {id}."));
            tell(&format!("Khóa (chỉ hiện lần này): {shown}"), &format!("Key (shown only now): {shown}"));
            Ok(ExitCode::SUCCESS)
        })
    }
}

fn list(file: &Path, as_json: bool) -> Outcome {
    super::on_data(file, |house| async move {
        let kept: Result<_, store::Error> =
            house.store.read((), |tx, ()| Box::pin(async move { tx.api_keys().await })).await;
        let now = house.now();
        let moment = |at: Option<Timestamp>| at.map(Timestamp::to_rfc3339_vietnam);
        for key in kept? {
            let state = match (key.revoked_at, key.expires_at) {
                (Some(_), _) => "revoked",
                (None, Some(end)) if end <= now => "expired",
                _ => "active",
            };
            if as_json {
                let row = json!({
                    "id": key.key_id, "system": key.system_folded, "name": key.name, "scopes": key.scopes,
                    "state": state, "created": moment(Some(key.created_at)), "expires": moment(key.expires_at),
                    "lastUse": moment(key.last_used_at), "agencies": key.agencies.len(),
                });
                println!("{row}");
            } else {
                let last = moment(key.last_used_at).unwrap_or_else(|| "-".to_owned());
                let (id, system, name, scopes) = (key.key_id, &key.system_folded, &key.name, &key.scopes);
                println!("{id}  {state:<8} {last:<26} {system}  {scopes}  {name}");
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn revoke(file: &Path, id: ApiKeyId) -> Outcome {
    super::on_data(file, |house| async move {
        let now = house.now();
        house
            .store
            .write("take a key back", id, move |tx, id| {
                Box::pin(async move { keys::revoke(tx, *id, ACTOR, now).await })
            })
            .await
            .map_err(said)?;
        tell(&format!("Đã thu hồi khóa {id}."), &format!("Took key {id} back."));
        Ok(ExitCode::SUCCESS)
    })
}
