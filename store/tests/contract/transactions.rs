//! Writing and reading: together, alone, and when something goes wrong.

use std::time::Duration;

use store::{Error, Signal, Store};

use crate::house::{
    House, NOW, Seeded, account, account_id, agency, deliver, letter, read, stories, with_account, write,
};

stories! {
    async fn a_write_that_fails_leaves_nothing_and_takes_no_neighbour_with_it(house: House) {
        let writes = (0..40u8).map(|n| {
            let store = house.store.clone();
            tokio::spawn(async move {
                store
                    .write("set or fail", n, |tx, n| Box::pin(async move {
                        tx.set_setting(&format!("n{n}"), &[*n]).await?;
                        if n % 3 == 0 { Err(Error::Refused("every third")) } else { Ok(*n) }
                    }))
                    .await
            })
        });
        for (n, write) in (0..40u8).zip(writes.collect::<Vec<_>>()) {
            assert_eq!(write.await.unwrap().is_ok(), n % 3 != 0);
        }
        let house = house.reopen().await;
        for n in 0..40u8 {
            let kept = read!(house, |tx| tx.setting(&format!("n{n}")).await?);
            assert_eq!(kept.is_some(), n % 3 != 0, "{n}");
        }
    }

    async fn signals_come_after_the_commit_and_only_then(house: House) {
        let mut signals = house.store.signals();
        with_account(&house, 1).await;
        let account = Signal::Account(account_id(1));
        heard(&mut signals, account).await;
        while signals.try_recv().is_ok() {}
        let failed = write!(house, |tx| {
            tx.add_mailbox(&crate::house::mailbox(1, 3, "Riêng", None)).await?;
            Err::<(), _>(Error::Refused("no"))?;
        });
        assert!(failed.is_err());
        // A node that begins to listen to the others says so; of this account there is no news.
        while let Ok(signal) = signals.try_recv() {
            assert_ne!(signal, account);
        }
    }

    async fn a_reader_cannot_write(house: House) {
        let outcome: Result<(), Error> =
            house.store.read((), |tx, ()| Box::pin(async move { tx.set_setting("x", b"y").await })).await;
        assert!(outcome.is_err());
        assert_eq!(read!(house, |tx| tx.setting("x").await?), None);
    }

    async fn a_taken_key_is_a_conflict_that_says_so(house: House) {
        write!(house, |tx| tx.add_agency(&agency(1, "H37.02", None), NOW).await?).unwrap();
        let again = write!(house, |tx| tx.add_agency(&agency(2, "h37.02", None), NOW).await?);
        assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
        write!(house, |tx| tx.add_account(&account(1, "an@a.vn"), NOW).await?).unwrap();
        let again = write!(house, |tx| tx.add_account(&account(2, "AN@a.vn"), NOW).await?);
        assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
        assert!(!again.unwrap_err().is_temporary());
    }

    async fn a_verb_that_swallows_a_failure_is_promised_nothing(house: House) {
        write!(house, |tx| tx.add_account(&account(1, "an@a.vn"), NOW).await?).unwrap();
        let swallowed: Result<(), Error> = house
            .store
            .write("swallow a failure", (), |tx, ()| {
                Box::pin(async move {
                    let _ = tx.add_account(&account(1, "binh@a.vn"), NOW).await;
                    Ok(())
                })
            })
            .await;
        // SQLite takes back the one statement; PostgreSQL keeps nothing of the transaction and calls its COMMIT done.
        assert_eq!(swallowed.is_ok(), house.store.engine() == "sqlite", "{swallowed:?}");
    }

    async fn a_lease_is_held_by_one_until_it_runs_out(house: House) {
        let minute = Duration::from_secs(60);
        let later = NOW.plus(Duration::from_secs(61));
        assert!(write!(house, |tx| tx.take_lease("sequencer", "a", NOW, minute).await?).unwrap());
        assert!(!write!(house, |tx| tx.take_lease("sequencer", "b", NOW, minute).await?).unwrap());
        assert!(write!(house, |tx| tx.take_lease("sequencer", "a", NOW, minute).await?).unwrap());
        assert!(write!(house, |tx| tx.take_lease("sequencer", "b", later, minute).await?).unwrap());
        assert!(!write!(house, |tx| tx.take_lease("sequencer", "a", later, minute).await?).unwrap());
    }

    async fn a_database_of_the_future_is_refused(house: House) {
        house.store.ping().await.unwrap();
        let config = house.config();
        match &config.place {
            store::Place::Sqlite(file) => {
                let conn = rusqlite::Connection::open(file).unwrap();
                conn.execute_batch("INSERT INTO migration VALUES (999, 'future', 0)").unwrap();
            }
            store::Place::Postgres(url) => {
                use sqlx::Connection;
                let mut conn = sqlx::PgConnection::connect(url.expose_secret()).await.unwrap();
                sqlx::query("INSERT INTO migration VALUES (999, 'future', 0)").execute(&mut conn).await.unwrap();
            }
        }
        let opened = Store::open(config, Seeded::new(9), NOW).await.map(drop);
        assert!(matches!(opened, Err(Error::Refused(_))), "{opened:?}");
    }
}

/// Two nodes on one PostgreSQL: what one commits the other hears of, and after its connection was cut it hears again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_hears_what_another_commits() {
    let house = House::postgres().await;
    with_account(&house, 1).await;
    let (other, worker) = store::Store::open(house.config(), Seeded::new(1 << 20), NOW).await.unwrap();
    let (mut signals, mut watch) = (other.signals(), other.watch(account_id(1)));
    let courier = tokio::spawn(worker.run());
    for round in 0..3 {
        // It says so when it listens, the first time and every time it came back: look for yourself.
        heard(&mut signals, Signal::Outbox).await;
        watch.changed().await;
        deliver(&house, 1, &letter(&format!("{round}@x"), "Họp", ""), round).await.unwrap();
        heard(&mut signals, Signal::Account(account_id(1))).await;
        watch.changed().await;
        house.run_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()").await;
    }
    drop((other, signals, watch));
    tokio::time::timeout(Duration::from_secs(10), courier).await.unwrap().unwrap();
}

async fn heard(signals: &mut tokio::sync::broadcast::Receiver<Signal>, wanted: Signal) {
    let told = async { while signals.recv().await.unwrap() != wanted {} };
    tokio::time::timeout(Duration::from_secs(20), told).await.unwrap();
}
