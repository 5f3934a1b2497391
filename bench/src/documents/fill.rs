//! Documents put into a house that is stopped: rows as acceptance writes them, many to a transaction. They share one package, for what is
//! measured opens none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mail::{AgencyCode, AgencyId, Chance, DeliveryId, DocumentId, Secret, Timestamp};
use store::{
    DocumentKind, FactKind, MasterKey, NewDelivery, NewDocument, NewFact, NewReceiver, Sealed, Store, Tx,
};
use tests::{Engine, Program};
use tokio::task::JoinHandle;

/// Documents in a transaction.
const AT_ONCE: u64 = 500;
/// Milliseconds between two of them: a million in a year.
const APART: i64 = 31_000;
/// One in so many has the rare word.
const RARE: u64 = 997;

struct Counting(AtomicU64);

impl Chance for Counting {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            let next = self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            chunk.copy_from_slice(&next.to_be_bytes()[..chunk.len()]);
        }
    }
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    Timestamp::from_millis(since.as_millis() as i64)
}

/// The year that most of the documents are of.
pub(crate) fn year() -> String {
    now().to_vietnam().year().to_string()
}

/// Between whom.
#[derive(Clone)]
struct Parties {
    from: (AgencyId, AgencyCode, String),
    to: (AgencyId, AgencyCode, String),
    blob: Sealed,
    chance: Arc<Counting>,
}

/// Adds documents number `have` to `many` of `total`, oldest first; answers the id of the one in the middle, as the API writes places.
pub(crate) async fn documents(program: &Program, engine: Engine, have: u64, many: u64, total: u64) -> String {
    let chance = Arc::new(Counting(AtomicU64::new(1 + have * 100)));
    let (store, worker) = open(program, engine, chance.clone()).await;
    let (first, second) = (program.systems().0.clone(), program.systems().1.clone());
    let codes = [first.agency, second.agency];
    let read = store.read(codes, |tx, codes| {
        Box::pin(async move {
            let mut found = Vec::new();
            for code in codes {
                let code: AgencyCode = code.parse().map_err(|_| store::Error::Refused("a code"))?;
                let agency = tx.agency_by_code(&code, now()).await?;
                found.push(agency.ok_or(store::Error::NotFound("the agency"))?);
            }
            Ok::<_, store::Error>(found)
        })
    });
    let found = read.await.expect("two agencies");
    let blob = store.seal_apart(found[0].agency_id, b"<edXML/>").await.expect("a blob");
    let parties = Parties {
        from: (found[0].agency_id, found[0].code.clone(), first.system_id.to_lowercase()),
        to: (found[1].agency_id, found[1].code.clone(), second.system_id.to_lowercase()),
        blob,
        chance,
    };
    let mut middle = None;
    for begins in (have..many).step_by(AT_ONCE as usize) {
        let ends = (begins + AT_ONCE).min(many);
        let input = (parties.clone(), begins, ends, total);
        let written = store.write("fill", input, |tx, (parties, begins, ends, total)| {
            Box::pin(async move { batch(tx, parties, *begins..*ends, *total).await })
        });
        let ids: Vec<DocumentId> = written.await.expect("documents");
        if (begins..ends).contains(&(many / 2)) || middle.is_none() {
            middle = ids.first().copied();
        }
    }
    // The worker ends when nobody can ask it any more.
    drop((store, parties));
    worker.await.expect("a writer ends");
    middle.map(|id| URL_SAFE_NO_PAD.encode(format!("d1 {id}"))).unwrap_or_default()
}

async fn open(program: &Program, engine: Engine, chance: Arc<Counting>) -> (Store, JoinHandle<()>) {
    let key: [u8; 32] = std::fs::read(program.data.join("keys/master.key"))
        .expect("a master key")
        .try_into()
        .expect("32 bytes");
    let text = std::fs::read_to_string(program.config()).expect("a configuration");
    let database = text.lines().find_map(|line| line.strip_prefix("database = ")).unwrap_or("\"sqlite\"");
    let place = match engine {
        Engine::Sqlite => store::Place::Sqlite(program.data.join("congvan.db")),
        Engine::Postgres => store::Place::Postgres(Secret::from(database.trim_matches('"'))),
    };
    let config = store::Config {
        place,
        blobs: program.data.join("blobs"),
        master_key: MasterKey::from_bytes(key),
        limits: store::Limits::default(),
    };
    let (store, worker) = Store::open(config, chance, now()).await.expect("the data");
    (store, tokio::spawn(worker.run()))
}

async fn batch(
    tx: &mut Tx,
    parties: &Parties,
    numbers: std::ops::Range<u64>,
    total: u64,
) -> Result<Vec<DocumentId>, store::Error> {
    let mut ids = Vec::new();
    let mut facts = Vec::new();
    let newest = now();
    for number in numbers {
        let back = i64::try_from(total - number).unwrap_or_default().saturating_mul(APART);
        let at = Timestamp::from_millis(newest.millis() - back);
        let id = DocumentId::new(at, &*parties.chance);
        one(tx, parties, number, id, at).await?;
        facts.extend(counted(parties, id, at));
        ids.push(id);
    }
    tx.add_facts(&facts).await?;
    Ok(ids)
}

async fn one(
    tx: &mut Tx,
    parties: &Parties,
    number: u64,
    id: DocumentId,
    at: Timestamp,
) -> Result<(), store::Error> {
    let Parties { from, to, blob, chance } = parties;
    let is_rare = number.is_multiple_of(RARE);
    let subject = format!("V/v phối hợp kiểm tra đợt {number}{}", if is_rare { " hiếm gặp" } else { "" });
    let mut sha256 = [0u8; 32];
    sha256[..8].copy_from_slice(&number.to_be_bytes());
    let delivery = NewDelivery {
        delivery_id: DeliveryId::new(at, &**chance),
        agency_id: to.0,
        system_folded: to.2.clone(),
        to_codes: vec![to.1.clone()],
    };
    let document = NewDocument {
        document_id: id,
        agency_id: from.0,
        system_folded: from.2.clone(),
        kind: DocumentKind::Edoc,
        from_code: from.1.clone(),
        package_sha256: sha256,
        blob: blob.clone(),
        identifier: format!("{}|2026|{number}/bc", from.1.folded()),
        notation: format!("{number}/bc"),
        promulgated_on: "2026/11/22".to_owned(),
        subject: subject.clone(),
        business_type: 0,
        priority: i64::from(number.is_multiple_of(50)),
        class: "TOTAL-PASSED".to_owned(),
        legal_value: "ORIGINAL_EQUIVALENT".to_owned(),
        verdict: "[]".to_owned(),
        facts: format!("{{\"subject\":\"{subject}\",\"code\":\"{number}/BC\",\"files\":[]}}"),
        receipt: b"{}".to_vec(),
    };
    let receiver = NewReceiver {
        receiver_id: to.0,
        code: to.1.clone(),
        delivery_id: delivery.delivery_id,
        duplicate_of: None,
    };
    tx.add_document(&document, &[delivery], at).await?;
    tx.add_receivers(from.0, id, &[receiver], at).await?;
    tx.add_document_words(from.0, id, &words(number, is_rare)).await
}

/// As the registry writes them: without marks, and where there are marks, with them as well.
fn words(number: u64, is_rare: bool) -> Vec<String> {
    let sought = registry::words::of_query("phối hợp kiểm hiếm").expect("words");
    let mut words: Vec<String> = ["v", "phoi", "hop", "kiem", "tra", "dot"].map(str::to_owned).to_vec();
    let marked = std::iter::once(sought.first).chain(sought.others);
    let rare = registry::words::of_query("hiếm").expect("a word").first;
    words.extend(marked.filter(|word| is_rare || *word != rare));
    words.push(number.to_string());
    if is_rare {
        words.push("hiem".to_owned());
    }
    words
}

fn counted(parties: &Parties, id: DocumentId, at: Timestamp) -> [NewFact; 2] {
    let day = at.to_vietnam();
    let day = format!("{:04}-{:02}-{:02}", day.year(), u8::from(day.month()), day.day());
    let fact = |agency: AgencyId, other: AgencyId, fact| NewFact {
        agency_id: agency,
        document_id: id,
        fact,
        other_id: *other.as_bytes(),
        day: day.clone(),
        kind: "Báo cáo".to_owned(),
        marks: String::new(),
        weight: 1,
    };
    let (from, to) = (parties.from.0, parties.to.0);
    [fact(from, to, FactKind::Sent), fact(to, from, FactKind::Received)]
}
