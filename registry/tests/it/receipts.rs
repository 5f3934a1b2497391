//! Receipts: complete once the log has the leaf, and of no use when anything in them is changed.

use certs::note::{Note, NoteSigner, VerifierKey};
use mail::Timestamp;
use registry::receipt::{self, NoteTrouble, NoteVerifier, Proof, Receipt, TlogProof, Trouble, Verdict};
use serde_json::Value;
use store::ledger::Checkpoint;

use crate::house::{House, LOG, agency_id, good, log_key, stories};
use crate::world::{NOW, World};

pub(crate) struct Key(VerifierKey);

impl NoteVerifier for Key {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn open(&self, name: &str, note: &str) -> Result<String, NoteTrouble> {
        let known = self.0.named(name).map_err(|_| NoteTrouble::Stranger)?;
        let opened = Note::open(note.as_bytes(), &[known], &certs::Limits::default());
        opened.map(|note| note.text().to_owned()).map_err(|_| NoteTrouble::Forged)
    }
}

pub(crate) fn key(name: &str) -> Key {
    Key(NoteSigner::new(name, &log_key()).unwrap().verifier().clone())
}

pub(crate) fn signed(origin: &str, size: u64, root: [u8; 32]) -> String {
    let body = certs::note::Checkpoint { origin: origin.to_owned(), size, root, extensions: Vec::new() };
    Note::sign(&body.to_string(), &[NoteSigner::new(origin, &log_key()).unwrap()]).unwrap()
}

/// What the sequencer does, until there is nothing to do.
pub(crate) async fn sequence(house: &House, now: Timestamp) {
    let store = &house.desk.store;
    loop {
        let turn = store
            .write("sequence", now, |tx, now| Box::pin(async move { tx.sequence(LOG, *now, 100).await }))
            .await
            .unwrap();
        if let Some(head) = turn.unsigned {
            let checkpoint = Checkpoint {
                shard_no: head.shard_no,
                tree_size: head.tree_size,
                root: head.root,
                note: signed(&head.origin, head.tree_size, head.root),
                timestamp_token: None,
                signed_at: now,
            };
            let put = store
                .write("checkpoint", checkpoint, |tx, c| Box::pin(async move { tx.put_checkpoint(c).await }));
            put.await.unwrap();
        }
        if !turn.more {
            return;
        }
    }
}

/// What the program does now and then: a timestamp over the newest checkpoint's text.
pub(crate) async fn stamp(house: &House) {
    let found = house.desk.store.read((), |tx, ()| Box::pin(async move { tx.checkpoint_to_stamp().await }));
    let checkpoint = found.await.unwrap().unwrap();
    let (text, _) = checkpoint.note.split_once("\n\n").unwrap();
    let token = World::get().token(&signer::tst::Request::over(format!("{text}\n").as_bytes(), 7));
    let put = house.desk.store.write("stamp", (checkpoint, token), |tx, (checkpoint, token)| {
        Box::pin(async move { tx.put_timestamp(checkpoint.shard_no, checkpoint.tree_size, token).await })
    });
    put.await.unwrap();
}

pub(crate) async fn complete(house: &House, accepted: &registry::accept::Accepted) -> Receipt {
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
        sequence(&house, NOW).await;
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
        // The proof stands alone in the form of C2SP, and names the year's tree.
        let proof = whole.read_proof().unwrap();
        assert!(matches!(&whole.proof, Some(Proof::Text(text)) if *text == proof.to_string()));
        assert!(proof.checkpoint.starts_with(&format!("{LOG}/2026\n3\n")), "{}", proof.checkpoint);
        // The key of that tree proves it too; that of another year, or another log with such a name, does not.
        assert!(matches!(receipt::verify(&whole.to_file(), &key(&format!("{LOG}/2026"))), Verdict::Proven(_)));
        for other in [format!("{LOG}/2027"), format!("{LOG}/x026"), format!("{LOG}2026"), "2026".to_owned()] {
            assert_eq!(receipt::verify(&whole.to_file(), &key(&other)), Verdict::CannotTell(Trouble::OtherLog), "{other}");
        }
        // A checkpoint that the key signed under another name is another log's.
        let moved = TlogProof { checkpoint: proof.checkpoint.replace("/2026", "/ba"), ..proof.clone() };
        let moved = Receipt { proof: Some(Proof::Text(moved.to_string())), ..whole.clone() };
        assert_eq!(receipt::verify(&moved.to_file(), &key(LOG)), Verdict::CannotTell(Trouble::OtherLog));
        // What nobody signed changes nothing.
        let extra = TlogProof { extra: Some(b"anything".to_vec()), ..proof };
        let extra = Receipt { proof: Some(Proof::Text(extra.to_string())), ..whole };
        assert!(matches!(receipt::verify(&extra.to_file(), &key(LOG)), Verdict::Proven(_)));
    }

    // RULES E35: the hash of every package is in the log, under a timestamp.
    async fn a_receipt_with_a_timestamp_says_by_when(house: House) {
        let first = house.send("hub.01", "H37.01", &good("1", &["H37.02"])).await.unwrap();
        sequence(&house, NOW).await;
        let bare = complete(&house, &first).await;
        assert_eq!(bare.timestamp, None);
        stamp(&house).await;
        house.send("hub.01", "H37.01", &good("2", &["H37.02"])).await.unwrap();
        sequence(&house, NOW).await;
        let whole = complete(&house, &first).await;
        // Not the newest checkpoint, but the one that was stamped.
        assert!(whole.read_proof().unwrap().checkpoint.contains("/2026\n1\n"));
        assert_eq!(receipt::verify(&whole.to_file(), &key(LOG)), Verdict::Proven(Box::new(whole.clone())));
        let token = whole.timestamp_token().unwrap();
        assert_eq!(signer::tst::Token::read(&token, &signer::Limits::default()).unwrap().at, 1_795_309_200 - 3_600);
        let mut bent = token.clone();
        *bent.last_mut().unwrap() ^= 1;
        let other = World::get().token(&signer::tst::Request::over(b"something else", 7));
        for (what, token) in [("bent", bent), ("of something else", other), ("cut", token[..40].to_vec())] {
            let bad = Receipt { timestamp: Some(base64(&token)), ..whole.clone() };
            let verdict = receipt::verify(&bad.to_file(), &key(LOG));
            assert_eq!(verdict, Verdict::NotProven(Trouble::Timestamp), "{what}");
        }
        values_changed(&whole);
    }

    async fn r51_the_year_turns_and_every_receipt_stays_proven(house: House) {
        let old = house.send("hub.01", "H37.01", &good("1", &["H37.02"])).await.unwrap();
        sequence(&house, NOW).await;
        let given = complete(&house, &old).await;
        let new_year = Timestamp::parse_rfc3339("2027-01-01T00:00:00+07:00").unwrap();
        let new = house.send("hub.01", "H37.01", &good("2", &["H37.02"])).await.unwrap();
        sequence(&house, new_year).await;
        let late = house.send("hub.01", "H37.01", &good("3", &["H37.02"])).await.unwrap();
        sequence(&house, new_year).await;
        let [old, new, late] = [complete(&house, &old).await, complete(&house, &new).await, complete(&house, &late).await];
        for (receipt, begins) in [(&given, "/2026\n1\n"), (&old, "/2026\n2\n"), (&new, "/2026\n2\n"), (&late, "/2027\n2\n")] {
            assert!(matches!(receipt::verify(&receipt.to_file(), &key(LOG)), Verdict::Proven(_)));
            let checkpoint = receipt.read_proof().unwrap().checkpoint;
            assert!(checkpoint.starts_with(&format!("{LOG}{begins}")), "{checkpoint}");
        }
    }

    async fn a_receipt_of_version_1_stays_proven(house: House) {
        let accepted = house.send("hub.01", "H37.01", &good("1", &["H37.02"])).await.unwrap();
        let promised = Receipt::read(&accepted.receipt).unwrap();
        // As the program gave them when there was one tree under the log's own name.
        let leaf = base64_of(&promised.leaf);
        let root = store::ledger::merkle::leaf_hash(&leaf);
        let mut file = serde_json::to_value(&promised).unwrap();
        file["format"] = Value::from("congvan-receipt v1");
        let bytes = |file: &Value| serde_json::to_vec(file).unwrap();
        assert_eq!(receipt::verify(&bytes(&file), &key(LOG)), Verdict::CannotTell(Trouble::NoProof));
        file["proof"] = serde_json::json!({ "index": 0, "hashes": [], "checkpoint": signed(LOG, 1, root) });
        let read = Receipt::read(&bytes(&file)).unwrap();
        assert_eq!(read.to_compact(), serde_json::to_vec(&read).unwrap());
        assert_eq!(receipt::verify(&bytes(&file), &key(LOG)), Verdict::Proven(Box::new(read.clone())));
        values_changed(&read);
        // One version does not come in the clothes of the other.
        file["format"] = Value::from("congvan-receipt v2");
        assert_eq!(receipt::verify(&bytes(&file), &key(LOG)), Verdict::CannotTell(Trouble::Format));
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn base64_of(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
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
        // Without its timestamp a receipt says less, and that is proven.
        if let Some(Value::Object(object)) = less.pointer_mut(&parent)
            && member != "timestamp"
        {
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
