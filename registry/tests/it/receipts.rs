//! Receipts: complete once the log has the leaf, and of no use when anything in them is changed.

use certs::note::{Note, NoteSigner, VerifierKey};
use registry::receipt::{self, NoteTrouble, NoteVerifier, Receipt, Trouble, Verdict};
use serde_json::Value;
use store::ledger::Checkpoint;

use crate::house::{House, LOG, agency_id, good, log_key, stories};
use crate::world::NOW;

struct Key(VerifierKey);

impl NoteVerifier for Key {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn open(&self, note: &str) -> Result<String, NoteTrouble> {
        let known = std::slice::from_ref(&self.0);
        let opened = Note::open(note.as_bytes(), known, &certs::Limits::default());
        opened.map(|note| note.text().to_owned()).map_err(|_| NoteTrouble::Forged)
    }
}

fn key(name: &str) -> Key {
    Key(NoteSigner::new(name, &log_key()).unwrap().verifier().clone())
}

/// What the sequencer does.
async fn sequence(house: &House) {
    let store = &house.desk.store;
    let (head, _) = store
        .write("integrate", (), |tx, ()| Box::pin(async move { tx.integrate(100).await }))
        .await
        .unwrap();
    let text = certs::note::Checkpoint {
        origin: LOG.to_owned(),
        size: head.tree_size,
        root: head.root,
        extensions: Vec::new(),
    }
    .to_string();
    let note = Note::sign(&text, &[NoteSigner::new(LOG, &log_key()).unwrap()]).unwrap();
    let checkpoint = Checkpoint {
        tree_size: head.tree_size,
        root: head.root,
        note,
        timestamp_token: None,
        signed_at: NOW,
    };
    store
        .write("checkpoint", checkpoint, |tx, c| Box::pin(async move { tx.put_checkpoint(c).await }))
        .await
        .unwrap();
}

async fn complete(house: &House, accepted: &registry::accept::Accepted) -> Receipt {
    let read = house.desk.store.read(accepted.document_id, |tx, id| {
        Box::pin(async move { receipt::complete(tx, agency_id(1), *id).await })
    });
    read.await.unwrap().unwrap()
}

stories! {
    async fn a_receipt_proves_itself_and_no_other(house: House) {
        let mut accepted = Vec::new();
        for number in ["1", "2", "3"] {
            accepted.push(house.send("hub.01", "H37.01", &good(number, &["H37.02", "H37.04"])).await.unwrap());
        }
        let promised = complete(&house, &accepted[1]).await;
        assert_eq!(promised.to_compact(), accepted[1].receipt);
        assert_eq!(receipt::verify(&promised.to_file(), &key(LOG)), Verdict::CannotTell(Trouble::NoProof));
        sequence(&house).await;
        let whole = complete(&house, &accepted[1]).await;
        for file in [whole.to_file(), whole.to_compact()] {
            assert_eq!(receipt::verify(&file, &key(LOG)), Verdict::Proven(Box::new(whole.clone())));
        }
        assert_eq!(receipt::verify(&whole.to_file(), &key("khac.gov.vn/so")), Verdict::CannotTell(Trouble::OtherLog));
        assert_eq!(receipt::verify(b"{}", &key(LOG)), Verdict::CannotTell(Trouble::Format));
        // Parts of another receipt do not fit.
        let other = complete(&house, &accepted[2]).await;
        let mixed = [
            Receipt { record: other.record.clone(), ..whole.clone() },
            Receipt { promise: other.promise.clone(), ..whole.clone() },
            Receipt { proof: other.proof.clone(), ..whole.clone() },
            Receipt { leaf: other.leaf.clone(), ..whole.clone() },
            Receipt { salt: other.salt.clone(), ..whole.clone() },
        ];
        for receipt in mixed {
            assert!(matches!(receipt::verify(&receipt.to_file(), &key(LOG)), Verdict::NotProven(_)), "{receipt:?}");
        }
        bytes_changed(&whole);
        values_changed(&whole);
    }
}

/// Every byte, changed: either the receipt says the same in other bytes (white space), or it proves nothing.
fn bytes_changed(whole: &Receipt) {
    let file = whole.to_compact();
    for at in 0..file.len() {
        for bit in [0x01, 0x20] {
            let mut bent = file.clone();
            bent[at] ^= bit;
            if let Verdict::Proven(read) = receipt::verify(&bent, &key(LOG)) {
                assert_eq!(*read, *whole, "byte {at}");
            }
        }
    }
}

/// Every member, changed or taken away, and one more.
fn values_changed(whole: &Receipt) {
    let json = serde_json::to_value(whole).unwrap();
    let mut tried = 0;
    let mut try_one = |bent: &Value, what: &str| {
        let verdict = receipt::verify(&serde_json::to_vec(bent).unwrap(), &key(LOG));
        assert!(!matches!(verdict, Verdict::Proven(_)), "{what}");
        tried += 1;
    };
    for (parent, member) in members(&json, String::new()) {
        let pointer = format!("{parent}/{member}");
        let mut bent = json.clone();
        match bent.pointer_mut(&pointer).unwrap() {
            Value::String(text) => text.push('x'),
            Value::Number(number) => *number = (number.as_u64().unwrap() + 1).into(),
            Value::Array(list) => list.push(Value::from("x")),
            _ => {}
        }
        if bent != json {
            try_one(&bent, &pointer);
        }
        let mut less = json.clone();
        if let Some(Value::Object(object)) = less.pointer_mut(&parent) {
            object.remove(&member);
            try_one(&less, &format!("without {pointer}"));
        }
        let mut more = json.clone();
        if let Some(Value::Object(object)) = more.pointer_mut(&pointer) {
            object.insert("more".to_owned(), Value::from("x"));
            try_one(&more, &format!("more in {pointer}"));
        }
    }
    assert!(tried > 40, "{tried}");
}

fn members(value: &Value, path: String) -> Vec<(String, String)> {
    match value {
        Value::Object(object) => object
            .iter()
            .flat_map(|(name, inner)| {
                let mut found = vec![(path.clone(), name.clone())];
                found.extend(members(inner, format!("{path}/{name}")));
                found
            })
            .collect(),
        Value::Array(list) => (0..list.len()).map(|index| (path.clone(), index.to_string())).collect(),
        _ => Vec::new(),
    }
}
