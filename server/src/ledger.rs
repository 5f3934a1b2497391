//! The ledger's doors: each year's tree as C2SP `tlog-tiles` has it, under `/ledger/<year>/`, and proofs as texts for whoever has
//! no client.
//!
//! | path | what it is |
//! | --- | --- |
//! | `/ledger/shards` | the trees: origin, prefix, verifier key, size |
//! | `/ledger/checkpoint` | the newest checkpoint of all |
//! | `/ledger/<year>/checkpoint` | a tree's newest checkpoint (tlog-checkpoint) |
//! | `/ledger/<year>/tile/<L>/<N>[.p/<W>]` | hashes (tlog-tiles) |
//! | `/ledger/<year>/tile/entries/<N>[.p/<W>]` | leaves (tlog-tiles) |
//! | `/ledger/<year>/inclusion/<index>` | that a leaf is in the tree (tlog-proof) |
//! | `/ledger/<year>/consistency/<size>` | that the tree grew from an older one (as tlog-witness submits it) |

use std::fmt::Write;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certs::note::VerifierKey;
use registry::receipt::TlogProof;
use store::ledger::names::{Kind, TileName};
use store::ledger::walk::write_bundle;
use store::ledger::{Checkpoint, Place};
use tower_http::compression::CompressionLayer;

use crate::house::House;
use crate::http::{problem, storage_problem};
use crate::sequencer::LogKey;

/// What never changes (tlog-tiles: "its caching headers SHOULD be long-lived").
const FOR_EVER: (HeaderName, &str) = (header::CACHE_CONTROL, "public, max-age=31536000, immutable");
/// What changes several times a second (tlog-tiles: "SHOULD prevent caching beyond a few seconds").
const FOR_NOW: (HeaderName, &str) = (header::CACHE_CONTROL, "public, max-age=1");
const TEXT: (HeaderName, &str) = (header::CONTENT_TYPE, "text/plain; charset=utf-8");
const BYTES: (HeaderName, &str) = (header::CONTENT_TYPE, "application/octet-stream");
/// The last year that is written with four digits.
const YEAR_MAX: i64 = 9_999;

struct Doors {
    house: Arc<House>,
    key: VerifierKey,
}

type Room = State<Arc<Doors>>;

/// The routes.
pub(crate) fn routes(house: Arc<House>) -> anyhow::Result<Router> {
    let key = LogKey::read(&house)?.verifier()?.parse()?;
    let entries: Router<Arc<Doors>> = Router::new()
        .route("/ledger/{year}/tile/entries/{*name}", get(entries))
        .layer(CompressionLayer::new());
    Ok(Router::new()
        .route("/ledger/shards", get(shards))
        .route("/ledger/checkpoint", get(newest))
        .route("/ledger/tile/{*name}", get(moved))
        .route("/ledger/{year}/checkpoint", get(checkpoint))
        .route("/ledger/{year}/tile/{*name}", get(tile))
        .route("/ledger/{year}/inclusion/{index}", get(inclusion))
        .route("/ledger/{year}/consistency/{size}", get(consistency))
        .merge(entries)
        .with_state(Arc::new(Doors { house, key })))
}

fn unknown() -> Response {
    let words = "Sổ không có phần này. / The ledger has no such part.";
    problem(StatusCode::NOT_FOUND, "no-such-part", words)
}

/// A number as it is written in an address: plain decimal.
fn plain(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain)
}

fn year(text: &str) -> Option<i64> {
    plain(text).and_then(|year| i64::try_from(year).ok()).filter(|year| *year <= YEAR_MAX)
}

/// What the store found, with headers; nothing is 404.
fn found(
    outcome: Result<Option<Vec<u8>>, store::Error>,
    headers: [(HeaderName, &'static str); 2],
) -> Response {
    match outcome {
        Ok(Some(bytes)) => (headers, bytes).into_response(),
        Ok(None) => unknown(),
        Err(error) => storage_problem(&error),
    }
}

async fn shards(State(doors): Room) -> Response {
    let shards = doors.house.store.read((), |tx, ()| Box::pin(async move { tx.shards().await })).await;
    let shards: Vec<store::ledger::Shard> = match shards {
        Ok(shards) => shards,
        Err(error) => return storage_problem(&error),
    };
    // A tree that no sequencer has named yet is told of after its first turn.
    let rows = shards.iter().filter(|shard| !shard.origin.is_empty()).map(|shard| {
        serde_json::json!({
            "year": shard.shard_no,
            "origin": shard.origin,
            "prefix": format!("{}/ledger/{}", doors.house.config.public_url(), shard.shard_no),
            "key": doors.key.named(&shard.origin).map(|key| key.to_string()).unwrap_or_default(),
            "size": shard.tree_size,
            "openedAt": shard.opened_at.to_string(),
            "closedAt": shard.closed_at.map(|at| at.to_string()),
        })
    });
    let body = serde_json::json!({ "log": doors.key.name(), "key": doors.key.to_string(), "shards": rows.collect::<Vec<_>>() });
    ([FOR_NOW, (header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn shown(outcome: Result<Option<Checkpoint>, store::Error>) -> Response {
    match outcome {
        Ok(None) => {
            problem(StatusCode::NOT_FOUND, "empty-log", "Sổ chưa có bản ghi nào. / The log is empty.")
        }
        outcome => {
            found(outcome.map(|checkpoint| checkpoint.map(|found| found.note.into_bytes())), [FOR_NOW, TEXT])
        }
    }
}

/// The newest checkpoint of all trees; its first line says which.
async fn newest(State(doors): Room) -> Response {
    shown(doors.house.store.read((), |tx, ()| Box::pin(async move { tx.newest_checkpoint().await })).await)
}

async fn checkpoint(State(doors): Room, Path(text): Path<String>) -> Response {
    let Some(year) = year(&text) else { return unknown() };
    let read = doors
        .house
        .store
        .read(year, |tx, year| Box::pin(async move { tx.newest_checkpoint_of(*year).await }));
    shown(read.await)
}

/// Tiles have the address of their tree; whoever asks below `/ledger/` is sent to the one that grows.
async fn moved(State(doors): Room, Path(name): Path<String>) -> Response {
    let Some(name) = TileName::read(&name) else { return unknown() };
    let newest = doors.house.store.read((), |tx, ()| Box::pin(async move { tx.newest_shard().await })).await;
    match newest {
        Ok(Some(shard)) => {
            let to = format!("/ledger/{}/{name}", shard.shard_no);
            ([(header::CACHE_CONTROL, "no-store")], Redirect::temporary(&to)).into_response()
        }
        Ok(None) => unknown(),
        Err(error) => storage_problem(&error),
    }
}

async fn tile(State(doors): Room, Path((text, name)): Path<(String, String)>) -> Response {
    let (Some(year), Some(name)) = (year(&text), TileName::read(&name)) else { return unknown() };
    let read = doors.house.store.read((year, name), |tx, (year, name)| {
        Box::pin(async move {
            let Kind::Hashes(level) = name.kind else { return Ok(None) };
            let hashes = tx.tile(*year, level, name.number).await?;
            Ok(hashes.get(..usize::try_from(name.width).unwrap_or(usize::MAX)).map(<[_]>::concat))
        })
    });
    found(read.await, [FOR_EVER, BYTES])
}

async fn entries(State(doors): Room, Path((text, name)): Path<(String, String)>) -> Response {
    let name = TileName::read(&format!("entries/{name}"));
    let (Some(year), Some(name)) = (year(&text), name) else { return unknown() };
    let read = doors.house.store.read((year, name), |tx, (year, name)| {
        Box::pin(async move {
            let leaves = tx.entries(*year, name.number).await?;
            let wanted = leaves.get(..usize::try_from(name.width).unwrap_or(usize::MAX));
            Ok(wanted.and_then(|leaves| write_bundle(leaves.iter().map(Vec::as_slice))))
        })
    });
    found(read.await, [FOR_EVER, BYTES])
}

async fn inclusion(State(doors): Room, Path((text, index)): Path<(String, String)>) -> Response {
    let (Some(year), Some(index)) = (year(&text), plain(&index)) else { return unknown() };
    let place = Place { shard_no: year, index };
    let read = doors.house.store.read(place, |tx, place| {
        Box::pin(async move {
            let Some(checkpoint) = tx.checkpoint_for(*place).await? else { return Ok(None) };
            let hashes = tx.prove_inclusion(*place, checkpoint.tree_size).await?;
            let proof = TlogProof { extra: None, index: place.index, hashes, checkpoint: checkpoint.note };
            Ok(Some(proof.to_string().into_bytes()))
        })
    });
    found(read.await, [FOR_NOW, TEXT])
}

/// The proof from a tree of `size` leaves to the newest checkpoint, as it is handed to a witness (C2SP tlog-witness,
/// `add-checkpoint`).
async fn consistency(State(doors): Room, Path((text, size)): Path<(String, String)>) -> Response {
    let (Some(year), Some(old)) = (year(&text), plain(&size)) else { return unknown() };
    let read = doors.house.store.read((year, old), |tx, (year, old)| {
        Box::pin(async move {
            let newest = tx.newest_checkpoint_of(*year).await?;
            let Some(checkpoint) = newest.filter(|newest| *old <= newest.tree_size) else { return Ok(None) };
            // "The proof MUST be empty if the old size is zero."
            let hashes = match old {
                0 => Vec::new(),
                old => tx.prove_consistency(*year, *old, checkpoint.tree_size).await?,
            };
            Ok(Some(submission(*old, &hashes, &checkpoint.note).into_bytes()))
        })
    });
    found(read.await, [FOR_NOW, TEXT])
}

fn submission(old: u64, hashes: &[[u8; 32]], checkpoint: &str) -> String {
    let mut text = format!("old {old}\n");
    for hash in hashes {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}", STANDARD.encode(hash));
    }
    text.push('\n');
    text.push_str(checkpoint);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of C2SP tlog-witness.
    #[test]
    fn a_consistency_proof_is_what_tlog_witness_submits() {
        let checkpoint = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
            — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
        let lines = [
            "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=",
            "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=",
            "5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=",
            "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=",
        ];
        let hashes: Vec<[u8; 32]> =
            lines.iter().map(|l| STANDARD.decode(l).unwrap().try_into().unwrap()).collect();
        let expected = format!("old 20852014\n{}\n\n{checkpoint}", lines.join("\n"));
        assert_eq!(submission(20_852_014, &hashes, checkpoint), expected);
        assert_eq!(submission(0, &[], checkpoint), format!("old 0\n\n{checkpoint}"));
    }

    #[test]
    fn numbers_in_addresses_are_plain() {
        let rows = [
            ("0", Some(0)),
            ("2026", Some(2026)),
            ("02026", None),
            ("+1", None),
            ("", None),
            ("10000", None),
            ("x", None),
        ];
        for (text, expected) in rows {
            assert_eq!(year(text), expected, "{text}");
        }
    }
}
