//! Vandals at signed XML: each of their works is refused, or what it hides is said.

use crate::world::{NOON, World, line};
use crate::xml::{DOCUMENT, signed, signed_package, verdict};
use certs::algorithm::Digest;
use certs::issue::Authority;
use certs::keys::{KeyKind, Scheme, ecdsa_to_fixed};
use signer::judge::SubIndication;
use signer::xml::{Canonical, canonical, read};
use signer::{Class, Code, Integrity, Judged, Limits, Verdict, fuzz};

fn base64(bytes: &[u8]) -> String {
    openssl::base64::encode_block(bytes)
}

/// The canonical form of the first element whose start tag begins like this.
fn octets_of(text: &str, tag: &str) -> Vec<u8> {
    let at = text.find(tag).unwrap_or_else(|| panic!("no {tag} in {text}"));
    let before = &text.as_bytes()[..at];
    let starts = |pair: &[u8]| pair[0] == b'<' && !matches!(pair[1], b'/' | b'?' | b'!');
    let index = before.windows(2).filter(|pair| starts(pair)).count();
    let limits = Limits::default();
    canonical(&read(text.as_bytes(), &limits).unwrap(), Some(index), &Canonical::EXCLUSIVE, &limits).unwrap()
}

fn scheme(who: &Authority) -> (Scheme, &'static str) {
    match who.key().kind() {
        KeyKind::P256 => (Scheme::EcdsaP256Sha256, "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"),
        _ => (Scheme::RsaPkcs1Sha256, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"),
    }
}

/// Writes the signature value anew, over whatever `SignedInfo` says.
pub(crate) fn resign(text: &str, who: &Authority) -> String {
    let octets = octets_of(text, "<SignedInfo");
    let (scheme, _) = scheme(who);
    let mut value = who.key().sign(scheme, &octets).unwrap().into_bytes();
    if scheme == Scheme::EcdsaP256Sha256 {
        value = ecdsa_to_fixed(&value, 32).unwrap();
    }
    let start = text.find("<SignatureValue>").unwrap() + "<SignatureValue>".len();
    let end = start + text[start..].find('<').unwrap();
    format!("{}{}{}", &text[..start], base64(&value), &text[end..])
}

const ENVELOPED: &str = "<Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>";
const EXCLUSIVE: &str = "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>";

fn reference(uri: &str, transforms: &str, octets: &[u8]) -> String {
    format!(
        "<Reference URI=\"{uri}\"><Transforms>{transforms}</Transforms><DigestMethod \
         Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><DigestValue>{}</DigestValue></Reference>",
        base64(&Digest::Sha256.of(octets))
    )
}

/// A signature element without its value, which [`resign`] writes.
fn signature(references: &str, more: &str, who: &Authority) -> String {
    format!(
        "<Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\" Id=\"s\"><SignedInfo><CanonicalizationMethod \
         Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/><SignatureMethod Algorithm=\"{}\"/>{references}\
         </SignedInfo><SignatureValue></SignatureValue><KeyInfo><X509Data><X509Certificate>{}</X509Certificate>\
         </X509Data></KeyInfo>{more}</Signature>",
        scheme(who).1,
        base64(who.certificate().der())
    )
}

const ALICE: &str = "<Assertion Id=\"a\"><Subject>alice</Subject></Assertion>";
const EVIL: &str = "<Assertion Id=\"e\"><Subject>mallory</Subject></Assertion>";

/// A signature over `ALICE`, ready to stand anywhere.
fn over_alice() -> String {
    let who = &World::get().leader;
    resign(&signature(&reference("#a", EXCLUSIVE, ALICE.as_bytes()), "", who), who)
}

/// The same, for a signature that stands inside the assertion.
fn inside_alice() -> String {
    let who = &World::get().leader;
    let transforms = format!("{ENVELOPED}{EXCLUSIVE}");
    resign(&signature(&reference("#a", &transforms, ALICE.as_bytes()), "", who), who)
}

fn refused(what: &str, text: &str, expected: Code) -> Judged {
    let judged = verdict(text.as_bytes());
    assert_ne!(judged.verdict(), Verdict::Valid, "{what}: {}", line(&judged));
    assert!(judged.require_valid().is_err(), "{what}");
    let report = judged.report();
    let mut reasons = report.reasons.iter().chain(report.signatures.iter().flat_map(|s| &s.reasons));
    assert!(reasons.any(|r| r.code == expected), "{what}: {}", line(&judged));
    judged
}

#[test]
fn d29_what_is_wrapped_honestly_is_valid() {
    let (beside, inside) = (over_alice(), inside_alice());
    let held = ALICE.replace("</Assertion>", &format!("{inside}</Assertion>"));
    for text in [
        format!("<Response>{ALICE}{beside}</Response>"),
        format!("<Response>{held}</Response>"),
        held,
        // Enveloping: the signature is the document.
        beside.replace(
            "</Signature>",
            &format!("<Object>{ALICE}</Object></Signature>").replace("<Assertion", "<Assertion xmlns=\"\""),
        ),
    ] {
        let judged = verdict(text.as_bytes());
        assert_eq!(judged.class(), Class::ValidNoTimestamp, "{text}\n{}", line(&judged));
        assert_eq!(judged.report().signatures[0].covers, ["a"]);
        let proof = judged.require_valid().unwrap();
        assert_eq!(String::from_utf8_lossy(proof.signed_bytes()), ALICE);
    }
}

#[test]
fn xsw_1_to_9_the_signed_element_is_moved_and_another_takes_its_place() {
    let (beside, inside) = (over_alice(), inside_alice());
    let into =
        |element: &str, more: &str| element.replacen("</Assertion>", &format!("{more}</Assertion>"), 1);
    let in_signature =
        |signature: &str, more: &str| signature.replacen("</Signature>", &format!("{more}</Signature>"), 1);
    let object = |signature: &str| {
        in_signature(
            signature,
            &format!(
                "<Object xmlns=\"http://www.w3.org/2000/09/xmldsig#\">{}</Object>",
                ALICE.replace("<Assertion", "<Assertion xmlns=\"\"")
            ),
        )
    };
    let rows: Vec<(&str, String, Code)> = vec![
        // The root is forged; the original is inside the signature, behind what the schema allows.
        ("XSW1", into(EVIL, &in_signature(&inside, ALICE)), Code::XmlStructure),
        // The original stands beside the forged one, before the signature.
        ("XSW2", format!("<Response>{ALICE}{}</Response>", into(EVIL, &beside)), Code::XmlWrapped),
        ("XSW3", format!("<Response>{EVIL}{}</Response>", into(ALICE, &inside)), Code::XmlWrapped),
        ("XSW4", format!("<Response>{}</Response>", into(EVIL, &into(ALICE, &inside))), Code::XmlWrapped),
        ("XSW5", format!("<Response>{}{ALICE}</Response>", into(EVIL, &inside)), Code::XmlWrapped),
        ("XSW6", format!("<Response>{}</Response>", into(EVIL, &object(&inside))), Code::XmlWrapped),
        (
            "XSW7",
            format!("<Response><Extensions>{EVIL}</Extensions>{}</Response>", into(ALICE, &inside)),
            Code::XmlWrapped,
        ),
        ("XSW8", into(EVIL, &object(&beside)), Code::XmlWrapped),
        // The same identifier twice, in any spelling.
        (
            "XSW9",
            format!("<Response>{}{}</Response>", into(ALICE, &inside), EVIL.replace("\"e\"", "\"a\"")),
            Code::XmlDuplicateId,
        ),
        (
            "XSW9 ID",
            format!("<Response>{}{}</Response>", into(ALICE, &inside), EVIL.replace("Id=\"e\"", "ID=\"a\"")),
            Code::XmlDuplicateId,
        ),
        (
            "XSW9 id",
            format!("<Response>{}{}</Response>", into(ALICE, &inside), EVIL.replace("Id=\"e\"", "id=\"a\"")),
            Code::XmlDuplicateId,
        ),
        (
            "XSW9 xml:id",
            format!(
                "<Response>{}{}</Response>",
                into(ALICE, &inside),
                EVIL.replace("Id=\"e\"", "xml:id=\"a\"")
            ),
            Code::XmlDuplicateId,
        ),
        // Something of another name beside it.
        (
            "beside",
            format!("<Response>{ALICE}{beside}<Status>approved</Status></Response>"),
            Code::XmlUnsigned,
        ),
        ("empty", format!("<Response>{ALICE}{beside}<Approved/></Response>"), Code::XmlUnsigned),
        ("text", format!("<Response>approved {ALICE}{beside}</Response>"), Code::XmlUnsigned),
        ("attribute", format!("<Response approved=\"yes\">{ALICE}{beside}</Response>"), Code::XmlUnsigned),
        (
            "object",
            format!("<Response>{ALICE}{}</Response>", in_signature(&beside, "<Object>free</Object>")),
            Code::XmlUnsigned,
        ),
        (
            "signed moved into object",
            object(&beside).replace("<Object", "<Object><free/></Object><Object"),
            Code::XmlUnsigned,
        ),
    ];
    for (what, text, code) in rows {
        refused(what, &text, code);
    }
}

#[test]
fn signatures_that_sign_nothing_or_themselves() {
    let who = &World::get().leader;
    let plain = signature("", "", who);
    let with = |reference: &str, more: &str| resign(&signature(reference, more, who), who);
    let key_info = plain[plain.find("<KeyInfo").unwrap()..plain.find("</Signature>").unwrap()]
        .replace("<KeyInfo>", "<KeyInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\" Id=\"k\">");
    let only_key =
        with(&reference("#k", EXCLUSIVE, key_info.as_bytes()), "").replace("<KeyInfo>", "<KeyInfo Id=\"k\">");
    let rows: Vec<(&str, String, Code)> = vec![
        ("no reference", resign(&plain, who), Code::XmlNoReference),
        ("only KeyInfo", format!("<a>{only_key}</a>"), Code::XmlNoReference),
        ("only KeyInfo, alone", only_key, Code::XmlNoReference),
        ("itself", with(&reference("#s", EXCLUSIVE, b""), ""), Code::XmlSelf),
        (
            "itself, taken out",
            with(&reference("#s", &format!("{ENVELOPED}{EXCLUSIVE}"), b""), ""),
            Code::XmlSelf,
        ),
        (
            "the document, not taken out",
            format!("<a>{}</a>", with(&reference("", EXCLUSIVE, b"<a></a>"), "")),
            Code::XmlSelf,
        ),
        (
            "the document it is",
            with(&reference("", &format!("{ENVELOPED}{EXCLUSIVE}"), b""), ""),
            Code::XmlSelf,
        ),
        ("nobody", format!("<a>{}</a>", with(&reference("#x", EXCLUSIVE, b""), "")), Code::XmlReference),
        (
            "a pointer",
            format!("<a Id=\"x\">{}</a>", with(&reference("#xpointer(//a)", EXCLUSIVE, b""), "")),
            Code::XmlReference,
        ),
        ("a missing part", format!("<a>{}</a>", with(&reference("cid:x", "", b""), "")), Code::XmlExternal),
    ];
    for (what, text, code) in rows {
        refused(what, &text, code);
    }
    for uri in ["http://example.vn/a.xml", "file:///etc/passwd", "other.xml", "ftp://x/#a", "a.xml#a"] {
        let text = format!("<a>{}</a>", with(&reference(uri, EXCLUSIVE, b""), ""));
        let judged = refused(uri, &text, Code::XmlExternal);
        assert_eq!(judged.report().signatures[0].sub_indication, Some(SubIndication::SignedDataNotFound));
    }
}

#[test]
fn algorithms_and_transforms_nobody_may_use() {
    let who = &World::get().leader;
    let text = format!("<Response>{ALICE}{}</Response>", over_alice());
    let transforms = [
        ("xpath", "http://www.w3.org/TR/1999/REC-xpath-19991116"),
        ("xpath filter 2", "http://www.w3.org/2002/06/xmldsig-filter2"),
        ("xslt", "http://www.w3.org/TR/1999/REC-xslt-19991116"),
        ("decrypt", "http://www.w3.org/2002/07/decrypt#XML"),
        ("unknown", "urn:x"),
        ("case", "http://www.w3.org/2001/10/XML-exc-c14n#"),
        ("no fragment", "http://www.w3.org/2001/10/xml-exc-c14n"),
    ];
    for (what, uri) in transforms {
        let changed = text.replacen(
            "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>",
            &format!("<Transform Algorithm=\"{uri}\"/>"),
            1,
        );
        refused(what, &resign(&changed, who), Code::XmlTransform);
    }
    // Content thrown away by decoding, and transforms in an order that means something else.
    let base64 = "<Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#base64\"/>";
    for (what, list) in [
        ("base64 of an element", base64.to_owned()),
        ("canonical twice", format!("{EXCLUSIVE}{EXCLUSIVE}")),
        ("canonical, then out", format!("{EXCLUSIVE}{ENVELOPED}")),
        ("out twice", format!("{ENVELOPED}{ENVELOPED}")),
    ] {
        refused(what, &resign(&text.replacen(EXCLUSIVE, &list, 1), who), Code::XmlTransform);
    }
    for method in [
        "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        "http://www.w3.org/2000/09/xmldsig#dsa-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
        "urn:none",
        "",
    ] {
        let changed = text.replacen("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", method, 1);
        refused(method, &resign(&changed, who), Code::CmsAlgorithm);
    }
    // A truncated HMAC's parameter, a parameter where none is.
    let more = text.replacen(
        "xmldsig-more#rsa-sha256\"/>",
        "xmldsig-more#rsa-sha256\"><HMACOutputLength>0</HMACOutputLength></SignatureMethod>",
        1,
    );
    refused("HMACOutputLength", &resign(&more, who), Code::CmsAlgorithm);
    // Canonicalisation confusion: what was digested exclusively is not what the inclusive form gives.
    let inclusive = text.replacen("<Response>", "<Response xmlns:x=\"urn:x\">", 1).replacen(
        EXCLUSIVE,
        "<Transform Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\"/>",
        1,
    );
    refused("other form", &resign(&inclusive, who), Code::CmsDigest);
    for uri in ["http://www.w3.org/2006/12/xml-c14n11", "urn:none", ""] {
        let from = "<CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"";
        let changed = text.replacen(from, &format!("<CanonicalizationMethod Algorithm=\"{uri}\""), 1);
        assert_ne!(verdict(changed.as_bytes()).verdict(), Verdict::Valid, "{uri}");
    }
}

#[test]
fn d29_3_weak_digests_are_information_never_proof() {
    let who = &World::get().leader;
    let sha1 = base64(&Digest::Sha1.of(ALICE.as_bytes()));
    let sha256 = base64(&Digest::Sha256.of(ALICE.as_bytes()));
    let text = format!("<Response>{ALICE}{}</Response>", over_alice())
        .replace("http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2000/09/xmldsig#sha1")
        .replace(&sha256, &sha1);
    let judged = refused("SHA-1", &resign(&text, who), Code::WeakDigest);
    assert_eq!((judged.class(), judged.report().integrity), (Class::Weak, Integrity::Intact));
}

#[test]
fn digests_and_values_of_strange_lengths() {
    let world = World::get();
    let digest = base64(&Digest::Sha256.of(ALICE.as_bytes()));
    let text = format!("<Response>{ALICE}{}</Response>", over_alice());
    for (what, other) in [
        ("empty", String::new()),
        ("one byte", base64(&Digest::Sha256.of(ALICE.as_bytes())[..1])),
        ("prefix", base64(&Digest::Sha256.of(ALICE.as_bytes())[..31])),
        ("longer", base64(&[Digest::Sha256.of(ALICE.as_bytes()), vec![0]].concat())),
        ("no base64", "*".repeat(44)),
        ("commented", format!("<!--{}-->{digest}", "x")),
        ("split by a comment", format!("{}<!---->{}", &digest[..10], &digest[10..])),
        ("instruction", format!("<?x?>{digest}")),
        ("element", format!("<b>{digest}</b>")),
    ] {
        refused(what, &resign(&text.replacen(&digest, &other, 1), &world.leader), Code::XmlStructure);
    }
    // ECDSA values of zeros, of wrong lengths, in DER.
    let who = &world.seal;
    let text = resign(
        &format!(
            "<Response>{ALICE}{}</Response>",
            signature(&reference("#a", EXCLUSIVE, ALICE.as_bytes()), "", who)
        ),
        who,
    );
    assert_eq!(
        verdict(text.as_bytes()).class(),
        Class::ValidNoTimestamp,
        "{}",
        line(&verdict(text.as_bytes()))
    );
    let start = text.find("<SignatureValue>").unwrap() + 16;
    let end = text.find("</SignatureValue>").unwrap();
    let good = openssl::base64::decode_block(&text[start..end]).unwrap();
    let der = who.key().sign(Scheme::EcdsaP256Sha256, &octets_of(&text, "<SignedInfo")).unwrap().into_bytes();
    let half = |a: &[u8], b: &[u8]| [a, b].concat();
    for (what, value) in [
        ("zeros", vec![0; 64]),
        ("r = 0", half(&[0; 32], &good[32..])),
        ("s = 0", half(&good[..32], &[0; 32])),
        ("ones", vec![0xFF; 64]),
        ("empty", vec![]),
        ("short", good[..63].to_vec()),
        ("padded", half(&good, &[0])),
        ("wide", [&[0][..], &good[..32], &[0], &good[32..]].concat()),
        ("DER", der),
        ("swapped", half(&good[32..], &good[..32])),
    ] {
        let changed = format!("{}{}{}", &text[..start], base64(&value), &text[end..]);
        refused(what, &changed, Code::CmsSignature);
    }
}

#[test]
fn comments_in_signed_text_cut_nothing_off() {
    // CVE-2017-11427 and its kin: a comment in a name, readers that stop at it.
    let name = ALICE.replace("alice", "admin@gov.vn.evil.vn");
    let who = &World::get().leader;
    let text = resign(
        &format!(
            "<Response>{name}{}</Response>",
            signature(&reference("#a", EXCLUSIVE, name.as_bytes()), "", who)
        ),
        who,
    );
    let cut = text.replacen("gov.vn.evil", "gov.vn<!---->.evil", 1);
    let judged = verdict(cut.as_bytes());
    assert!(
        judged.report().signatures[0].notes.iter().any(|n| n.code == Code::XmlComments),
        "{}",
        line(&judged)
    );
    // Whoever reads what was signed reads the whole name.
    let proof = judged.require_valid().unwrap();
    assert_eq!(String::from_utf8_lossy(proof.signed_bytes()), name);
    // With comments in the canonical form they are part of what is signed.
    let covering = text
        .replacen(
            "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>",
            "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#WithComments\"/>",
            1,
        )
        .replacen("URI=\"#a\"", "URI=\"#xpointer(id('a'))\"", 1);
    let covering = resign(&covering, who);
    assert_eq!(verdict(covering.as_bytes()).verdict(), Verdict::Valid);
    let cut = covering.replacen("gov.vn.evil", "gov.vn<!---->.evil", 1);
    refused("a covered comment", &cut, Code::CmsDigest);
}

#[test]
fn entities_includes_bases_and_redeclarations() {
    let file = String::from_utf8(signed(DOCUMENT, &World::get().leader, NOON)).unwrap();
    let rows = [
        ("DTD", file.replacen("<qd:QuyetDinh", "<!DOCTYPE x>\n<qd:QuyetDinh", 1), Code::XmlDoctype),
        (
            "ids by DTD",
            file.replacen("<qd:QuyetDinh", "<!DOCTYPE x [<!ATTLIST x so ID #IMPLIED>]>\n<qd:QuyetDinh", 1),
            Code::XmlDoctype,
        ),
        ("entity", file.replacen("&amp;", "&xxe;", 1), Code::XmlEntity),
        (
            "XInclude",
            file.replacen(
                "<qd:Rong/>",
                "<qd:Rong/><i:include xmlns:i=\"http://www.w3.org/2001/XInclude\" href=\"x\"/>",
                1,
            ),
            Code::CmsDigest,
        ),
        ("xml:base", file.replacen(" so=", " xml:base=\"http://evil.vn/\" so=", 1), Code::CmsDigest),
        (
            "default namespace",
            file.replacen("<qd:Rong/>", "<qd:Rong xmlns:qd=\"urn:evil\"/>", 1),
            Code::CmsDigest,
        ),
        (
            "whole namespace",
            file.replacen("xmlns:qd=\"urn:qd\"", "xmlns:qd=\"urn:evil\"", 1),
            Code::CmsDigest,
        ),
        (
            "instruction",
            file.replacen("<qd:QuyetDinh", "<?xml-stylesheet href=\"evil.xsl\"?><qd:QuyetDinh", 1),
            Code::CmsDigest,
        ),
        ("second root", format!("{file}<evil/>"), Code::XmlSyntax),
        ("behind", format!("{file}text"), Code::XmlSyntax),
    ];
    for (what, text, code) in rows {
        assert_ne!(text, file, "{what}");
        refused(what, &text, code);
    }
    // What canonical forms leave out may change: quotes, unused declarations, how an empty element is written.
    for (from, to) in [
        ("so='1'", "so = \"1\""),
        (" xmlns:unused=\"urn:unused\"", ""),
        ("<qd:Rong/>", "<qd:Rong></qd:Rong>"),
        ("&amp;", "&#38;"),
    ] {
        assert_eq!(verdict(file.replacen(from, to, 1).as_bytes()).class(), Class::Valid, "{from}");
    }
}

#[test]
fn budgets_hold() {
    let who = &World::get().leader;
    let many = |n: usize| (0..n).map(|_| reference("#a", EXCLUSIVE, ALICE.as_bytes())).collect::<String>();
    let text = |references: &str| {
        resign(&format!("<Response>{ALICE}{}</Response>", signature(references, "", who)), who)
    };
    assert_eq!(verdict(text(&many(200)).as_bytes()).verdict(), Verdict::Valid);
    refused("references", &text(&many(300)), Code::Budget);
    let list = (0..100).map(|n| format!("p{n} ")).collect::<String>();
    let prefixes = format!(
        "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"><InclusiveNamespaces xmlns=\"http://www.w3.org/2001/10/xml-exc-c14n#\" PrefixList=\"{list}\"/></Transform>"
    );
    refused("prefixes", &text(&reference("#a", &prefixes, ALICE.as_bytes())), Code::Budget);
    refused("transforms", &text(&reference("#a", &ENVELOPED.repeat(9), ALICE.as_bytes())), Code::Budget);
    // A long namespace written anew in each of many siblings: 4 MB become 4 GB.
    let uri = "u:".to_owned() + &"x".repeat(1 << 20);
    let loud = format!("<Assertion Id=\"a\"><g xmlns:p=\"{uri}\">{}</g></Assertion>", "<p:x/>".repeat(4_000));
    let began = std::time::Instant::now();
    refused("amplified", &format!("<Response>{loud}{}</Response>", over_alice()), Code::Budget);
    assert!(began.elapsed().as_secs() < 20, "{:?} in a debug build", began.elapsed());
    let deep = format!("{}{ALICE}{}{}", "<w>".repeat(500), over_alice(), "</w>".repeat(500));
    refused("deep", &deep, Code::Budget);
}

/// Every flipped bit and every cut is seen, or lies where canonical forms do not look.
#[test]
fn d29_2_flipped_and_truncated_at_hundreds_of_points() {
    let world = World::get();
    for (file, step) in [(signed(DOCUMENT, &world.leader, NOON), 17), (signed_package(&world.seal, NOON), 29)]
    {
        let octets = |bytes: &[u8]| {
            let judged = verdict(bytes);
            judged
                .require_valid()
                .ok()
                .map(|proof| proof.signed_pieces().iter().map(|piece| piece.to_vec()).collect::<Vec<_>>())
        };
        let good = octets(&file).expect("valid to begin with");
        for spot in (0..file.len()).step_by(step) {
            let mut copy = file.clone();
            copy[spot] ^= 1 << (spot % 7);
            if let Some(pieces) = octets(&copy) {
                assert!(
                    pieces == good,
                    "byte {spot} changed what was signed: {}",
                    String::from_utf8_lossy(&copy)
                );
            }
            fuzz::xml(&file[..spot]);
            let cut = verdict(&file[..spot]);
            assert_ne!(cut.verdict(), Verdict::Valid, "cut at {spot}");
        }
    }
}

/// Pieces that mean something to a reader of XML.
const PIECES: &[&str] = &[
    "<",
    ">",
    "/>",
    "</a>",
    "<a>",
    "<p:a>",
    "&amp;",
    "&#13;",
    "&#x0;",
    "]]>",
    "<![CDATA[",
    "<!--",
    "-->",
    "<?x ",
    "?>",
    "<!DOCTYPE a>",
    " xmlns=''",
    " xmlns:p='u:p'",
    " xmlns='u:d'",
    " xml:base='../'",
    " xml:id='a'",
    " Id='a'",
    "\r",
    "\u{FEFF}",
    "ữ",
    " p:a='&#10;'",
    "URI=\"\"",
    "URI=\"#s\"",
    "Algorithm=\"\"",
    "\"",
    "'",
    "\t",
    "=",
];

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        cases: 300, failure_persistence: None, ..proptest::prelude::ProptestConfig::default()
    })]

    /// What the fuzzer does all day: no piece anywhere makes the reader fall over, and every canonical form stays what it is.
    #[test]
    fn pieces_put_anywhere_are_survived(
        which in 0usize..3,
        changes in proptest::collection::vec((0.0f64..1.0, 0usize..PIECES.len(), 0usize..40), 1..6),
    ) {
        static FILES: std::sync::OnceLock<[Vec<u8>; 3]> = std::sync::OnceLock::new();
        let files = FILES.get_or_init(|| {
            let world = World::get();
            let alice = format!("<Response>{ALICE}{}</Response>", over_alice());
            [signed(DOCUMENT, &world.seal, NOON), signed_package(&world.seal, NOON), alice.into_bytes()]
        });
        let mut file = files[which].clone();
        for (place, piece, cut) in changes {
            let at = (place * file.len() as f64) as usize;
            let end = (at + cut).min(file.len());
            file.splice(at..end, PIECES[piece].bytes());
        }
        fuzz::xml(&file);
    }
}
