//! Keys: every kind signs, everybody else verifies, nothing leaks.

use certs::algorithm::{Digest, SignatureAlgorithm};
use certs::issue;
use certs::keys::{
    Key, KeyKind, KeyName, PinSource, Scheme, Signature, SigningKey, Size, ecdsa_from_fixed, ecdsa_to_fixed,
    verify,
};
use certs::{Error, Fault};

use crate::world::*;

const SCHEMES: [Scheme; 10] = Scheme::ALL;

#[test]
fn every_scheme_signs_with_its_keys_only() {
    let sizes = [Size::Rsa2048, Size::P256, Size::P384, Size::P521, Size::Ed25519];
    let keys: Vec<Key> = sizes.into_iter().map(|size| Key::generate(size).unwrap()).collect();
    for (scheme, key) in SCHEMES.iter().flat_map(|scheme| keys.iter().map(move |key| (*scheme, key))) {
        let what = format!("{scheme:?} with {:?}", key.kind());
        let signed = key.sign(scheme, b"message");
        assert_eq!(signed.is_ok(), scheme.fits(key.kind()), "{what}");
        let Ok(signature) = signed else { continue };
        assert_eq!(verify(key.public().spki(), scheme, b"message", signature.as_bytes()), Ok(()), "{what}");
        assert_eq!(
            verify(key.public().spki(), scheme, b"massage", signature.as_bytes()),
            Err(Error::BadSignature),
            "{what}"
        );
        for other in SCHEMES.into_iter().filter(|other| *other != scheme) {
            let result = verify(key.public().spki(), other, b"message", signature.as_bytes());
            assert_eq!(result, Err(Error::BadSignature), "{what} as {other:?}");
        }
        ring_agrees(scheme, key, signature.as_bytes());
    }
}

/// A second implementation verifies what OpenSSL signed.
fn ring_agrees(scheme: Scheme, key: &Key, signature: &[u8]) {
    use ring::signature as s;
    let algorithm: &dyn s::VerificationAlgorithm = match scheme {
        Scheme::RsaPkcs1Sha256 => &s::RSA_PKCS1_2048_8192_SHA256,
        Scheme::RsaPkcs1Sha384 => &s::RSA_PKCS1_2048_8192_SHA384,
        Scheme::RsaPkcs1Sha512 => &s::RSA_PKCS1_2048_8192_SHA512,
        Scheme::RsaPssSha256 => &s::RSA_PSS_2048_8192_SHA256,
        Scheme::RsaPssSha384 => &s::RSA_PSS_2048_8192_SHA384,
        Scheme::RsaPssSha512 => &s::RSA_PSS_2048_8192_SHA512,
        Scheme::EcdsaP256Sha256 => &s::ECDSA_P256_SHA256_ASN1,
        Scheme::EcdsaP384Sha384 => &s::ECDSA_P384_SHA384_ASN1,
        // ring has no P-521; OpenSSL's other interface stands in.
        Scheme::EcdsaP521Sha512 => return,
        Scheme::Ed25519 => &s::ED25519,
    };
    s::UnparsedPublicKey::new(algorithm, key.public().key_bytes()).verify(b"message", signature).unwrap();
}

#[test]
fn keys_are_opened_from_every_usual_file() {
    let key = Key::generate(Size::Rsa2048).unwrap();
    let pem = key.to_pem().unwrap();
    let inner = openssl::pkey::PKey::private_key_from_pem(&pem).unwrap();
    let sealed =
        inner.private_key_to_pem_pkcs8_passphrase(openssl::symm::Cipher::aes_256_cbc(), b"mat khau").unwrap();
    let pkcs1 = inner.rsa().unwrap().private_key_to_pem().unwrap();
    let curve = openssl::pkey::PKey::private_key_from_pem(&LEAF_KEY.to_pem().unwrap()).unwrap();
    let sec1 = curve.ec_key().unwrap().private_key_to_pem().unwrap();
    let spki = |opened: Result<Key, Error>| opened.map(|key| key.public().spki().to_vec());
    assert_eq!(spki(Key::from_pem(&pem, None)), Ok(key.public().spki().to_vec()));
    assert_eq!(spki(Key::from_pem(&pkcs1, None)), Ok(key.public().spki().to_vec()));
    assert_eq!(spki(Key::from_pem(&sec1, None)), Ok(LEAF_KEY.public().spki().to_vec()));
    assert_eq!(spki(Key::from_pem(&sealed, Some(b"mat khau"))), Ok(key.public().spki().to_vec()));
    for wrong in [Some(&b"sai"[..]), Some(b""), None] {
        assert_eq!(spki(Key::from_pem(&sealed, wrong)), Err(Error::KeyLocked));
    }
    assert_eq!(Error::KeyLocked.fault(), Fault::Operator);
}

#[test]
fn pkcs12_there_and_back() {
    let world = World::plain();
    let packed =
        LEAF_KEY.to_pkcs12("máy chủ", "mật khẩu", &world.leaf, &[world.ca.certificate().clone()]).unwrap();
    let opened = Key::from_pkcs12(&packed, "mật khẩu").unwrap();
    assert_eq!(opened.key.public(), LEAF_KEY.public());
    assert_eq!(opened.certificate.as_ref(), Some(&world.leaf));
    assert_eq!(opened.others, [world.ca.certificate().clone()]);
    assert_eq!(Key::from_pkcs12(&packed, "sai").map(drop), Err(Error::KeyLocked));
    assert_eq!(Key::from_pkcs12(b"junk", "sai").map(drop), Err(Error::KeyLocked));
}

/// What authorities hand out: OpenSSL 3 no longer opens the old ciphers by itself.
#[test]
fn pkcs12_in_old_ciphers_is_opened_too() {
    let folder = tempfile::tempdir().unwrap();
    let (key, certificate) = (folder.path().join("key.pem"), folder.path().join("leaf.pem"));
    std::fs::write(&key, LEAF_KEY.to_pem().unwrap()).unwrap();
    std::fs::write(&certificate, World::plain().leaf.to_pem()).unwrap();
    for flags in [&["-legacy"][..], &["-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES"], &[]] {
        let packed = folder.path().join("old.p12");
        let mut command = std::process::Command::new("openssl");
        command.args(["pkcs12", "-export", "-passout", "pass:mat khau", "-inkey"]).arg(&key);
        let made =
            command.arg("-in").arg(&certificate).arg("-out").arg(&packed).args(flags).status().unwrap();
        assert!(made.success());
        let packed = std::fs::read(packed).unwrap();
        assert_eq!(Key::from_file(&packed, Some("mat khau")).unwrap().key.public(), LEAF_KEY.public());
        assert_eq!(Key::from_file(&packed, Some("sai")).map(drop), Err(Error::KeyLocked), "{flags:?}");
        assert_eq!(Key::from_file(&packed, None).map(drop), Err(Error::KeyLocked), "{flags:?}");
    }
}

/// A key in PEM may have its certificates beside it, in any order.
#[test]
fn a_file_of_a_key_may_hold_its_certificates() {
    let world = World::plain();
    let key = String::from_utf8(LEAF_KEY.to_pem().unwrap().to_vec()).unwrap();
    let text = format!("{}{key}{}", world.ca.certificate().to_pem(), world.leaf.to_pem());
    let opened = Key::from_file(text.as_bytes(), None).unwrap();
    assert_eq!(opened.certificate.as_ref(), Some(&world.leaf));
    assert_eq!(opened.others, [world.ca.certificate().clone()]);
    let der =
        openssl::pkey::PKey::private_key_from_pem(key.as_bytes()).unwrap().private_key_to_pkcs8().unwrap();
    let opened = Key::from_file(&der, None).unwrap();
    assert_eq!((opened.key.public(), opened.certificate), (LEAF_KEY.public(), None));
    for (bad, code) in [
        (&b""[..], "key.unfit"),
        (world.leaf.to_pem().as_bytes(), "key.unfit"),
        (concat!("-----BEGIN ", "PRIVATE KEY-----").as_bytes(), "key.locked"),
        (&[0x30, 0x80], "key.locked"),
        (world.leaf.der(), "key.locked"),
    ] {
        assert_eq!(Key::from_file(bad, None).unwrap_err().code(), code);
    }
}

#[test]
fn keys_print_nothing_of_themselves() {
    let key = Key::ed25519_from_seed(&[0x41; 32]).unwrap();
    assert_eq!(format!("{key:?}"), "Key(Ed25519, …)");
    assert_eq!(key.kind(), KeyKind::Ed25519);
}

/// One key serves every connection and worker.
#[test]
fn keys_and_certificates_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Key>();
    shared::<certs::Certificate>();
    shared::<certs::path::Evidence>();
    shared::<certs::path::PathVerdict>();
}

#[test]
fn a_key_and_a_strangers_certificate_do_not_go_together() {
    let world = World::plain();
    assert!(matches!(issue::Authority::new(world.leaf, copy(&CA_KEY)), Err(Error::KeyUnfit(_))));
}

#[test]
fn ecdsa_signatures_change_form_and_back() {
    let signature = LEAF_KEY.sign(Scheme::EcdsaP256Sha256, b"m").unwrap();
    let fixed = ecdsa_to_fixed(signature.as_bytes(), 32).unwrap();
    assert_eq!(fixed.len(), 64);
    assert_eq!(ecdsa_from_fixed(&fixed).unwrap(), signature.as_bytes());
    for bad in [&b""[..], b"x", &[0; 134]] {
        assert!(ecdsa_from_fixed(bad).is_err());
    }
    assert!(ecdsa_to_fixed(signature.as_bytes(), 31).is_err() || signature.as_bytes().len() < 70);
    assert!(ecdsa_to_fixed(b"junk", 32).is_err());
}

#[test]
fn algorithms_are_written_as_they_are_read() {
    let algorithms = SCHEMES.map(Scheme::algorithm).into_iter().chain([
        SignatureAlgorithm::RsaPkcs1(Digest::Sha1),
        SignatureAlgorithm::RsaPss { digest: Digest::Sha1, mask: Digest::Sha1, salt: 20 },
        SignatureAlgorithm::RsaPss { digest: Digest::Sha256, mask: Digest::Sha1, salt: 0 },
        SignatureAlgorithm::Ecdsa(Digest::Sha224),
        SignatureAlgorithm::Ed448,
        SignatureAlgorithm::RsaPkcs1Unnamed,
    ]);
    for algorithm in algorithms {
        let der = certs::der::Writer::build(|w| algorithm.write(w));
        let element = certs::der::Reader::der(&der).only().unwrap();
        assert_eq!(SignatureAlgorithm::from_element(&element), Ok(algorithm));
    }
}

/// PSS and Ed25519 certificates verify here and with OpenSSL.
#[test]
fn roots_of_every_kind_verify() {
    for (size, algorithm) in [
        (Size::Rsa3072, Scheme::RsaPssSha256.algorithm()),
        (Size::Rsa2048, Scheme::RsaPkcs1Sha512.algorithm()),
        (Size::P384, Scheme::EcdsaP384Sha384.algorithm()),
        (Size::Ed25519, Scheme::Ed25519.algorithm()),
    ] {
        let key = Key::generate(size).unwrap();
        let root = issue::root(&name("Gốc"), key.public(), serial(1), LIFE)
            .signed_with(algorithm)
            .self_signed(&key)
            .unwrap();
        assert_eq!(root.verify_signature(key.public()), Ok(()), "{size:?}");
        let theirs = openssl::x509::X509::from_der(root.der()).unwrap();
        assert!(theirs.verify(&theirs.public_key().unwrap()).unwrap(), "{size:?}");
    }
}

#[test]
fn d28_a_digest_is_signed_as_its_message_would_be() {
    for size in [Size::Rsa2048, Size::P256, Size::P384, Size::P521, Size::Ed25519] {
        let key = Key::generate(size).unwrap();
        for scheme in SCHEMES.into_iter().filter(|scheme| scheme.fits(key.kind())) {
            let Some(hash) = scheme.hash(b"message") else {
                assert!(matches!(key.sign_digest(scheme, &[0; 64]), Err(Error::Unsupported(_))));
                continue;
            };
            let signature = key.sign_digest(scheme, &hash).unwrap();
            verify(key.public().spki(), scheme, b"message", signature.as_bytes()).unwrap();
            scheme.algorithm().verify_digest(key.public(), &hash, signature.as_bytes()).unwrap();
            let other = scheme.hash(b"massage").unwrap();
            let refused = scheme.algorithm().verify_digest(key.public(), &other, signature.as_bytes());
            assert_eq!(refused, Err(Error::BadSignature), "{scheme:?}");
            assert!(matches!(key.sign_digest(scheme, &hash[1..]), Err(Error::KeyUnfit(_))), "{scheme:?}");
        }
    }
}

/// Remote services, SIM cards and browser helpers give signature values in either form.
#[test]
fn d28_a_signature_made_elsewhere_is_taken_only_when_it_is_one() {
    for size in [Size::Rsa2048, Size::P256, Size::P521, Size::Ed25519] {
        let key = Key::generate(size).unwrap();
        let scheme = key.usual_scheme();
        let signature = key.sign(scheme, b"message").unwrap();
        let taken = |value: &[u8]| Signature::made_elsewhere(key.public(), scheme, b"message", value);
        assert_eq!(taken(signature.as_bytes()).unwrap(), signature, "{size:?}");
        if let KeyKind::P256 | KeyKind::P521 = key.kind() {
            let bytes = (key.public().bits() as usize).div_ceil(8);
            let fixed = ecdsa_to_fixed(signature.as_bytes(), bytes).unwrap();
            assert_eq!(taken(&fixed).unwrap(), signature, "{size:?}, r || s");
        }
        let mut bent = signature.clone().into_bytes();
        *bent.last_mut().unwrap() ^= 1;
        for bad in [bent.as_slice(), b"", &signature.as_bytes()[1..], &[0; 64]] {
            assert_eq!(taken(bad), Err(Error::BadSignature), "{size:?}");
        }
        let other = Signature::made_elsewhere(key.public(), scheme, b"massage", signature.as_bytes());
        assert_eq!(other, Err(Error::BadSignature));
    }
}

#[test]
fn keys_have_one_kind_of_name() {
    let token = |text: &str| match text.parse::<KeyName>() {
        Ok(KeyName::Token(uri)) => uri,
        other => panic!("{text}: {other:?}"),
    };
    for (text, path) in [
        ("seal.p12", "seal.p12"),
        ("/etc/congvan/seal.pem", "/etc/congvan/seal.pem"),
        ("file:seal.pem", "seal.pem"),
        ("file:/etc/seal.pem", "/etc/seal.pem"),
        ("file:///etc/seal.pem", "/etc/seal.pem"),
        ("con dấu.p12", "con dấu.p12"),
    ] {
        assert_eq!(text.parse(), Ok(KeyName::File(path.into())), "{text}");
    }
    // The example of RFC 7512 §3, with a module instead of a library's name.
    let uri = token(
        "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;model=1.0;\
         object=my-certificate;type=cert;id=%69%95%3E%5C%F4%BD%EC%91;serial=\
         ?pin-source=file:/etc/token&module-path=/usr/lib/libsofthsm2.so",
    );
    assert_eq!(uri.token.as_deref(), Some("The Software PKCS#11 Softtoken"));
    assert_eq!(uri.manufacturer.as_deref(), Some("Snake Oil, Inc."));
    assert_eq!(uri.object.as_deref(), Some("my-certificate"));
    assert_eq!(uri.id.as_deref(), Some(&b"\x69\x95\x3e\x5c\xf4\xbd\xec\x91"[..]));
    assert_eq!((uri.serial.as_deref(), uri.model.as_deref(), uri.slot), (Some(""), Some("1.0"), None));
    assert_eq!(uri.pin, Some(PinSource::File("/etc/token".into())));
    assert_eq!(token("pkcs11:slot-id=7?module-path=/m.so&pin-source=env:PIN").slot, Some(7));
    for bad in [
        "",
        "file:",
        "pkcs11:",
        "pkcs11:token=a",
        "pkcs11:token?module-path=/m.so",
        "pkcs11:token=a;token=b?module-path=/m.so",
        "pkcs11:token=%4?module-path=/m.so",
        "pkcs11:token=%zz?module-path=/m.so",
        "pkcs11:token=%ff?module-path=/m.so",
        "pkcs11:slot-id=-1?module-path=/m.so",
        "pkcs11:type=data?module-path=/m.so",
        "pkcs11:colour=red?module-path=/m.so",
        "pkcs11:?module-path=/m.so&pin-value=1234",
        "pkcs11:?module-path=/m.so&pin-source=|/bin/true",
        "pkcs11:?module-path=/m.so&pin-source=https://x",
        "pkcs11:?module-path=/m.so&pin-source=env:",
        "a\0b",
        &"x".repeat(5000),
    ] {
        assert!(matches!(bad.parse::<KeyName>(), Err(Error::KeyName(_))), "{bad}");
    }
}

proptest::proptest! {
    #[test]
    fn names_of_keys_are_written_as_they_are_read(text in "(pkcs11:)?[a-z%;=?&/:0-9 ấ-]{0,60}") {
        certs::fuzz::key_name(text.as_bytes());
    }
}
