//! What the API remembers: keys, requests that may come again, uploads in parts, words, and events that go in their time.

use mail::{AgencyId, ApiKeyId, DocumentId, FileUploadId, Secret, Timestamp};
use store::{ApiKey, Error, FileUpload, NewApiKey, NewEvent, NewSystem, Repeat};

use crate::house::{House, NOW, agency, agency_id, read, stories, write};

/// First word, other words, before which document; the hits.
type Search<'r> = (&'r str, &'r [&'r str], u8, &'r [(u8, bool)]);

async fn a_system(house: &House) -> AgencyId {
    let agency_id = agency_id(1);
    write!(house, |tx| tx.add_agency(&agency(1, "H37.02", None), NOW).await?).unwrap();
    let new = NewSystem { system_id: "Qlvb.Mau".to_owned(), agency_id, secret: Secret::new("x".repeat(32)) };
    house.store.add_system(new, NOW).await.unwrap();
    agency_id
}

fn key(number: u8) -> NewApiKey {
    NewApiKey {
        key_id: ApiKeyId::from_bytes([number; 16]),
        key_sha256: [number; 32],
        system_id: "QLVB.mau".to_owned(),
        name: "máy chủ 1".to_owned(),
        scopes: "documents:read events:read".to_owned(),
        agencies: Vec::new(),
        expires_at: Some(Timestamp::from_secs(NOW.secs() + 60)),
    }
}

fn upload(agency_id: AgencyId, number: u8, length: u64) -> FileUpload {
    FileUpload {
        system_folded: "qlvb.mau".to_owned(),
        upload_id: FileUploadId::from_bytes([number; 16]),
        key_id: ApiKeyId::from_bytes([1; 16]),
        agency_id,
        length,
        received: 0,
        name: "công văn.pdf".to_owned(),
        metadata: String::new(),
        expires_at: Timestamp::from_secs(NOW.secs() + 60),
    }
}

stories! {
    async fn a_key_is_kept_used_and_taken_back(house: House) {
        let agency_id = a_system(&house).await;
        let new = NewApiKey { agencies: vec![agency_id], ..key(1) };
        write!(house, new, |tx| tx.add_api_key(new, NOW).await?).unwrap();
        let find = async || -> ApiKey {
            read!(house, |tx| tx.api_key_by_digest(&[1; 32]).await?).unwrap()
        };
        let kept = find().await;
        assert_eq!((kept.system_folded.as_str(), kept.agencies.as_slice()), ("qlvb.mau", &[agency_id][..]));
        assert_eq!((kept.last_used_at, kept.revoked_at), (None, None));
        assert!(read!(house, |tx| tx.api_key_by_digest(&[2; 32]).await?).is_none());
        // Its use is written down once a minute.
        let at = |seconds: i64| Timestamp::from_secs(NOW.secs() + seconds);
        for (seconds, noted) in [(0, 0), (59, 0), (60, 60), (61, 60)] {
            let now = at(seconds);
            let id = kept.key_id;
            write!(house, id, |tx| tx.note_api_key_use(*id, now).await?).unwrap();
            assert_eq!(find().await.last_used_at, Some(at(noted)), "{seconds}");
        }
        assert!(!find().await.use_is_news(at(119)) && find().await.use_is_news(at(120)));
        let id = kept.key_id;
        let gone = write!(house, id, |tx| tx.revoke_api_key(*id, NOW).await?).unwrap();
        assert_eq!(gone.revoked_at, Some(NOW));
        let later = at(5);
        let again = write!(house, id, |tx| tx.revoke_api_key(*id, later).await?).unwrap();
        assert_eq!(again.revoked_at, Some(NOW), "taken back once");
        let unknown = ApiKeyId::from_bytes([9; 16]);
        let missing = write!(house, unknown, |tx| tx.revoke_api_key(*unknown, NOW).await?);
        assert!(matches!(missing, Err(Error::NotFound(_))));
        let stranger = NewApiKey { system_id: "khong.co".to_owned(), ..key(3) };
        let refused = write!(house, stranger, |tx| tx.add_api_key(stranger, NOW).await?);
        assert!(matches!(refused, Err(Error::NotFound(_))));
        assert_eq!(read!(house, |tx| tx.api_keys().await?).len(), 1);
    }

    async fn a_request_is_noted_kept_and_answered_once(house: House) {
        let agency_id = a_system(&house).await;
        let id = ApiKeyId::from_bytes([1; 16]);
        let begin = async |print: u8| -> Repeat {
            write!(house, id, agency_id, |tx| tx.begin_repeat(*id, "một", &[print; 32], *agency_id, NOW).await?)
                .unwrap()
        };
        assert_eq!(begin(1).await.answer, None);
        assert_eq!(begin(2).await.fingerprint, [1; 32], "the first coming counts");
        // The package that was kept first counts, for whoever comes at the same moment.
        let first = house.store.seal(agency_id, b"first", NOW).await.unwrap();
        let second = house.store.seal(agency_id, b"second", NOW).await.unwrap();
        let (kept, other) = (first.blob_id(), second.blob_id());
        for package in [first, second] {
            let counts = write!(house, id, package, |tx| tx.keep_repeat_package(*id, "một", package, NOW).await?);
            assert_eq!(counts.unwrap(), kept);
        }
        assert_eq!(house.store.read_blob(agency_id, kept).await.unwrap().as_deref(), Some(&b"first"[..]));
        assert!(house.store.read_blob(agency_id, other).await.unwrap().is_none());
        assert_eq!(begin(1).await.package_id, Some(kept));
        // The first answer stays, and lets the package go.
        for answer in ["{}", "[]"] {
            let answer = answer.to_owned();
            write!(house, id, answer, |tx| tx.answer_repeat(*id, "một", answer, NOW).await?).unwrap();
        }
        let known = begin(1).await;
        assert_eq!((known.answer.as_deref(), known.package_id), (Some("{}"), None));
        assert!(house.store.read_blob(agency_id, kept).await.unwrap().is_none());
        // What was answered is not forgotten; what was refused is, with its package.
        write!(house, id, |tx| tx.forget_repeat(*id, "một", NOW).await?).unwrap();
        assert!(begin(1).await.answer.is_some());
        let package = house.store.seal(agency_id, b"refused", NOW).await.unwrap();
        let refused = package.blob_id();
        write!(house, id, agency_id, package, |tx| {
            tx.begin_repeat(*id, "hai", &[3; 32], *agency_id, NOW).await?;
            tx.keep_repeat_package(*id, "hai", package, NOW).await?;
            tx.forget_repeat(*id, "hai", NOW).await?;
        })
        .unwrap();
        assert!(house.store.read_blob(agency_id, refused).await.unwrap().is_none());
        // After some days all is forgotten.
        let later = Timestamp::from_secs(NOW.secs() + 1);
        assert_eq!(write!(house, later, |tx| tx.expire_repeats(NOW, 10, *later).await?).unwrap(), 0);
        assert_eq!(write!(house, later, |tx| tx.expire_repeats(*later, 10, *later).await?).unwrap(), 1);
        assert!(read!(house, |tx| tx.repeat(ApiKeyId::from_bytes([1; 16]), "một").await?).is_none());
    }

    async fn an_upload_grows_in_its_order_and_goes(house: House) {
        let agency_id = a_system(&house).await;
        let new = upload(agency_id, 7, 10);
        let begun = new.clone();
        write!(house, begun, |tx| tx.begin_file_upload(begun, 15).await?).unwrap();
        // Together within the quota.
        let more = upload(agency_id, 8, 6);
        assert!(matches!(write!(house, more, |tx| tx.begin_file_upload(more, 15).await?), Err(Error::Full(_))));
        let until = Timestamp::from_secs(NOW.secs() + 120);
        let id = new.upload_id;
        for (begins, bytes, fits) in [
            (0u64, &b"012345"[..], true),
            (0, b"012345", false), // the same part twice
            (7, b"x", false),      // a gap
            (6, b"67890", false),  // beyond the end
            (6, b"6789", true),
        ] {
            let part = house.store.seal(agency_id, bytes, NOW).await.unwrap();
            let upload = new.clone();
            let kept = write!(house, upload, part, |tx| tx.add_upload_part(upload, begins, part, until, NOW).await?);
            assert_eq!(kept.is_ok(), fits, "{begins}: {kept:?}");
        }
        let find = async || read!(house, |tx| tx.file_upload("qlvb.mau", FileUploadId::from_bytes([7; 16])).await?);
        let whole = find().await.unwrap();
        assert_eq!((whole.received, whole.expires_at, whole.name.as_str()), (10, until, "công văn.pdf"));
        let file = house.store.spool_file_upload(&whole).await.unwrap();
        assert_eq!(file.whole().unwrap()[..], *b"0123456789");
        assert!(read!(house, |tx| tx.file_upload("he.khac", FileUploadId::from_bytes([7; 16])).await?).is_none());
        // It goes with its parts, by its owner's wish or in its time.
        let parts = read!(house, |tx| tx.upload_parts(&whole).await?);
        assert_eq!(parts.iter().map(|part| (part.begins, part.length)).collect::<Vec<_>>(), [(0, 6), (6, 4)]);
        assert_eq!(write!(house, |tx| tx.expire_file_uploads(NOW, 10).await?).unwrap(), 0);
        assert!(write!(house, id, |tx| tx.drop_file_upload("qlvb.mau", *id, NOW).await?).unwrap());
        assert!(!write!(house, id, |tx| tx.drop_file_upload("qlvb.mau", *id, NOW).await?).unwrap());
        assert!(house.store.read_blob(agency_id, parts[0].blob_id).await.unwrap().is_none());
        let old = upload(agency_id, 9, 0);
        let after = old.expires_at;
        write!(house, old, |tx| tx.begin_file_upload(old, 15).await?).unwrap();
        assert_eq!(write!(house, after, |tx| tx.expire_file_uploads(*after, 10).await?).unwrap(), 1);
    }

    async fn documents_are_found_by_their_words(house: House) {
        let agency_id = a_system(&house).await;
        let id = |number: u8| DocumentId::from_bytes([number; 16]);
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
        for (number, list) in [(1, words(&["phoi", "hop"])), (2, words(&["phoi"])), (3, words(&["phoi", "hop", "=hợp"]))] {
            let document_id = id(number);
            write!(house, agency_id, document_id, list, |tx| {
                tx.add_document_words(*agency_id, *document_id, list).await?;
                // A repeat is no fault.
                tx.add_document_words(*agency_id, *document_id, list).await?;
            })
            .unwrap();
        }
        let rows: [Search; 6] = [
            ("phoi", &[], 9, &[(3, true), (2, true), (1, true)]),
            ("phoi", &["hop"], 9, &[(3, true), (2, false), (1, true)]),
            ("phoi", &["hop", "=hợp"], 9, &[(3, true), (2, false), (1, false)]),
            ("phoi", &[], 3, &[(2, true), (1, true)]),
            ("=hợp", &[], 9, &[(3, true)]),
            ("khac", &[], 9, &[]),
        ];
        for (first, others, before, expected) in rows {
            let others = words(others);
            let looked_for = others.clone();
            let hits = read!(house, |tx| {
                tx.documents_with_words(agency_id, first, &looked_for, id(before), 10).await?
            });
            let hits: Vec<_> = hits.iter().map(|hit| (hit.document_id, hit.holds_all)).collect();
            let expected: Vec<_> = expected.iter().map(|(number, all)| (id(*number), *all)).collect();
            assert_eq!(hits, expected, "{first} {others:?}");
        }
        let stranger = AgencyId::from_bytes([5; 16]);
        let none = read!(house, |tx| tx.documents_with_words(stranger, "phoi", &[], id(9), 10).await?);
        assert!(none.is_empty(), "nobody finds another's");
    }

    async fn old_events_go_and_places_go_on(house: House) {
        let agency_id = a_system(&house).await;
        let tell = async |seconds: i64| {
            let new = NewEvent { agency_id, kind: "document.arrived", subject_id: [1; 16], facts: "{}".to_owned() };
            let at = Timestamp::from_secs(NOW.secs() + seconds);
            write!(house, new, at, |tx| {
                tx.add_event(new, *at).await?;
                tx.number_events(100).await?;
            })
            .unwrap();
        };
        for seconds in 0..4 {
            tell(seconds).await;
        }
        let range = async || read!(house, |tx| tx.event_range().await?);
        assert_eq!(range().await, (1, 4));
        let before = Timestamp::from_secs(NOW.secs() + 2);
        assert_eq!(write!(house, before, |tx| tx.drop_events(*before, 1).await?).unwrap(), 1);
        assert_eq!(write!(house, before, |tx| tx.drop_events(*before, 10).await?).unwrap(), 1);
        assert_eq!(range().await, (3, 4));
        // The newest stays however old it is, so that no place is given twice.
        let before = Timestamp::from_secs(NOW.secs() + 1_000);
        assert_eq!(write!(house, before, |tx| tx.drop_events(*before, 10).await?).unwrap(), 1);
        assert_eq!(range().await, (4, 4));
        tell(9).await;
        assert_eq!(range().await, (4, 5));
    }
}
