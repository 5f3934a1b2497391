//! What is refused, and that it leaves nothing at anybody's.

use registry::package::{NewDocument, write_document};
use signer::Evidence;
use store::OutboxKind;

use crate::house::{agency_id, document, good, stories};
use crate::world::{NOW, World, blank};

/// A package, what can be fetched as evidence, the code on the wire and the stable name.
type Row = (&'static str, Vec<u8>, Evidence, u16, &'static str);

fn written(document: &NewDocument) -> Vec<u8> {
    write_document(document).unwrap()
}

fn with_paper(number: &str, paper: &[u8]) -> Vec<u8> {
    written(&document(number, &["H37.02"], &[("van-ban.pdf", paper)]))
}

fn replaced(package: &[u8], what: &str, with: &str) -> Vec<u8> {
    let text = std::str::from_utf8(package).unwrap();
    let changed = text.replacen(what, with, 1);
    assert_ne!(changed, text, "{what} is not there");
    changed.into_bytes()
}

/// RULES R14, D29, D30: every way in which signatures may fail a document.
fn bad_signatures() -> Vec<Row> {
    let world = World::get();
    let fetched = || world.evidence(&[]);
    let complete = world.complete();
    let mut flipped = complete.clone();
    let at = flipped.windows(8).position(|w| w == b"MediaBox").unwrap() + 15;
    flipped[at] ^= 1;
    let mut named = document("8", &["H37.02"], &[("van-ban.pdf", &complete)]);
    named.signer_info.full_name = "Lê Văn B".to_owned();
    let paper = |signers: &[&certs::issue::Authority]| world.paper(signers);
    let (leader, seal) = (&world.leader, &world.seal);
    let unlisted = replaced(&good("13", &["H37.02"]), "AttachmentEncoded", "AttachmentsLost");
    let unlisted = replaced(&unlisted, "</AttachmentEncoded", "</AttachmentsLost");
    let annexed = document("14", &["H37.02"], &[("van-ban.pdf", &complete), ("phu-luc.pdf", &flipped)]);
    vec![
        ("a flipped byte", with_paper("1", &flipped), fetched(), 422, "signature.integrity"),
        ("no seal", with_paper("2", &paper(&[leader])), fetched(), 422, "signature.seal-missing"),
        ("no leader", with_paper("3", &paper(&[seal])), fetched(), 422, "signature.leader-missing"),
        ("not signed", with_paper("4", &blank()), fetched(), 422, "signature.unsigned"),
        (
            "a foreign root",
            with_paper("5", &paper(&[&world.stranger, seal])),
            fetched(),
            422,
            "signature.untrusted",
        ),
        ("revoked", with_paper("6", &complete), world.evidence(&[leader]), 422, "signature.revoked"),
        ("nobody knows", with_paper("7", &complete), Evidence::default(), 503, "signature.undecided"),
        ("another person", written(&named), fetched(), 422, "signature.signer-name"),
        (
            "seal before leader",
            with_paper("9", &paper(&[seal, leader])),
            fetched(),
            422,
            "signature.seal-order",
        ),
        (
            "another's seal",
            with_paper("10", &paper(&[leader, &world.other_seal])),
            fetched(),
            422,
            "signature.not-registered",
        ),
        (
            "no PDF",
            written(&document("11", &["H37.02"], &[("a.txt", b"xin chao")])),
            fetched(),
            422,
            "signature.not-pdf",
        ),
        ("no file", written(&document("12", &["H37.02"], &[])), fetched(), 422, "signature.no-document"),
        ("files lost", unlisted, fetched(), 422, "package.incomplete"),
        ("a broken annex", written(&annexed), fetched(), 422, "signature.integrity"),
    ]
}

/// RULES R1, R2, R7, R10, R23; VXP 3.8.
fn bad_packages() -> Vec<Row> {
    let world = World::get();
    let fetched = || world.evidence(&[]);
    let package = good("20", &["H37.02"]);
    let secret = replaced(&package, "<edXML:Subject>", "<edXML:Subject>[MẬT] ");
    let foreign = replaced(&package, ">H37.01<", ">H37.02<");
    vec![
        ("no package", b"<html/>".to_vec(), fetched(), 422, "edxml.root"),
        ("a secret", secret, fetched(), 422, "secrecy.refused"),
        ("not its agency", foreign, fetched(), 403, "vxp.not-your-agency"),
        ("an unknown receiver", good("21", &["H37.02", "H99"]), fetched(), 404, "vxp.unknown-agencies"),
        ("a receiver without a system", good("22", &["H37.05"]), fetched(), 404, "vxp.unknown-agencies"),
    ]
}

stories! {
    // RULES R18, R23, R29: each missing step of R18 blocks, a receiver nobody registered does (R23), and each check of R29 tells
    // its own reason.
    async fn r14_r30_r36_whatever_is_refused_leaves_no_trace(house: House) {
        let rows: Vec<Row> = bad_signatures().into_iter().chain(bad_packages()).collect();
        let count = rows.len();
        // What may be accepted in a minute is no act to prove.
        let acts = rows.iter().filter(|row| row.3 != 503).count();
        for (what, package, evidence, status, code) in rows {
            let refused = house.send_with("hub.01", "H37.01", &package, &evidence).await.unwrap_err();
            assert_eq!((refused.status(), refused.code()), (status, code), "{what}: {refused:?}");
            assert!(!refused.vi().is_empty() && refused.vi() != refused.en(), "{what}");
            assert_eq!(refused.is_worth_retrying(), status == 503, "{what}");
        }
        for system in ["hub.01", "hub.02", "hub.04"] {
            assert!(house.waiting(system).await.is_empty(), "{system}");
        }
        let (sent, mail, leaves, audit) = house.desk.store.read((), |tx, ()| Box::pin(async move {
            let sent = tx.sent_rows("hub.01", None, None).await?;
            let leaves = tx.waiting_leaves().await?;
            Ok::<_, store::Error>((sent.len(), tx.outbox_depth().await?, leaves, tx.audit_trail(agency_id(1), 100).await?))
        })).await.unwrap();
        assert_eq!((sent, mail), (0, 0));
        // The refusals themselves are kept, without content (RULES R12), and a leaf tells of each that is final.
        assert_eq!(usize::try_from(leaves), Ok(acts));
        assert_eq!(audit.len(), count);
        for entry in &audit {
            assert_eq!((entry.action.as_str(), entry.actor.as_str()), ("document.refused", "hub.01"));
            assert!(!entry.detail.contains("phối hợp") && !entry.detail.contains("van-ban"), "{}", entry.detail);
        }
        let secret = audit.iter().find(|entry| entry.detail.contains("secrecy.subject")).unwrap();
        assert!(secret.detail.contains("H37.02") && secret.detail.contains("H37.01"), "{}", secret.detail);
    }

    async fn r14_recorded_documents_are_for_information(house: House) {
        let mut house = house;
        house.desk.signatures_required = false;
        let accepted = house.send("hub.01", "H37.01", &with_paper("30", &blank())).await.unwrap();
        let original = house.send("hub.01", "H37.01", &good("31", &["H37.02"])).await.unwrap();
        for (accepted, class, value) in
            [(accepted, "UNSIGNED", "FOR_INFORMATION"), (original, "VALID", "ORIGINAL_EQUIVALENT")]
        {
            let id = accepted.document_id;
            let kept = house.desk.store.read(id, |tx, id| Box::pin(async move { tx.document(agency_id(1), *id).await }));
            let kept = kept.await.unwrap().unwrap();
            assert_eq!((kept.class.as_str(), kept.legal_value.as_str()), (class, value));
        }
        let rows = house.desk.store.write("claim", (), |tx, ()| Box::pin(async move {
            tx.claim_outbox(OutboxKind::Local, "w", NOW, std::time::Duration::from_secs(60), 10).await
        })).await.unwrap();
        assert_eq!(rows.len(), 2);
    }
}
