//! What can be said of receipts without a store; the rest is in the stories.

use super::checkpoint::read_checkpoint;
use super::*;

fn act() -> Act {
    Act {
        act: "package-accepted".to_owned(),
        log: "a.gov.vn/congvan".to_owned(),
        doc_id: "01".to_owned(),
        kind: "edoc".to_owned(),
        package_sha256: "ab".to_owned(),
        document_sha256: "cd".to_owned(),
        identifier: "H37.01,2026/11/22,05/QĐ".to_owned(),
        from: "H37.01".to_owned(),
        to: vec!["H37.02".to_owned()],
        system: "hub.01".to_owned(),
        status: String::new(),
        class: "VALID".to_owned(),
        legal_value: "ORIGINAL_EQUIVALENT".to_owned(),
        at: moment(Timestamp::from_millis(1_795_309_200_007)),
    }
}

#[test]
fn the_hashed_spelling_of_an_act_never_changes() {
    let expected = concat!(
        r#"{"act":"package-accepted","log":"a.gov.vn/congvan","doc_id":"01","kind":"edoc","package_sha256":"ab","#,
        r#""document_sha256":"cd","identifier":"H37.01,2026/11/22,05/QĐ","from":"H37.01","to":["H37.02"],"#,
        r#""system":"hub.01","status":"","class":"VALID","legal_value":"ORIGINAL_EQUIVALENT","#,
        r#""at":"2026-11-22T01:00:00.007Z"}"#
    );
    assert_eq!(String::from_utf8(act().to_bytes()).unwrap(), expected);
    let leaf = leaf_of(expected.as_bytes(), &[7; 16]);
    // Worked out with another program: printf 'congvan-act v1\n' + 16 times 07 + the text above | sha256sum.
    assert_eq!(full_hex(&leaf), "01067b93e60d25e4e74bbe8e8e966ce061677b48dd1bdecec507dcccb5bc856c68");
}

#[test]
fn a_promise_is_no_checkpoint() {
    let text = promise_text("a.gov.vn/congvan", "AA==", "2026-11-22T01:00:00.000Z");
    assert!(read_checkpoint(&text).is_none());
}

#[test]
#[rustfmt::skip]
fn checkpoints_of_c2sp_tlog_checkpoint() {
    let root = STANDARD.encode([1; 32]);
    let rows = [
        (format!("a/b\n7\n{root}\n"),        Some(7)),
        (format!("a/b\n7\n{root}\nmore\n"),  Some(7)),
        (format!("a/b\n07\n{root}\n"),       None),
        (format!("a/b\n-7\n{root}\n"),       None),
        (format!("\n7\n{root}\n"),           None),
        (format!("a/b\n7\n{root}"),          None),
        ("a/b\n7\nAAAA\n".to_owned(),        None),
        ("a/b\n7\n".to_owned(),              None),
    ];
    for (text, size) in rows {
        assert_eq!(read_checkpoint(&text).map(|c| c.size), size, "{text:?}");
    }
}

/// What the fuzzer does for hours, for a moment in every test run: bytes changed one by one in each kind of file it reads.
#[test]
fn bent_receipts_and_proofs_are_read_without_harm() {
    let proof = TlogProof {
        extra: Some(b"abc".to_vec()),
        index: 1,
        hashes: vec![[7; 32]],
        checkpoint: format!("a.vn/so/2026\n2\n{}\n\n— a.vn/so/2026 AAAAAAAA\n", STANDARD.encode([7; 32])),
    };
    let text = proof.to_string();
    let receipt = Receipt {
        format: FORMAT.to_owned(),
        record: act(),
        salt: full_hex(&[7; 16]),
        leaf: STANDARD.encode([1; 33]),
        promise: "a\n\n— a.vn/so AAAAAAAA\n".to_owned(),
        proof: Some(Proof::Text(text.clone())),
        timestamp: Some("MAA=".to_owned()),
    };
    let bundle = store::ledger::walk::write_bundle([[1; 33].as_slice(), &[2; 33]]).unwrap();
    for file in [text.into_bytes(), receipt.to_compact(), bundle] {
        for at in 0..file.len() {
            for byte in [b'\n', b'0', b'=', 0xff, file[at] ^ 1] {
                let mut bent = file.clone();
                bent[at] = byte;
                crate::fuzz::receipt(&bent);
                crate::fuzz::receipt(&bent[..at]);
            }
        }
    }
}
