//! Signed XML: what we sign, what is judged, and the package of the exchange.

use crate::world::{DAY, NOON, World, at, line};
use certs::issue::Authority;
use certs::keys::Scheme;
use signer::judge::{SubIndication, TimeSource};
use signer::make::xml as make;
use signer::{Class, Code, Coverage, Evidence, Format, Input, Integrity, Judged, Limits, Verdict, judge};

pub(crate) const DOCUMENT: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
    <!-- Quyết định -->\n\
    <qd:QuyetDinh xmlns:qd=\"urn:qd\" xmlns:unused=\"urn:unused\" so=\"05/QĐ-UBND\">\n\
    \t<qd:Dieu so='1'>Thử nghiệm &amp; kiểm tra</qd:Dieu>\r\n\
    <![CDATA[<tự do>]]><qd:Rong/>\n</qd:QuyetDinh>\n";

/// A package as the exchange carries it, two attachments.
pub(crate) const PACKAGE: &str = include_str!("package.edxml");

pub(crate) fn signing(who: &Authority, time: i64) -> make::Signing {
    let scheme = Scheme::usual(who.key().kind()).unwrap();
    make::Signing::new(World::get().chain(who), scheme, at(time))
}

/// With a timestamp.
pub(crate) fn finish(prepared: make::Prepared, who: &Authority, time: i64) -> Vec<u8> {
    let stamp = |s: &make::Stamped| Ok(Some(World::get().token(&s.timestamp_request(7), time)));
    make::sign(prepared, who.key(), stamp).unwrap()
}

pub(crate) fn signed(document: &str, who: &Authority, time: i64) -> Vec<u8> {
    let prepared = make::enveloped(document.as_bytes(), &signing(who, time), &Limits::default());
    finish(prepared.unwrap(), who, time)
}

pub(crate) fn signed_package(who: &Authority, time: i64) -> Vec<u8> {
    let prepared = make::package(PACKAGE.as_bytes(), &signing(who, time), &Limits::default());
    finish(prepared.unwrap(), who, time)
}

pub(crate) fn verdict(document: &[u8]) -> Judged {
    let world = World::get();
    world.judge(document, &world.evidence(NOON + 120), NOON + DAY)
}

#[test]
fn d29_a_signed_document_is_valid_and_its_octets_are_handed_out() {
    let world = World::get();
    for who in [&world.leader, &world.seal] {
        let file = signed(DOCUMENT, who, NOON);
        let judged = verdict(&file);
        assert_eq!(judged.class(), Class::Valid, "{}\n{}", line(&judged), String::from_utf8_lossy(&file));
        let report = &judged.report().signatures[0];
        assert_eq!(judged.report().format, Some(Format::Xml));
        assert_eq!((report.integrity, report.coverage), (Integrity::Intact, Coverage::WholeDocument));
        assert_eq!((report.time_source, report.time), (TimeSource::Timestamp, Some(at(NOON))));
        assert_eq!(report.claimed_time, Some(at(NOON)));
        assert_eq!(report.covers, ["*"]);
        let proof = judged.require_valid().unwrap();
        let expected = "<qd:QuyetDinh xmlns:qd=\"urn:qd\" so=\"05/QĐ-UBND\">\n\t<qd:Dieu so=\"1\">Thử nghiệm \
                        &amp; kiểm tra</qd:Dieu>\n&lt;tự do&gt;<qd:Rong></qd:Rong>\n</qd:QuyetDinh>";
        assert_eq!(String::from_utf8_lossy(proof.signed_bytes()), expected);
        // Comments are not covered, and that is said.
        assert!(report.notes.iter().any(|n| n.code == Code::XmlComments));
        // What was signed keeps its bytes.
        let text = String::from_utf8(file).unwrap();
        let (start, end) = (text.find("<Signature").unwrap(), text.find("</Signature>").unwrap() + 12);
        assert_eq!(format!("{}{}", &text[..start], &text[end..]), DOCUMENT);
    }
}

#[test]
fn d30_without_a_timestamp_and_without_properties() {
    let world = World::get();
    let limits = Limits::default();
    let untimed = make::enveloped(b"<a/>", &signing(&world.leader, NOON), &limits).unwrap();
    let untimed = make::sign(untimed, world.leader.key(), |_| Ok(None)).unwrap();
    assert_eq!(verdict(&untimed).class(), Class::ValidNoTimestamp, "{}", line(&verdict(&untimed)));
    let plain = make::Signing::plain(world.chain(&world.leader), Scheme::RsaPssSha384);
    let plain = make::enveloped(b"<a/>", &plain, &limits).unwrap();
    let plain = make::sign(plain, world.leader.key(), |_| Ok(None)).unwrap();
    let judged = verdict(&plain);
    assert_eq!(judged.class(), Class::ValidNoTimestamp, "{}", line(&judged));
    assert_eq!(judged.report().signatures[0].claimed_time, None);
    // Plain signatures have no place for a token.
    let stamped = make::enveloped(
        b"<a/>",
        &make::Signing::plain(world.chain(&world.seal), Scheme::EcdsaP256Sha256),
        &limits,
    );
    let stamped = stamped.unwrap().sign(world.seal.key()).unwrap();
    let token = world.token(&stamped.timestamp_request(1), NOON);
    assert_eq!(stamped.finish(Some(&token)).unwrap_err().code, Code::MakeSpace);
}

#[test]
fn a_detached_signature_needs_its_content() {
    let world = World::get();
    let content = b"any bytes \x00\xFF".to_vec();
    let prepared = make::detached(&content, "van-ban.bin", &signing(&world.seal, NOON), &Limits::default());
    let file = finish(prepared.unwrap(), &world.seal, NOON);
    let policy = world.policy();
    let evidence = world.evidence(NOON + 120);
    let with = |content: Option<Vec<u8>>| {
        let input = Input::from(file.clone()).with_content(content.map(Into::into));
        judge(input, &policy, &evidence, at(NOON + DAY))
    };
    let judged = with(Some(content.clone()));
    assert_eq!(judged.class(), Class::Valid, "{}", line(&judged));
    let report = &judged.report().signatures[0];
    assert!(report.covers_whole_document);
    assert_eq!(report.covers, ["content"]);
    assert_eq!(judged.require_valid().unwrap().signed_bytes(), content);
    let judged = with(None);
    assert_eq!(judged.verdict(), Verdict::Indeterminate);
    assert_eq!(judged.report().signatures[0].sub_indication, Some(SubIndication::SignedDataNotFound));
    let judged = with(Some(b"other".to_vec()));
    assert_eq!((judged.verdict(), judged.report().integrity), (Verdict::Invalid, Integrity::Broken));
}

#[test]
fn e34_a_package_is_signed_by_its_parts_and_hubs_may_append_to_the_trace() {
    let world = World::get();
    let file = signed_package(&world.seal, NOON);
    let judged = verdict(&file);
    assert_eq!(judged.class(), Class::Valid, "{}", line(&judged));
    let report = &judged.report().signatures[0];
    assert_eq!(report.coverage, Coverage::Parts);
    assert_eq!(report.covers, ["MessageHeader", "edXMLBody", "cid:one", "cid:two"]);
    // RULES R67: a hub adds its line.
    let text = String::from_utf8(file).unwrap();
    let hop = "<edXML:TraceHeader><edXML:OrganId>000.00.00.G22</edXML:OrganId></edXML:TraceHeader>";
    let passed = text.replacen("</edXML:TraceHeaderList>", &format!("{hop}</edXML:TraceHeaderList>"), 1);
    assert_ne!(passed, text);
    assert_eq!(verdict(passed.as_bytes()).class(), Class::Valid);
    // Nothing else may change.
    for (from, to) in [
        ("trích yếu", "trích yêu"),
        ("one.pdf", "two.pdf"),
        ("Zmlyc3Q=", "Zmlyc3R="),
        ("Zmlyc3Q=", "c2Vjb25k"),
        ("000.00.00.H27", "000.00.00.H28"),
        (
            "<AttachmentEncoded>",
            "<AttachmentEncoded><Attachment><ContentId>cid:three</ContentId></Attachment>",
        ),
        ("<AttachmentEncoded>", "<AttachmentEncoded><Attachment><ContentId>cid:one</ContentId></Attachment>"),
        ("</edXML:edXMLHeader>", "<edXML:More>x</edXML:More></edXML:edXMLHeader>"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        let judged = verdict(changed.as_bytes());
        assert_ne!(judged.verdict(), Verdict::Valid, "{from} -> {to}: {}", line(&judged));
    }
}

#[test]
fn e31_a_signature_in_the_packages_own_namespace_is_read_alike() {
    let world = World::get();
    let package = b"<edXML xmlns='http://www.mic.gov.vn/TBT/QCVN_102_2016'><A>x</A></edXML>";
    let plain = make::Signing::plain(world.chain(&world.seal), Scheme::EcdsaP256Sha256);
    let prepared = make::enveloped(package, &plain, &Limits::default()).unwrap();
    let file = make::sign(prepared, world.seal.key(), |_| Ok(None)).unwrap();
    let text = String::from_utf8(file).unwrap();
    // The same names in the package's namespace have other octets: their signature is made over those.
    let foreign = text
        .replace("http://www.w3.org/2000/09/xmldsig#\" Id", "http://www.mic.gov.vn/TBT/QCVN_102_2016\" Id");
    assert_ne!(foreign, text);
    let resigned = crate::xml_attacks::resign(&foreign, &world.seal);
    let judged = verdict(resigned.as_bytes());
    let report = &judged.report().signatures[0];
    assert_eq!(report.integrity, Integrity::Intact, "{}", line(&judged));
    assert!(report.notes.iter().any(|n| n.code == Code::XmlForeignName));
    let judged = verdict(foreign.as_bytes());
    assert_eq!(judged.report().integrity, Integrity::Broken, "{}", line(&judged));
}

#[test]
fn r14_evidence_in_the_signature_and_what_is_missing() {
    let world = World::get();
    let file = signed("<a/>", &world.leader, NOON);
    let judged = world.judge(&file, &Evidence::default(), NOON + DAY);
    assert_eq!(judged.class(), Class::UnknownRevocation, "{}", line(&judged));
    assert!(!judged.lacks().is_empty());
    // Revoked before signing is never valid; a stranger is never trusted.
    let mut evidence = world.evidence(NOON + 120);
    evidence.crls = world.crls(NOON + 120, &[(&world.leader, NOON - DAY)]);
    let judged = world.judge(&file, &evidence, NOON + DAY);
    assert_eq!(judged.class(), Class::Invalid(Code::Revoked), "{}", line(&judged));
    let foreign = signed("<a/>", &world.stranger, NOON);
    assert_eq!(verdict(&foreign).class(), Class::Invalid(Code::Untrusted), "{}", line(&verdict(&foreign)));
}

#[test]
fn unsigned_xml_is_unsigned() {
    for text in [DOCUMENT, PACKAGE, "<Signature xmlns='urn:other'/>"] {
        let judged = verdict(text.as_bytes());
        assert_eq!(judged.report().reasons[0].code, Code::Unsigned, "{}", line(&judged));
    }
}
