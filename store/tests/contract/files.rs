//! Files of documents: found by digest, with their evidence, and what later acts say.

use mail::{BlobId, DocumentId};
use store::{NewFile, SignerCertificate, SignerRole};

use crate::documents::{accept, document};
use crate::house::{NOW, agency, agency_id, read, stories, write};

stories! {
    async fn a_file_leads_to_its_documents_and_they_to_later_acts(house: House) {
        write!(house, |tx| tx.add_agency(&agency(1, "H37.01", None), NOW).await?).unwrap();
        let original = document(&house, 1, b"original").await;
        accept(&house, original, Vec::new()).await.unwrap();
        let mut recall = document(&house, 2, b"recall").await;
        (recall.business_type, recall.facts) = (1, "{\"documentId\":\"x\"}".to_owned());
        accept(&house, recall, Vec::new()).await.unwrap();
        let evidence = house.store.seal(agency_id(1), b"{}\n", NOW).await.unwrap();
        let files = vec![
            NewFile { sha256: [1; 32], evidence: Some(evidence) },
            NewFile { sha256: [2; 32], evidence: None },
        ];
        let again = vec![NewFile { sha256: [1; 32], evidence: None }];
        let target = vec!["H37.01,2026/11/22,05/SX-VP".to_owned(); 2];
        let (first, second) = (DocumentId::from_bytes([1; 16]), DocumentId::from_bytes([2; 16]));
        write!(house, files, again, target, |tx| {
            tx.add_files(agency_id(1), first, files, &[], NOW).await?;
            tx.add_files(agency_id(1), second, again, target, NOW).await?
        })
        .unwrap();

        for digest in [[1; 32], [2; 32]] {
            let found = read!(house, |tx| tx.documents_with_file(&digest, 10).await?);
            assert_eq!(found.len(), 1, "a recall that repeats the file is none");
            assert_eq!((found[0].agency_id, found[0].document_id, found[0].accepted_at), (agency_id(1), first, NOW));
            let acts = read!(house, |tx| tx.acts_on(agency_id(1), "H37.01,2026/11/22,05/SX-VP").await?);
            assert_eq!(acts.iter().map(|act| (act.document_id, act.business_type)).collect::<Vec<_>>(), [(second, 1)]);
        }
        assert!(read!(house, |tx| tx.documents_with_file(&[3; 32], 10).await?).is_empty());
        assert!(read!(house, |tx| tx.acts_on(agency_id(2), "H37.01,2026/11/22,05/SX-VP").await?).is_empty());
        let house = house.reopen().await;
        let kept = read!(house, |tx| tx.file_evidence(first).await?);
        let told: Vec<(i64, [u8; 32], bool)> =
            kept.iter().map(|file| (file.file_no, file.sha256, file.evidence_id.is_some())).collect();
        assert_eq!(told, [(0, [1; 32], true), (1, [2; 32], false)]);
        let blob: BlobId = kept[0].evidence_id.unwrap();
        assert_eq!(house.store.read_blob(kept[0].agency_id, blob).await.unwrap().unwrap(), b"{}\n");
    }

    async fn a_certificate_leads_to_whoever_registered_it(house: House) {
        write!(house, |tx| tx.add_agency(&agency(1, "H37.01", None), NOW).await?).unwrap();
        let signer = SignerCertificate {
            agency_id: agency_id(1),
            fingerprint: [9; 32],
            role: SignerRole::Seal,
            holder: "Sở Nội vụ".to_owned(),
            account_id: None,
        };
        write!(house, signer, |tx| tx.put_signer(signer, NOW).await?).unwrap();
        assert_eq!(read!(house, |tx| tx.registrations(&[9; 32], NOW).await?), [(agency_id(1), SignerRole::Seal)]);
        let before = mail::Timestamp::from_secs(NOW.secs() - 1);
        assert!(read!(house, |tx| tx.registrations(&[9; 32], before).await?).is_empty());
        assert!(read!(house, |tx| tx.registrations(&[8; 32], NOW).await?).is_empty());
    }
}
