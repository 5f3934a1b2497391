//! Signed XML and other people's programs: `xmlsec1` (Debian) and signxml (beside pyHanko, see `interop`).

use crate::interop::{check, folder, pyhanko, run, write};
use crate::world::{DAY, NOON, World, line};
use crate::xml::{DOCUMENT, finish, signed, signed_package, signing, verdict};
use certs::issue::Authority;
use signer::make::xml as make;
use signer::{Class, Integrity, Limits, Verdict};
use std::process::Command;

const WHEN: &str = "2026-11-22 02:00:00";

fn path(name: &str) -> String {
    folder().join(name).to_str().unwrap().to_owned()
}

/// Verifies with xmlsec1; `ids` are the elements whose `Id` it has to be told about.
fn xmlsec_verify(file: &str, ids: &[&str]) -> (bool, String) {
    let (root, ca) = (path("root.pem"), path("ca.pem"));
    let mut arguments = vec!["--verify", "--trusted-pem", &root, "--untrusted-pem", &ca];
    arguments.extend(["--verification-time", WHEN]);
    for id in ids {
        arguments.extend(["--id-attr:Id", id]);
    }
    arguments.push(file);
    run("xmlsec1", &arguments)
}

const PROPERTIES: &str = "http://uri.etsi.org/01903/v1.3.2#:SignedProperties";

#[test]
fn xmlsec1_accepts_what_we_sign_and_refuses_what_was_changed() {
    let world = World::get();
    for (name, who) in [("leader", &world.leader), ("seal", &world.seal)] {
        let file = signed(DOCUMENT, who, NOON);
        let (good, text) = xmlsec_verify(&write(&format!("{name}-ours.xml"), &file), &[PROPERTIES]);
        assert!(good, "{text}");
        let changed = String::from_utf8(file).unwrap().replacen("Thử", "Thứ", 1);
        let (good, _) =
            xmlsec_verify(&write(&format!("{name}-changed.xml"), changed.as_bytes()), &[PROPERTIES]);
        assert!(!good);
    }
    // Every scheme of ours it knows.
    use certs::keys::Scheme::*;
    for scheme in [RsaPkcs1Sha256, RsaPkcs1Sha384, RsaPkcs1Sha512] {
        let plain = make::Signing::plain(world.chain(&world.leader), scheme);
        let prepared = make::enveloped(DOCUMENT.as_bytes(), &plain, &Limits::default()).unwrap();
        let file = make::sign(prepared, world.leader.key(), |_| Ok(None)).unwrap();
        let (good, text) = xmlsec_verify(&write(&format!("{scheme:?}.xml"), &file), &[]);
        assert!(good, "{scheme:?} {text}");
    }
}

/// ECDSA goes from DER to `r || s` and back, P-521 with its odd 66 bytes too.
#[test]
fn d12_every_kind_of_key_signs_xml_and_xmlsec1_agrees() {
    use certs::issue::{self, Validity, world};
    use certs::keys::{Scheme, Size};
    let world = World::get();
    let sizes = [Size::Rsa2048, Size::P256, Size::P384, Size::P521, Size::Ed25519];
    for (number, size) in (400..).zip(sizes) {
        let key = world::key(size, "xml").unwrap();
        let validity = Validity { from: NOON - DAY, until: NOON + 365 * DAY };
        let (name, serial) = (world.leader.certificate().subject(), certs::Serial::from_u64(number));
        let draft = issue::leader(name, key.public(), serial, validity, "a@thunghiem.gov.vn");
        let who = Authority::new(draft.signed_by(&world.ca).unwrap(), key).unwrap();
        for scheme in Scheme::ALL.into_iter().filter(|scheme| scheme.fits(who.key().kind())) {
            let plain = make::Signing::plain(world.chain(&who), scheme);
            let prepared = make::enveloped(DOCUMENT.as_bytes(), &plain, &Limits::default()).unwrap();
            let file = make::sign(prepared, who.key(), |_| Ok(None)).unwrap();
            assert_eq!(
                verdict(&file).class(),
                Class::ValidNoTimestamp,
                "{scheme:?}: {}",
                line(&verdict(&file))
            );
            // xmlsec1 1.2 knows neither EdDSA nor PSS.
            use Scheme::{Ed25519, RsaPssSha256, RsaPssSha384, RsaPssSha512};
            if !matches!(scheme, Ed25519 | RsaPssSha256 | RsaPssSha384 | RsaPssSha512) {
                let (good, text) = xmlsec_verify(&write(&format!("kind-{scheme:?}.xml"), &file), &[]);
                assert!(good, "{scheme:?} {text}");
            }
        }
    }
}

#[test]
fn xmlsec1_agrees_on_the_parts_of_a_package() {
    let world = World::get();
    let file = String::from_utf8(signed_package(&world.seal, NOON)).unwrap();
    let name = |local: &str| format!("http://www.mic.gov.vn/TBT/QCVN_102_2016:{local}");
    let ids = [
        name("MessageHeader"),
        name("edXMLBody"),
        "http://www.w3.org/2000/09/xmldsig#:Manifest".to_owned(),
        PROPERTIES.to_owned(),
    ];
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    // Manifests are the application's matter to xmlsec1; parts it cannot find.
    let ours = write("package-ours.edxml", file.as_bytes());
    let (root, ca) = (path("root.pem"), path("ca.pem"));
    let mut arguments =
        vec!["--verify", "--ignore-manifests", "--trusted-pem", &root, "--untrusted-pem", &ca];
    arguments.extend(["--verification-time", WHEN]);
    for id in &ids {
        arguments.extend(["--id-attr:Id", id]);
    }
    let with = |file: &str| {
        let mut all = arguments.clone();
        all.push(file);
        run("xmlsec1", &all)
    };
    let (good, text) = with(&ours);
    assert!(good, "{text}");
    let changed = write("package-changed.edxml", file.replacen("trích yếu", "trích", 1).as_bytes());
    assert!(!with(&changed).0);
}

/// A template xmlsec1 fills in.
fn template(references: &str, method: &str, form: &str) -> String {
    format!(
        "<Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><SignedInfo><CanonicalizationMethod \
         Algorithm=\"{form}\"/><SignatureMethod Algorithm=\"{method}\"/>{references}</SignedInfo>\
         <SignatureValue/><KeyInfo><X509Data><X509Certificate/></X509Data></KeyInfo></Signature>"
    )
}

fn entry(uri: &str, transforms: &[&str], digest: &str) -> String {
    let transforms: String = transforms.iter().map(|t| format!("<Transform Algorithm=\"{t}\"/>")).collect();
    format!(
        "<Reference URI=\"{uri}\"><Transforms>{transforms}</Transforms><DigestMethod Algorithm=\"{digest}\"/>\
         <DigestValue/></Reference>"
    )
}

fn xmlsec_sign(name: &str, document: &str, ids: &[&str]) -> Vec<u8> {
    let source = write(&format!("template-{name}.xml"), document.as_bytes());
    let target = path(&format!("xmlsec-{name}.xml"));
    let key = format!("{},{}", path("leader.key"), path("leader.pem"));
    let mut arguments = vec!["--sign", "--output", &target, "--privkey-pem", &key];
    for id in ids {
        arguments.extend(["--id-attr:Id", id]);
    }
    arguments.push(&source);
    check("xmlsec1", &arguments);
    std::fs::read(target).unwrap()
}

#[test]
fn what_xmlsec1_signs_is_valid_here() {
    let out = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
    let forms = [
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
        "http://www.w3.org/2006/12/xml-c14n11",
        "http://www.w3.org/2006/12/xml-c14n11#WithComments",
        "http://www.w3.org/2001/10/xml-exc-c14n#",
        "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
    ];
    let methods = [
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmlenc#sha256"),
        (
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
            "http://www.w3.org/2001/04/xmldsig-more#sha384",
        ),
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha512", "http://www.w3.org/2001/04/xmlenc#sha512"),
    ];
    for (number, form) in forms.iter().enumerate() {
        let (method, digest) = methods[number % 3];
        let root = "<qd:QuyetDinh xmlns:qd=\"urn:qd\" xmlns=\"urn:d\" xml:lang=\"vi\"><!-- c --><qd:Dieu so='1'>a &amp; b\r\n</qd:Dieu>";
        // The whole document.
        let whole = template(&entry("", &[out, form], digest), method, form);
        let file = xmlsec_sign(&format!("whole-{number}"), &format!("{root}{whole}</qd:QuyetDinh>"), &[]);
        let judged = verdict(&file);
        assert_eq!(judged.class(), Class::ValidNoTimestamp, "{form} {}", line(&judged));
        assert!(judged.report().signatures[0].covers_whole_document);
        // One element of it, in the namespaces around.
        let part = template(&entry("#d", &[form], digest), method, form);
        let held = "<w xmlns:qd=\"urn:qd\" xmlns=\"urn:d\" xmlns:x=\"urn:x\" xml:lang=\"vi\"><qd:Dieu Id=\"d\"><y x:z='1'/></qd:Dieu>";
        let file = xmlsec_sign(&format!("part-{number}"), &format!("{held}{part}</w>"), &["urn:qd:Dieu"]);
        let judged = verdict(&file);
        assert_eq!(judged.class(), Class::ValidNoTimestamp, "{form} {}", line(&judged));
        assert_eq!(judged.report().signatures[0].covers, ["d"]);
        // And a change in it is seen.
        let changed = String::from_utf8(file).unwrap().replacen("x:z=\"1\"", "x:z=\"2\"", 1);
        assert_eq!(verdict(changed.as_bytes()).report().integrity, Integrity::Broken);
    }
    // No transform at all: the inclusive form is the default.
    let bare = template(
        &entry("#d", &[], methods[0].1).replace("<Transforms></Transforms>", ""),
        methods[0].0,
        forms[4],
    );
    let held = format!("<w xmlns=\"urn:d\"><Dieu Id=\"d\"/>{bare}</w>");
    let judged = verdict(&xmlsec_sign("bare", &held, &["urn:d:Dieu"]));
    assert_eq!(judged.class(), Class::ValidNoTimestamp, "{}", line(&judged));
    // A list of prefixes.
    let listed = entry("#d", &[forms[4]], methods[0].1).replace(
        "exc-c14n#\"/>",
        "exc-c14n#\"><InclusiveNamespaces xmlns=\"http://www.w3.org/2001/10/xml-exc-c14n#\" PrefixList=\"x #default\"/></Transform>",
    );
    let held = format!(
        "<w xmlns=\"urn:d\" xmlns:x=\"urn:x\" xmlns:y=\"urn:y\"><y:Dieu Id=\"d\"/>{}</w>",
        template(&listed, methods[0].0, forms[0])
    );
    let judged = verdict(&xmlsec_sign("prefixes", &held, &["urn:y:Dieu"]));
    assert_eq!(judged.class(), Class::ValidNoTimestamp, "{}", line(&judged));
}

fn signxml(verb: &str, arguments: &[&str]) -> String {
    let python = pyhanko().unwrap().join("python3");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/signxml_peer.py");
    let output =
        Command::new(python).args([script, verb, &NOON.to_string()]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn signxml_accepts(kind: &str, references: usize, file: &str, content: &str) -> bool {
    let both = ["root.pem", "ca.pem"].map(|name| std::fs::read(folder().join(name)).unwrap()).concat();
    write("root-and-ca.pem", &both);
    let answer =
        signxml("verify", &[folder().to_str().unwrap(), kind, &references.to_string(), file, content]);
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    if answer["valid"] != true {
        eprintln!("signxml: {answer}");
    }
    answer["valid"] == true
}

#[test]
fn signxml_accepts_what_we_sign() {
    let world = World::get();
    let limits = Limits::default();
    for (name, who) in [("leader", &world.leader), ("seal", &world.seal)] {
        let file = write(&format!("signxml-{name}.xml"), &signed(DOCUMENT, who, NOON));
        assert!(signxml_accepts("xades", 2, &file, "-"), "{name}");
        let plain = make::Signing::plain(world.chain(who), signing(who, NOON).scheme);
        let prepared = make::enveloped(DOCUMENT.as_bytes(), &plain, &limits).unwrap();
        let plain = make::sign(prepared, who.key(), |_| Ok(None)).unwrap();
        let file = write(&format!("signxml-plain-{name}.xml"), &plain);
        assert!(signxml_accepts("dsig", 1, &file, "-"), "{name}");
        let changed = String::from_utf8(plain).unwrap().replacen("Thử", "Thứ", 1);
        let file = write(&format!("signxml-changed-{name}.xml"), changed.as_bytes());
        assert!(!signxml_accepts("dsig", 1, &file, "-"), "{name}");
    }
    let content = write("signxml-content.bin", b"any bytes");
    let prepared = make::detached(b"any bytes", "content.bin", &signing(&world.seal, NOON), &limits).unwrap();
    let file = write("signxml-detached.xml", &finish(prepared, &world.seal, NOON));
    assert!(signxml_accepts("xades", 2, &file, &content));
}

#[test]
fn what_signxml_signs_is_valid_here() {
    let world = World::get();
    let source = write("signxml-source.xml", DOCUMENT.as_bytes());
    let judge = |name: &str, who: &Authority, kind: &str| {
        let target = path(&format!("by-signxml-{name}-{kind}.xml"));
        signxml("sign", &[folder().to_str().unwrap(), name, kind, &source, &target]);
        let file = std::fs::read(target).unwrap();
        let now = NOON + DAY;
        let judged = world.judge(&file, &world.evidence(now - 60), now);
        assert_eq!(
            judged.verdict(),
            Verdict::Valid,
            "{name} {kind} {}\n{}",
            line(&judged),
            String::from_utf8_lossy(&file)
        );
        let signer = judged.report().signatures[0].certificate.as_ref().unwrap().sha256;
        assert_eq!(signer, who.certificate().sha256());
        let changed = String::from_utf8(file).unwrap().replacen("05/", "06/", 1);
        let judged = world.judge(changed.as_bytes(), &world.evidence(now - 60), now);
        assert_eq!(judged.report().integrity, Integrity::Broken);
    };
    for kind in ["dsig", "xades", "enveloping"] {
        judge("leader", &world.leader, kind);
        judge("seal", &world.seal, kind);
    }
}
