//! The public-service profile as facts (RULES 4.3, D24, D25).

use certs::issue::{self, Draft, Subject, Usage};
use certs::public_service::{Holder, IdKind, facts};
use certs::{GeneralName, oids};

use crate::world::*;

fn seal(uid: Option<&str>) -> Draft {
    let subject = Subject::new()
        .with(oids::COUNTRY, "VN")
        .with(oids::LOCALITY, "Mẫu")
        .with(oids::ORGANIZATION, "TỈNH MẪU");
    let subject = subject.unit("Sở Nội vụ").unit("Văn phòng").with(oids::COMMON_NAME, "Văn phòng Sở Nội vụ");
    let subject = match uid {
        Some(uid) => subject.user_id(uid),
        None => subject,
    };
    issue::agency_seal(&subject.name().unwrap(), LEAF_KEY.public(), serial(9), LIFE, "snv@mau.gov.vn")
        .crl_urls(&["http://crl.example.vn/ca.crl"])
}

#[test]
fn d25_agency_and_person_by_the_uid() {
    #[rustfmt::skip]
    let rows = [
        (Some("MST:0100109106"),    Holder::Agency,  Some(IdKind::TaxCode)),
        (Some("mst: 0100109106"),   Holder::Agency,  Some(IdKind::TaxCode)),
        (Some("CCCD:001099000001"), Holder::Person,  Some(IdKind::CitizenId)),
        (Some("CMND:011111111"),    Holder::Person,  Some(IdKind::IdentityCard)),
        (Some("CCCD:"),             Holder::Unknown, None),
        (Some("001099000001"),      Holder::Unknown, None),
        (None,                      Holder::Unknown, None),
    ];
    let world = World::plain();
    for (uid, holder, kind) in rows {
        let certificate = seal(uid).signed_by(&world.ca).unwrap();
        let facts = facts(&certificate);
        assert_eq!((facts.holder, facts.id_kind), (holder, kind), "{uid:?}");
        let told = serde_json::to_string(&facts).unwrap() + &format!("{facts:?}");
        assert!(!told.contains("0109") && !told.contains("1111"), "the number is nobody's: {told}");
    }
}

#[test]
fn a_certificate_as_observed_departs_from_nothing() {
    let world = World::plain();
    let certificate = seal(Some("MST:0100109106")).signed_by(&world.ca).unwrap();
    let facts = facts(&certificate);
    assert_eq!(facts.departures, []);
    assert_eq!((facts.organization, facts.locality), (Some("TỈNH MẪU"), Some("Mẫu")));
    assert_eq!(facts.units, ["Sở Nội vụ", "Văn phòng"]);
    assert_eq!(facts.mailboxes, ["snv@mau.gov.vn"]);
    assert!(facts.may_sign_documents && facts.may_sign_mail && facts.may_be_encrypted_to && facts.has_policy);
}

#[test]
fn every_departure_is_named() {
    let good = || seal(Some("MST:0100109106"));
    #[rustfmt::skip]
    let rows: Vec<(&str, Draft)> = vec![
        ("public-service-policy",             good().policies(&[oids::ANY_POLICY])),
        ("public-service-key-usage",          good().key_usage(&[Usage::DigitalSignature])),
        ("public-service-extended-key-usage", good().extended_key_usage(&[oids::CLIENT_AUTH], false)),
        ("public-service-uid",                seal(Some("0100109106"))),
        ("public-service-mailbox",            good().alt_names(&[GeneralName::Dns("mau.gov.vn".to_owned())])),
        ("public-service-revocation",         good().without(oids::CRL_DISTRIBUTION_POINTS)),
    ];
    let world = World::plain();
    for (code, draft) in rows {
        let certificate = draft.signed_by(&world.ca).unwrap();
        let codes: Vec<&str> =
            facts(&certificate).departures.iter().map(|departure| departure.code).collect();
        assert_eq!(codes, [code]);
    }
}
