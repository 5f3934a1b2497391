//! The consistency checker finds nothing in a house that only verbs have touched, and each thing that is broken by hand.

use std::collections::BTreeSet;

use mail::Timestamp;
use mail::envelope::{OutboundMail, OutboundRecipient};
use store::{Lane, NewOutbox, NewTrace, OutboxKind, Upload};

use crate::house::{
    House, NOW, account_id, agency_id, deliver, letter, mailbox_id, stories, with_account, write,
};

/// Long after everything, by the clock that files are dated with.
fn later() -> Timestamp {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_secs(i64::try_from(now.as_secs()).unwrap() + 7_200)
}

/// The codes of what is found.
async fn found(house: &House) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    house.store.examine(true, later(), &mut |finding| found.extend([finding.fault.code])).await.unwrap();
    found
}

/// Two accounts with messages read, moved, destroyed and come back; an upload, a file, and rows of the outbox.
async fn live(house: &House) {
    for n in [1, 2] {
        with_account(house, n).await;
        let a = deliver(house, n, &letter("a@x", "Họp", ""), 1).await.unwrap();
        let b = deliver(house, n, &letter("b@x", "Re: Họp", "<a@x>"), 2).await.unwrap();
        let c = deliver(house, n, &letter("c@x", "Khác", ""), 3).await.unwrap();
        deliver(house, n, &letter("d@x", "Nữa", ""), 4).await.unwrap();
        let account = account_id(n);
        let seen = vec!["$seen".to_owned()];
        write!(house, seen, |tx| {
            let both = [mailbox_id(1), mailbox_id(2)];
            tx.change_email(account, b.email_id, Some(seen), Some(&both), NOW).await?;
            tx.change_email(account, a.email_id, None, Some(&[mailbox_id(2)]), NOW).await?;
            tx.destroy_email(account, c.email_id, NOW).await?;
        })
        .unwrap();
    }
    let large: Vec<u8> =
        (0..200_000u32).flat_map(|n| blake3::hash(&n.to_be_bytes()).as_bytes()[..1].to_vec()).collect();
    let blob = house.store.seal(account_id(1), &large, NOW).await.unwrap();
    let upload = Upload { account_id: account_id(1), blob, media_type: "x/y".into(), expires_at: later() };
    let blob = house.store.seal(account_id(1), b"leaves", NOW).await.unwrap();
    let mail = OutboundMail {
        reverse_path: None,
        recipients: vec![OutboundRecipient::plain("b@b.vn".parse().unwrap())],
        submission: None,
        envid: None,
        ret: None,
        smtputf8: false,
        body_8bit: false,
        binary: false,
        require_tls: false,
        priority: None,
        not_before: None,
        deliver_by: None,
        via: None,
        received_at: NOW,
        trace: "t.1".into(),
        keywords: Vec::new(),
        list: None,
        forwarded_by: None,
        to_list: None,
    };
    let row = NewOutbox {
        kind: OutboxKind::Mail,
        owner: account_id(1).into(),
        lane: Lane::Normal,
        destination: "b.vn".into(),
        payload: serde_json::to_string(&mail).unwrap(),
        blob_id: Some(blob.blob_id()),
        due_at: NOW,
    };
    let facts = [crate::statistics::fact(1, 1, "2026-11-20"), crate::statistics::fact(1, 2, "2026-11-22")];
    write!(house, facts, |tx| {
        tx.add_facts(facts).await?;
        tx.count_day("2026-11-20", &[agency_id(1)]).await?;
        tx.set_counted_through("2026-11-20").await?;
    })
    .unwrap();
    write!(house, upload, blob, row, |tx| {
        tx.add_upload(upload, NOW).await?;
        tx.put_blob(blob, NOW).await?;
        tx.enqueue(row, NOW).await?;
        tx.drop_blob(account_id(1), blob.blob_id(), NOW).await?;
    })
    .unwrap();
}

/// How it is broken, how it is mended, what is found between.
#[rustfmt::skip]
const BROKEN: [(&str, &str, &[&str]); 31] = [
    ("UPDATE mailbox SET total_emails = total_emails + 1", "UPDATE mailbox SET total_emails = total_emails - 1", &["mailbox-total"]),
    ("UPDATE mailbox SET unread_emails = unread_emails + 1", "UPDATE mailbox SET unread_emails = unread_emails - 1", &["mailbox-unread"]),
    ("UPDATE mailbox SET total_threads = total_threads + 1", "UPDATE mailbox SET total_threads = total_threads - 1", &["mailbox-threads"]),
    ("UPDATE mailbox SET unread_threads = unread_threads + 1", "UPDATE mailbox SET unread_threads = unread_threads - 1", &["mailbox-unread-threads"]),
    ("UPDATE mailbox SET bytes = bytes + 1", "UPDATE mailbox SET bytes = bytes - 1", &["mailbox-bytes"]),
    ("UPDATE mailbox SET unseen_emails = unseen_emails + 1", "UPDATE mailbox SET unseen_emails = unseen_emails - 1", &["mailbox-unseen"]),
    ("UPDATE mailbox SET deleted_emails = deleted_emails + 1", "UPDATE mailbox SET deleted_emails = deleted_emails - 1", &["mailbox-deleted"]),
    ("UPDATE mailbox SET deleted_bytes = deleted_bytes + 1", "UPDATE mailbox SET deleted_bytes = deleted_bytes - 1", &["mailbox-deleted-bytes"]),
    ("UPDATE mailbox SET uid_next = uid_next + 1", "UPDATE mailbox SET uid_next = uid_next - 1", &["uid-lost"]),
    ("UPDATE mailbox SET uid_next = uid_next - 1", "UPDATE mailbox SET uid_next = uid_next + 1", &["uid-lost", "uid-range"]),
    ("INSERT INTO expunged (account_id, mailbox_id, uid, modseq) SELECT account_id, mailbox_id, uid, 1 FROM placement",
     "DELETE FROM expunged WHERE modseq = 1", &["uid-lost", "uid-reused"]),
    ("INSERT INTO expunged (account_id, mailbox_id, uid, modseq) SELECT account_id, mailbox_id, uid_next, 1 FROM mailbox",
     "DELETE FROM expunged WHERE modseq = 1", &["uid-expunged-range", "uid-lost"]),
    ("INSERT INTO placement (account_id, mailbox_id, uid, email_id, thread_id, received_at, is_unread) SELECT account_id, email_id, uid, email_id, thread_id, received_at, is_unread FROM placement WHERE uid = 1",
     "DELETE FROM placement WHERE mailbox_id = email_id", &["placement-mailbox"]),
    ("INSERT INTO placement (account_id, mailbox_id, uid, email_id, thread_id, received_at, is_unread) SELECT account_id, mailbox_id, uid + 1000, mailbox_id, thread_id, received_at, is_unread FROM placement WHERE uid = 4",
     "DELETE FROM placement WHERE uid > 1000", &["mailbox-total", "mailbox-unread", "placement-email", "uid-lost", "uid-range"]),
    ("UPDATE placement SET received_at = received_at + 1", "UPDATE placement SET received_at = received_at - 1", &["placement-differs"]),
    ("UPDATE email SET size = size + 1", "UPDATE email SET size = size - 1", &["email-size", "mailbox-bytes", "used-bytes"]),
    ("UPDATE account SET used_bytes = used_bytes + 1", "UPDATE account SET used_bytes = used_bytes - 1", &["used-bytes"]),
    ("UPDATE account SET modseq = modseq - 1000", "UPDATE account SET modseq = modseq + 1000", &["modseq-ahead"]),
    ("UPDATE email SET created_modseq = created_modseq + 1000", "UPDATE email SET created_modseq = created_modseq - 1000", &["modseq-backwards"]),
    ("INSERT INTO thread (account_id, thread_id, created_modseq, modseq) SELECT account_id, email_id, 1, 1 FROM email",
     "DELETE FROM thread WHERE thread_id IN (SELECT email_id FROM email)", &["thread-empty"]),
    ("INSERT INTO thread_reference (account_id, reference, thread_id) SELECT account_id, email_id, email_id FROM email",
     "DELETE FROM thread_reference WHERE reference IN (SELECT email_id FROM email)", &["reference-dangling"]),
    ("INSERT INTO tombstone (account_id, kind, object_id, created_modseq, modseq) SELECT account_id, 'email', email_id, 1, 1 FROM email",
     "DELETE FROM tombstone WHERE object_id IN (SELECT email_id FROM email)", &["tombstone-alive"]),
    ("UPDATE blob SET refs = refs + 1", "UPDATE blob SET refs = refs - 1", &["blob-refs"]),
    ("UPDATE blob SET refs = refs - 1", "UPDATE blob SET refs = refs + 1", &["blob-refs", "blob-unreferenced"]),
    ("UPDATE blob SET stored_size = stored_size + 1", "UPDATE blob SET stored_size = stored_size - 1", &["blob-bytes-missing"]),
    ("UPDATE data_key SET key_no = key_no + 7", "UPDATE data_key SET key_no = key_no - 7", &["blob-key-missing"]),
    ("UPDATE outbox SET payload = payload || '}'", "UPDATE outbox SET payload = SUBSTR(payload, 1, LENGTH(payload) - 1)", &["outbox-payload"]),
    ("UPDATE outbox SET lease_holder = 'nobody'", "UPDATE outbox SET lease_holder = ''", &["outbox-lease"]),
    ("UPDATE exchange_count SET n = n + 1", "UPDATE exchange_count SET n = n - 1", &["statistics-count"]),
    ("UPDATE exchange_fact SET kind = 'x' || kind WHERE day = '2026-11-20'", "UPDATE exchange_fact SET kind = SUBSTR(kind, 2) WHERE day = '2026-11-20'", &["statistics-count"]),
    ("UPDATE address SET kind = 'alias'", "UPDATE address SET kind = 'primary'", &["address-primary"]),
];

/// What cannot be mended by one statement; each in a house of its own.
#[rustfmt::skip]
const RUINED: [(&str, &[&str]); 6] = [
    ("DELETE FROM blob WHERE is_object = 0", &["blob-bytes-stray", "blob-missing"]),
    ("DELETE FROM blob_bytes", &["blob-bytes-missing", "blob-damaged"]),
    ("DELETE FROM placement", &["email-nowhere", "mailbox-bytes", "mailbox-threads", "mailbox-total", "mailbox-unread", "mailbox-unread-threads", "mailbox-unseen", "uid-lost"]),
    ("DELETE FROM thread", &["reference-dangling", "thread-missing"]),
    ("UPDATE outbox SET owner_id = outbox_id", &["blob-missing", "blob-refs", "outbox-owner"]),
    ("INSERT INTO address SELECT address_folded || 'x', address, (SELECT email_id FROM email LIMIT 1), 'alias', 0, NULL, NULL FROM address",
     &["owner-unknown"]),
];

stories! {
    async fn what_is_broken_is_found_and_nothing_else(house: House) {
        live(&house).await;
        assert_eq!(found(&house).await, BTreeSet::new());
        for (broken, mended, expected) in BROKEN {
            house.run_sql(broken).await;
            assert_eq!(found(&house).await, expected.iter().copied().collect(), "{broken}");
            house.run_sql(mended).await;
            assert_eq!(found(&house).await, BTreeSet::new(), "{mended}");
        }
    }

    async fn files_without_rows_and_rows_without_files(house: House) {
        live(&house).await;
        let folder = house.dir.path().join("blobs").join(account_id(1).to_string());
        let inner = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
        let file = std::fs::read_dir(&inner).unwrap().next().unwrap().unwrap().path();
        let bytes = std::fs::read(&file).unwrap();
        std::fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(found(&house).await, ["blob-damaged"].into());
        std::fs::rename(&file, inner.join("stray")).unwrap();
        assert_eq!(found(&house).await, ["file-missing", "file-orphan"].into());
        // What was written a moment ago may still get its row.
        let mut young = BTreeSet::new();
        let now = later().minus(std::time::Duration::from_secs(7_200));
        house.store.examine(false, now, &mut |finding| young.extend([finding.fault.code])).await.unwrap();
        assert_eq!(young, ["file-missing"].into());
    }

    // A conversation that is gone may come back by a reply, and go again.
    async fn a_conversation_goes_and_comes_and_goes(house: House) {
        with_account(&house, 1).await;
        for round in 0..3 {
            let a = deliver(&house, 1, &letter(&format!("{round}@x"), "Họp", "<a@x>"), round).await.unwrap();
            assert_eq!(found(&house).await, BTreeSet::new(), "come {round}");
            write!(house, |tx| tx.destroy_email(account_id(1), a.email_id, NOW).await?).unwrap();
            assert_eq!(found(&house).await, BTreeSet::new(), "gone {round}");
        }
    }

    // Nothing that stands in a row of the trace can be read by who has only the database.
    async fn the_trace_is_sealed(house: House) {
        let event = mail::trace::Event::Noted(mail::trace::Noted {
            what: "held".into(),
            by: "bi-mat@a.gov.vn".into(),
            detail: String::new(),
        });
        let trace = NewTrace { name: "t.1".into(), owner: account_id(1).into(), event };
        write!(house, trace, |tx| tx.trace(trace, NOW).await?).unwrap();
        let told = crate::house::read!(house, |tx| tx.traced_as("t.1").await?);
        assert_eq!(told[0].event, trace.event);
        // A row that somebody moved to another message does not open there.
        house.run_sql("UPDATE mail_trace SET name = 't.2'").await;
        let moved = house.store.read((), |tx, ()| Box::pin(async move { tx.traced_as("t.2").await })).await;
        assert!(matches!(moved, Err(store::Error::Damaged(_))));
    }
}

mod ruined {
    use super::*;

    async fn each(house: impl AsyncFn() -> House) {
        for (ruin, expected) in RUINED {
            let house = house().await;
            live(&house).await;
            house.run_sql(ruin).await;
            assert_eq!(found(&house).await, expected.iter().copied().collect(), "{ruin}");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn on_sqlite() {
        each(House::sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn on_postgres() {
        each(House::postgres).await;
    }
}

/// Every fault has a case above.
#[test]
fn no_check_is_untested() {
    let files = ["blob-damaged", "file-missing", "file-orphan"];
    let cases: BTreeSet<&str> = BROKEN
        .iter()
        .flat_map(|(_, _, codes)| codes.iter())
        .chain(RUINED.iter().flat_map(|(_, codes)| codes.iter()))
        .copied()
        .chain(files)
        .collect();
    let faults: BTreeSet<&str> = store::doctor::faults().iter().map(|fault| fault.code).collect();
    assert_eq!(cases, faults);
}
