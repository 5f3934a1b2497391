//! Looks again at documents that were accepted, page by page, when nobody waits: what bears a mark of secrecy is set aside (RULES R11).
//!
//! Each sender's documents are looked at once, in their order, a while after they came, so that whoever was slow to commit is not passed
//! over. After each the worker rests three times as long as it looked: deliveries have the machine, and what a busy day leaves is done in
//! its night.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mail::{AgencyId, BlobId, DocumentId};
use registry::Error;
use registry::set_aside::Mark;

use crate::house::House;
use crate::intake::Intake;

/// Documents of one sender asked for at a time.
const AT_ONCE: i64 = 20;
/// For one package; what is not seen by then is not looked at again.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a node is the one that looks.
const LEASE: Duration = Duration::from_secs(600);
/// So many times as long as it looked the worker rests.
const REST: u32 = 3;
/// Who found it, for the record.
const ACTOR: &str = "late-marks";

/// A document to look at.
type Waiting = (DocumentId, BlobId, [u8; 32]);

/// Works until the house stops.
pub(crate) async fn run(house: Arc<House>, intake: Arc<Intake>) {
    let after = Duration::from_secs(house.config.exchange.look_again_seconds);
    if after.is_zero() {
        return;
    }
    let node = house.draw_token(12);
    let mut look = tokio::time::interval(after.min(Duration::from_secs(60)));
    loop {
        tokio::select! {
            () = house.stop.cancelled() => return,
            _ = look.tick() => {}
        }
        if let Err(error) = all_senders(&house, &intake, &node, after).await {
            tracing::warn!("documents could not be looked at again: {error}");
        }
    }
}

async fn all_senders(house: &House, intake: &Intake, node: &str, after: Duration) -> Result<(), Error> {
    let input = (node.to_owned(), house.now());
    let taken = house.store.write("look again", input, |tx, (node, now)| {
        Box::pin(async move { tx.take_lease(ACTOR, node, *now, LEASE).await })
    });
    let taken: Result<bool, store::Error> = taken.await;
    if !taken? {
        return Ok(());
    }
    let mut sender = None;
    while !house.stop.is_cancelled() {
        let next =
            house.store.read(sender, |tx, after| Box::pin(async move { tx.next_sender(*after).await }));
        let next: Result<_, store::Error> = next.await;
        sender = next?;
        let Some(agency_id) = sender else { return Ok(()) };
        one_sender(house, intake, agency_id, after).await?;
    }
    Ok(())
}

async fn one_sender(
    house: &House,
    intake: &Intake,
    agency_id: AgencyId,
    after: Duration,
) -> Result<(), Error> {
    loop {
        let before = registry::browse::first_id_at(house.now().minus(after));
        let found = house.store.read((agency_id, before), |tx, (agency_id, before)| {
            Box::pin(async move { tx.to_look_at_again(*agency_id, *before, AT_ONCE).await })
        });
        let found: Result<Vec<Waiting>, store::Error> = found.await;
        let found = found?;
        for waiting in &found {
            if house.stop.is_cancelled() {
                return Ok(());
            }
            let begun = Instant::now();
            one_document(house, intake, agency_id, waiting).await?;
            tokio::select! {
                () = house.stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(begun.elapsed() * REST) => {}
            }
        }
        if (found.len() as i64) < AT_ONCE {
            return Ok(());
        }
    }
}

async fn one_document(
    house: &House,
    intake: &Intake,
    agency_id: AgencyId,
    (document_id, blob_id, sha256): &Waiting,
) -> Result<(), Error> {
    // A copy that was shredded is not there any more, and one that is damaged is the doctor's.
    let pieces = match house.store.read_blob_in_pieces(agency_id, *blob_id).await {
        Ok(pieces) => pieces,
        Err(store::Error::Damaged(_)) => None,
        Err(error) => return Err(error.into()),
    };
    if let Some(pieces) = pieces {
        let package = house.store.spool_pieces(pieces).await?;
        if let Some(hit) = intake.look_again(package, PATIENCE).await? {
            let mark = Mark { detector: hit.detector.code().to_owned(), by: ACTOR.to_owned() };
            let desk = intake.desk();
            if desk.set_document_aside(agency_id, *document_id, &mark, house.now()).await? {
                // RULES R12: the log tells which detector it was, and which package.
                let package = registry::vxp::hash::full_hex(sha256);
                tracing::error!(detector = mark.detector, package, "a document was set aside (R11)");
            }
        }
    }
    let row = (agency_id, *document_id);
    let noted = house.store.write("note what was looked at", row, |tx, (agency_id, document_id)| {
        Box::pin(async move { tx.looked_again(*agency_id, *document_id).await })
    });
    let noted: Result<(), store::Error> = noted.await;
    Ok(noted?)
}
