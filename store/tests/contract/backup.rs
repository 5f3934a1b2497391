//! Everything is read out on one view and read back in, into the same engine and into the other.

use mail::{AccountId, Secret};
use store::backup::{Cell, KeptBlob, Loading, Snapshot};
use store::{Error, Lane, NewOutbox, NewPeer, OutboxKind, PeerState, PeerWrap, Place, Upload};

use crate::house::{House, NOW, Seeded, account_id, deliver, letter, read, stories, with_account, write};

const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);

/// A snapshot, all of it.
#[derive(Debug, PartialEq)]
struct All {
    tables: Vec<(String, Vec<String>, Vec<Vec<Cell>>)>,
    blobs: Vec<(KeptBlob, Vec<u8>)>,
    numbers: Vec<(String, i64)>,
}

async fn read_all(mut snapshot: Snapshot) -> All {
    let mut all = All { tables: Vec::new(), blobs: Vec::new(), numbers: Vec::new() };
    all.numbers = snapshot.numbers_given().await.unwrap();
    for table in snapshot.tables().to_vec() {
        let mut rows: Vec<Vec<Cell>> = Vec::new();
        loop {
            let last = rows.last().cloned();
            let page = snapshot.page(&table, last.as_deref()).await.unwrap();
            if page.is_empty() {
                break;
            }
            rows.extend(page);
        }
        all.tables.push((table.name().to_owned(), table.columns(), rows));
    }
    loop {
        let after = all.blobs.last().map(|(blob, _)| (blob.owner, blob.blob_id));
        let page = snapshot.blobs(after).await.unwrap();
        if page.is_empty() {
            return all;
        }
        for blob in page {
            let sealed = snapshot.sealed(&blob).await.unwrap();
            all.blobs.push((blob, sealed));
        }
    }
}

async fn load(all: &All, into: &store::Config, schema: i64) -> Result<(), Error> {
    load_held(all, into, schema, false).await
}

async fn load_held(all: &All, into: &store::Config, schema: i64, hold: bool) -> Result<(), Error> {
    let mut loading = Loading::begin(into.clone(), schema, Seeded::new(9), NOW).await?;
    for (name, columns, rows) in &all.tables {
        loading.rows(name, columns, rows).await?;
    }
    for (blob, sealed) in &all.blobs {
        loading.blob(blob, sealed.clone()).await?;
    }
    if hold {
        loading.hold_back().await?;
    }
    loading.finish(&all.numbers, "a-name", "{}", NOW).await.map(drop)
}

fn place(columns: &[String], name: &str) -> usize {
    columns.iter().position(|column| column == name).unwrap()
}

/// The largest UIDVALIDITY an account has given, and those of its mailboxes.
fn uid_validities(all: &All, account: AccountId) -> (i64, Vec<i64>) {
    let of = |table: &str| {
        let (_, columns, rows) = all.tables.iter().find(|(name, ..)| name == table).unwrap();
        let (owner, number) = (place(columns, "account_id"), place(columns, "uid_validity"));
        let rows = rows.iter().filter(|row| row[owner].bytes() == Some(account.as_bytes().as_slice()));
        rows.map(|row| row[number].int().unwrap()).collect::<Vec<_>>()
    };
    (of("account")[0], of("mailbox"))
}

/// What is the same before and after: all but what clients saw, and what is said of the restore itself.
fn lasting(mut all: All) -> All {
    for (name, columns, rows) in &mut all.tables {
        let changed: &[&str] = match name.as_str() {
            "mailbox" => &["uid_validity"],
            "account" => &["modseq", "uid_validity"],
            _ => continue,
        };
        for changed in changed {
            let at = place(columns, changed);
            rows.iter_mut().for_each(|row| row[at] = Cell::Null);
        }
    }
    all.tables.retain(|(name, ..)| name != "setting" && name != "audit");
    all
}

/// Two people with messages, one of them large; a document's key of its own; leaves; numbers that were given and are gone.
async fn live(house: &House) {
    for n in [1, 2] {
        with_account(house, n).await;
        for message in ["a@x", "b@x", "c@x"] {
            deliver(house, n, &letter(message, "Họp", ""), 1).await.unwrap();
        }
    }
    let noise: Vec<u8> =
        (0..100_000u32).flat_map(|n| blake3::hash(&n.to_be_bytes()).as_bytes()[..3].to_vec()).collect();
    let large = house.store.seal(account_id(1), &noise, NOW).await.unwrap();
    let apart = house.store.seal_apart(account_id(2), b"van ban").await.unwrap();
    let mut spooling = house.store.spool();
    for _ in 0..5 {
        spooling.push(&noise).unwrap();
    }
    let spool = spooling.finish().unwrap();
    let in_segments = house.store.seal_spool_apart(account_id(2), &spool).await.unwrap();
    write!(house, large, apart, in_segments, |tx| {
        for (n, blob) in [(1, large), (2, apart), (2, in_segments)] {
            let (account_id, blob) = (account_id(n), blob.clone());
            let upload = Upload { account_id, blob, media_type: "x/y".into(), expires_at: NOW };
            tx.add_upload(&upload, NOW).await?;
        }
        for n in 0..300u16 {
            tx.append_leaf(account_id(1), &[9; 16], &n.to_be_bytes(), b"record", NOW).await?;
        }
    })
    .unwrap();
}

/// Mail that is on its way out, a local one, and a package for another axis.
async fn waiting(house: &House) {
    let peer = NewPeer {
        name: "bac".to_owned(),
        door: "vxp".to_owned(),
        url: "https://truc.example.vn/vxp".to_owned(),
        system_id: "00.22.W00".to_owned(),
        secret: Secret::from("khóa của trục"),
        ca: String::new(),
        wrap: PeerWrap::Zip,
        trace: true,
        poll_seconds: 60,
        is_default: false,
    };
    house.store.put_peer(peer, NOW).await.unwrap();
    write!(house, |tx| {
        for kind in [OutboxKind::Mail, OutboxKind::Local, OutboxKind::Package] {
            let row = NewOutbox {
                kind,
                owner: account_id(1).into(),
                lane: Lane::Normal,
                destination: "bac".to_owned(),
                payload: "{}".to_owned(),
                blob_id: None,
                due_at: NOW,
            };
            tx.enqueue(&row, NOW).await?;
        }
    })
    .unwrap();
}

stories! {
    async fn r59_what_would_leave_a_restored_house_waits_when_it_is_asked_to(house: House) {
        waiting(&house).await;
        let snapshot = house.store.snapshot().await.unwrap();
        let schema = snapshot.schema();
        let all = read_all(snapshot).await;
        for (hold, leave, state) in [(false, 1, PeerState::Active), (true, 0, PeerState::Paused)] {
            for other in [House::empty_sqlite(), House::empty_postgres().await] {
                load_held(&all, &other, schema, hold).await.unwrap();
                let restored = House::at(&other).await;
                let mail = write!(restored, |tx| tx.claim_outbox(OutboxKind::Mail, "w", NOW, DAY, 9).await?).unwrap();
                let local = write!(restored, |tx| tx.claim_outbox(OutboxKind::Local, "w", NOW, DAY, 9).await?).unwrap();
                assert_eq!((mail.len(), local.len()), (leave, 1), "{hold}: what stays in the house goes on");
                let peer = read!(restored, |tx| tx.peer("bac").await?).unwrap();
                assert_eq!(peer.state, state, "{hold}");
            }
        }
    }

    async fn r59_a_house_is_read_out_and_read_into_either_engine(house: House) {
        live(&house).await;
        let snapshot = house.store.snapshot().await.unwrap();
        let schema = snapshot.schema();
        // What comes after the view began is not in it.
        deliver(&house, 1, &letter("late@x", "Muộn", ""), 1).await.unwrap();
        let all = read_all(snapshot).await;
        assert_eq!(all.blobs.iter().filter(|(blob, _)| blob.is_object).count(), 2);
        assert!(all.blobs.iter().any(|(blob, _)| blob.segments > 1));
        let emails = all.tables.iter().find(|(name, ..)| name == "email").unwrap();
        assert_eq!(emails.2.len(), 6);
        for other in [House::empty_sqlite(), House::empty_postgres().await] {
            load(&all, &other, schema).await.unwrap();
            let restored = House::at(&other).await;
            let mut found = Vec::new();
            let later = NOW.plus(std::time::Duration::from_secs(86_400 * 365 * 5));
            restored.store.examine(true, later, &mut |finding| found.push(finding)).await.unwrap();
            assert!(found.is_empty(), "{found:?}");
            let again = read_all(restored.store.snapshot().await.unwrap()).await;
            for n in [1, 2] {
                let ((given, before), (given_now, now)) =
                    (uid_validities(&all, account_id(n)), uid_validities(&again, account_id(n)));
                let all_differ = now.iter().collect::<std::collections::BTreeSet<_>>().len() == now.len();
                assert!(all_differ && now.len() == before.len(), "{now:?}");
                assert!(now.iter().all(|one| *one > given && *one <= given_now), "{given} {now:?} {given_now}");
            }
            assert_eq!(again.numbers.iter().find(|(name, _)| name == "ledger_leaf").unwrap().1, 300);
            for (before, after) in lasting_pairs(&all, again) {
                assert_eq!(before, after);
            }
            // It goes on: the next message, the next leaf, and no state that clients remember.
            deliver(&restored, 1, &letter("next@x", "Sau", ""), 1).await.unwrap();
            write!(restored, |tx| tx.append_leaf(account_id(1), &[9; 16], b"next", b"record", NOW).await?).unwrap();
            assert!(restored.store.first_state().0 > 1_000_000);
            let next = restored.store.read((), |tx, ()| Box::pin(async move {
                tx.leaves_of(account_id(1), &[9; 16]).await
            })).await;
            let next: Vec<store::ledger::Leaf> = next.unwrap();
            assert_eq!(next.last().unwrap().seq, 301, "a number is never given twice");
            // Nothing is restored over what is there.
            drop(restored);
            assert!(matches!(load(&all, &other, schema).await, Err(Error::Refused(_))));
        }
        assert!(matches!(load(&all, &House::empty_sqlite(), schema + 1).await, Err(Error::Refused(_))));
    }

    async fn rows_that_do_not_fit_the_schema_are_refused(house: House) {
        with_account(&house, 1).await;
        let schema = house.store.snapshot().await.unwrap().schema();
        let begin = || async {
            let config = match house.config().place {
                Place::Sqlite(_) => House::empty_sqlite(),
                Place::Postgres(_) => House::empty_postgres().await,
            };
            Loading::begin(config, schema, Seeded::new(9), NOW).await.unwrap()
        };
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let row = || vec![vec![Cell::Text("x".into()), Cell::Bytes(vec![1])]];
        for (table, columns, rows) in [
            ("nothing", names(&["name", "value"]), row()),
            ("setting", names(&["name"]), row()),
            ("setting", names(&["name", "value; DROP TABLE email"]), row()),
            ("setting", names(&["name", "value"]), vec![vec![Cell::Text("x".into())]]),
            ("setting", names(&["name", "value"]), vec![vec![Cell::Text("x".into()), Cell::Int(1)]]),
        ] {
            let refused = begin().await.rows(table, &columns, &rows).await;
            assert!(matches!(refused, Err(Error::Damaged(_))), "{table} {columns:?}: {refused:?}");
        }
        begin().await.rows("setting", &names(&["value", "name"]), &[vec![Cell::Bytes(vec![1]), Cell::Text("x".into())]]).await.unwrap();
    }
}

fn lasting_pairs(before: &All, after: All) -> Vec<(String, String)> {
    let before =
        All { tables: before.tables.clone(), blobs: before.blobs.clone(), numbers: before.numbers.clone() };
    let (before, after) = (lasting(before), lasting(after));
    let mut pairs = vec![(format!("{:?}", before.blobs), format!("{:?}", after.blobs))];
    assert_eq!(before.tables.len(), after.tables.len());
    for (one, other) in before.tables.iter().zip(&after.tables) {
        // The two engines order texts of different keys alike only where it matters; rows are compared as sets.
        let set = |table: &(String, Vec<String>, Vec<Vec<Cell>>)| {
            let mut rows: Vec<String> = table.2.iter().map(|row| format!("{row:?}")).collect();
            rows.sort();
            format!("{} {:?} {rows:?}", table.0, table.1)
        };
        pairs.push((set(one), set(other)));
    }
    pairs
}
