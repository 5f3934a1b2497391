//! Keys in a token: SoftHSM2 as the token, each story in a process and with a token of its own, because PKCS #11 and
//! SoftHSM keep their state per process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use certs::issue;
use certs::keys::{Key, KeyName, Pin, Scheme, SigningKey, Size, Token, TokenKey, TokenUri, verify};
use certs::{Certificate, Error, Limits};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::object::{Attribute, CertificateType, ObjectClass};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;

use crate::world::*;

/// Where Debian's `softhsm2` puts its module.
const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const PIN: &str = "123456";
const SO_PIN: &str = "87654321";
/// Says to a test that it is the child with a token directory.
const HOUSE: &str = "CONGVAN_TEST_TOKENS";

/// Runs `story` in a child process of its own that sees an empty token directory.
fn alone(name: &str, story: impl FnOnce(&Path)) {
    if let Some(directory) = std::env::var_os(HOUSE) {
        return story(Path::new(&directory));
    }
    let directory = tempfile::tempdir().unwrap();
    let tokens = directory.path().join("tokens");
    std::fs::create_dir(&tokens).unwrap();
    let configuration = directory.path().join("softhsm2.conf");
    std::fs::write(
        &configuration,
        format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display()),
    )
    .unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args([&format!("tokens::{name}"), "--exact", "--nocapture", "--test-threads=1"])
        .env("SOFTHSM2_CONF", &configuration)
        .env(HOUSE, directory.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && said.contains("1 passed"),
        "{said}\n{}",
        String::from_utf8_lossy(&child.stderr)
    );
}

fn util(arguments: &[&str]) {
    let done = Command::new("softhsm2-util").args(arguments).output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

fn make_token(label: &str) {
    util(&["--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", SO_PIN]);
}

/// Puts a key pair in.
fn import(house: &Path, token: &str, key: &Key, label: &str, id: &str) {
    let file = house.join(format!("{label}.key"));
    std::fs::write(&file, key.to_pem().unwrap()).unwrap();
    let file = file.to_str().unwrap();
    util(&["--import", file, "--token", token, "--label", label, "--id", id, "--pin", PIN]);
}

/// The same module as the program under test has loaded: one library, one state.
fn module() -> Pkcs11 {
    let module = Pkcs11::new(MODULE).unwrap();
    // The program may have been first.
    let _ = module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK));
    module
}

fn slot(module: &Pkcs11, label: &str) -> Slot {
    let is_it = |slot: &Slot| module.get_token_info(*slot).unwrap().label() == label;
    module.get_slots_with_initialized_token().unwrap().into_iter().find(is_it).unwrap()
}

fn pin(text: &str) -> AuthPin {
    AuthPin::new(text.into())
}

/// A session that may write.
fn hand(label: &str) -> Session {
    let module = module();
    let session = module.open_rw_session(slot(&module, label)).unwrap();
    // A login is the whole process's.
    let _ = session.login(UserType::User, Some(&pin(PIN)));
    session
}

fn put_certificate(token: &str, certificate: &Certificate, label: &str, id: &[u8]) {
    let object = [
        Attribute::Class(ObjectClass::CERTIFICATE),
        Attribute::CertificateType(CertificateType::X_509),
        Attribute::Token(true),
        Attribute::Label(label.as_bytes().to_vec()),
        Attribute::Id(id.to_vec()),
        Attribute::Subject(certificate.subject().der().to_vec()),
        Attribute::Value(certificate.der().to_vec()),
    ];
    hand(token).create_object(&object).unwrap();
}

fn certify(key: &Key, number: u64) -> Certificate {
    issue::leader(&name("Người ký"), key.public(), serial(number), LIFE, "a@example.vn")
        .signed_by(&World::plain().ca)
        .unwrap()
}

fn uri(rest: &str) -> TokenUri {
    match format!("pkcs11:{rest}?module-path={MODULE}").parse().unwrap() {
        KeyName::Token(uri) => *uri,
        other => panic!("{other:?}"),
    }
}

fn open(rest: &str) -> Result<TokenKey, Error> {
    open_with(rest, Some(PIN), None)
}

fn open_with(rest: &str, pin: Option<&str>, given: Option<Certificate>) -> Result<TokenKey, Error> {
    let (uri, limits) = (uri(rest), Limits::default());
    let token = Token::open(&uri, pin.map(Pin::from), &limits)?;
    TokenKey::open(Arc::new(token), &uri, given, &limits)
}

fn good(key: &TokenKey) -> Result<(), Error> {
    let scheme = key.usual_scheme();
    let signature = key.sign(scheme, b"message")?;
    verify(key.public().spki(), scheme, b"message", signature.as_bytes())
}

#[test]
fn d28_every_scheme_signs_in_a_token() {
    alone("d28_every_scheme_signs_in_a_token", |house| {
        make_token("Con dấu");
        let sizes = [Size::Rsa2048, Size::Rsa3072, Size::P256, Size::P384, Size::P521, Size::Ed25519];
        for (number, size) in sizes.into_iter().enumerate() {
            let (key, id) = (Key::generate(size).unwrap(), format!("0{number}"));
            import(house, "Con dấu", &key, &id, &id);
            put_certificate("Con dấu", &certify(&key, 100 + number as u64), &id, &[number as u8]);
            let in_token = open(&format!("token=Con%20d%E1%BA%A5u;id=%0{number}")).unwrap();
            assert_eq!(in_token.public(), key.public());
            for scheme in Scheme::ALL {
                let what = format!("{scheme:?} with {size:?}");
                let signed = in_token.sign(scheme, b"message");
                assert_eq!(signed.is_ok(), scheme.fits(key.kind()), "{what}: {signed:?}");
                let Ok(signature) = signed else { continue };
                verify(key.public().spki(), scheme, b"message", signature.as_bytes()).unwrap();
                let Some(hash) = scheme.hash(b"message") else { continue };
                let signature = in_token.sign_digest(scheme, &hash).unwrap();
                verify(key.public().spki(), scheme, b"message", signature.as_bytes()).unwrap();
            }
            assert!(in_token.is_slow());
        }
        assert!(
            matches!(open("token=Con%20d%E1%BA%A5u"), Err(Error::KeyMissing(why)) if why.contains("several"))
        );
    });
}

#[test]
fn d28_a_key_is_chosen_by_its_certificate() {
    alone("d28_a_key_is_chosen_by_its_certificate", |house| {
        make_token("T");
        let keys = [Key::generate(Size::Rsa2048).unwrap(), Key::generate(Size::Rsa2048).unwrap()];
        let certificates = [certify(&keys[0], 100), certify(&keys[1], 101)];
        import(house, "T", &keys[0], "first", "01");
        import(house, "T", &keys[1], "second", "02");
        let ca = World::plain().ca.certificate().clone();
        put_certificate("T", &ca, "ca", &[9]);
        assert!(matches!(open("token=T"), Err(Error::KeyMissing(why)) if why.contains("no such certificate")
            || why.contains("not in the token")));
        // A certificate from a file finds its key by the key itself.
        for (key, certificate) in keys.iter().zip(&certificates) {
            let opened = open_with("token=T", Some(PIN), Some(certificate.clone())).unwrap();
            assert_eq!(opened.public(), key.public());
            good(&opened).unwrap();
        }
        // The certificate bears the id of the other key: the modulus knows better.
        put_certificate("T", &certificates[0], "seal", &[2]);
        let opened = open("token=T;object=seal").unwrap();
        assert_eq!(opened.certificate(), &certificates[0]);
        good(&opened).unwrap();
        assert_eq!(opened.others(), [ca]);
        // Only one certificate has a key here, so it need not be named.
        assert_eq!(open("token=T").unwrap().certificate(), &certificates[0]);
        let stranger = certify(&Key::generate(Size::P256).unwrap(), 103);
        let refused = open_with("token=T", Some(PIN), Some(stranger));
        assert!(matches!(refused, Err(Error::KeyMissing(_))), "{refused:?}");
        assert!(matches!(open("token=T;object=none"), Err(Error::KeyMissing(_))));
        assert_eq!(open("token=none").map(drop), Err(Error::TokenAbsent));
        assert!(matches!(open("token=T;serial=none"), Err(Error::TokenAbsent)));
    });
}

#[test]
fn d28_elliptic_keys_are_chosen_by_their_point() {
    alone("d28_elliptic_keys_are_chosen_by_their_point", |house| {
        make_token("T");
        let keys = [Key::generate(Size::P256).unwrap(), Key::generate(Size::P256).unwrap()];
        import(house, "T", &keys[0], "first", "01");
        import(house, "T", &keys[1], "second", "02");
        for (number, key) in keys.iter().enumerate() {
            let opened = open_with("token=T", Some(PIN), Some(certify(key, number as u64 + 100))).unwrap();
            good(&opened).unwrap();
        }
    });
}

/// Tokens lock themselves after a few wrong PINs; SoftHSM only counts, which is what can be seen.
#[test]
fn a_wrong_pin_is_tried_once() {
    alone("a_wrong_pin_is_tried_once", |house| {
        make_token("T");
        let key = Key::generate(Size::P256).unwrap();
        import(house, "T", &key, "k", "01");
        put_certificate("T", &certify(&key, 100), "k", &[1]);
        let logged_out = hand("T");
        logged_out.logout().unwrap();
        assert_eq!(open_with("token=T", None, None).map(drop), Err(Error::PinNeeded));
        assert_eq!(open_with("token=T", Some("000000"), None).map(drop), Err(Error::PinWrong));
        good(&open("token=T").unwrap()).unwrap();
        // A PIN that was good and is changed behind our back: one failure, and from then on silence.
        let opened = open("token=T").unwrap();
        logged_out.set_pin(&pin(PIN), &pin("654321")).unwrap();
        logged_out.logout().unwrap();
        let slot = slot(&module(), "T");
        assert_eq!(good(&opened), Err(Error::PinWrong));
        assert!(module().get_token_info(slot).unwrap().user_pin_count_low(), "the token has counted one");
        logged_out.login(UserType::User, Some(&pin("654321"))).unwrap();
        logged_out.logout().unwrap();
        assert!(!module().get_token_info(slot).unwrap().user_pin_count_low());
        assert_eq!(good(&opened), Err(Error::PinWrong));
        assert!(!module().get_token_info(slot).unwrap().user_pin_count_low(), "no second attempt");
        good(&open_with("token=T", Some("654321"), None).unwrap()).unwrap();
    });
}

#[test]
fn a_token_that_forgot_us_is_asked_again() {
    alone("a_token_that_forgot_us_is_asked_again", |house| {
        make_token("T");
        let key = Key::generate(Size::Rsa2048).unwrap();
        let certificate = certify(&key, 100);
        import(house, "T", &key, "k", "01");
        put_certificate("T", &certificate, "k", &[1]);
        let opened = open("token=T;object=k").unwrap();
        good(&opened).unwrap();
        // Somebody logs everybody out: CKR_USER_NOT_LOGGED_IN, or a key that cannot be seen.
        hand("T").logout().unwrap();
        good(&opened).unwrap();
        // Whoever looks for a key then sees none, and is not told why.
        let (uri, limits) = (uri("token=T"), Limits::default());
        let token = Arc::new(Token::open(&uri, Some(Pin::from(PIN)), &limits).unwrap());
        hand("T").logout().unwrap();
        good(&TokenKey::open(token, &uri, Some(certificate.clone()), &limits).unwrap()).unwrap();
        // The module was shut down behind our back: CKR_CRYPTOKI_NOT_INITIALIZED.
        module().finalize().unwrap();
        good(&opened).unwrap();
        // Shut down and started again: CKR_SESSION_HANDLE_INVALID.
        module().finalize().unwrap();
        let module = module();
        good(&opened).unwrap();
        // The token is initialised anew, and the key put in once more.
        module.clone().finalize().unwrap();
        let module = self::module();
        module.init_token(slot(&module, "T"), &pin(SO_PIN), "T").unwrap();
        let refused = good(&opened);
        assert!(refused.is_err(), "there is no key any more");
        let session = module.open_rw_session(slot(&module, "T")).unwrap();
        session.login(UserType::So, Some(&pin(SO_PIN))).unwrap();
        session.init_pin(&pin(PIN)).unwrap();
        session.logout().unwrap();
        drop(session);
        import_here("T", &key);
        put_certificate("T", &certificate, "k", &[1]);
        good(&opened).unwrap_or_else(|error| panic!("{error}, after {refused:?}"));
    });
}

/// Puts an RSA key in from this process: a token initialised anew here is not seen by others at once.
fn import_here(token: &str, key: &Key) {
    let rsa = openssl::rsa::Rsa::private_key_from_pem(&key.to_pem().unwrap()).unwrap();
    let object = [
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::KeyType(cryptoki::object::KeyType::RSA),
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Sign(true),
        Attribute::Id(vec![1]),
        Attribute::Modulus(rsa.n().to_vec()),
        Attribute::PublicExponent(rsa.e().to_vec()),
        Attribute::PrivateExponent(rsa.d().to_vec()),
        Attribute::Prime1(rsa.p().unwrap().to_vec()),
        Attribute::Prime2(rsa.q().unwrap().to_vec()),
        Attribute::Exponent1(rsa.dmp1().unwrap().to_vec()),
        Attribute::Exponent2(rsa.dmq1().unwrap().to_vec()),
        Attribute::Coefficient(rsa.iqmp().unwrap().to_vec()),
    ];
    hand(token).create_object(&object).unwrap();
}

#[test]
fn many_threads_share_a_bounded_number_of_sessions() {
    alone("many_threads_share_a_bounded_number_of_sessions", |house| {
        make_token("T");
        let key = Key::generate(Size::P256).unwrap();
        import(house, "T", &key, "k", "01");
        put_certificate("T", &certify(&key, 100), "k", &[1]);
        let (uri, limits) = (uri("token=T"), Limits { token_sessions: 2, ..Limits::default() });
        let token = Arc::new(Token::open(&uri, Some(Pin::from(PIN)), &limits).unwrap());
        let keys: Vec<TokenKey> =
            (0..3).map(|_| TokenKey::open(token.clone(), &uri, None, &limits).unwrap()).collect();
        assert_eq!(token.sessions(), 1, "one does while nobody else asks");
        std::thread::scope(|scope| {
            for thread in 0..12 {
                let key = &keys[thread % keys.len()];
                scope.spawn(move || (0..20).for_each(|_| good(key).unwrap()));
            }
        });
        assert_eq!(token.sessions(), 2, "as many as may be, and no more");
        // One session and no patience: whoever comes second is told so, and may come again.
        let limits = Limits { token_sessions: 1, token_wait_millis: 0, ..limits };
        let token = Arc::new(Token::open(&uri, Some(Pin::from(PIN)), &limits).unwrap());
        let key = TokenKey::open(token, &uri, None, &limits).unwrap();
        let busy = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let told = |_: &u32| good(&key) == Err(Error::TokenBusy);
                    busy.fetch_add((0..100).filter(told).count(), std::sync::atomic::Ordering::Relaxed);
                });
            }
        });
        let busy = busy.into_inner();
        assert!((1..800).contains(&busy), "{busy} of 800 were told to come again");
        assert!(Error::TokenBusy.is_temporary());
        good(&key).unwrap();
    });
}

/// A card for qualified signatures wants its PIN at every signature.
#[test]
fn a_key_that_wants_its_pin_each_time_gets_it() {
    alone("a_key_that_wants_its_pin_each_time_gets_it", |_| {
        use cryptoki::mechanism::Mechanism;
        use cryptoki::object::AttributeType;
        make_token("T");
        let session = hand("T");
        let public = [Attribute::Token(true), Attribute::ModulusBits(2048.into()), Attribute::Id(vec![1])];
        let private = [
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
            Attribute::AlwaysAuthenticate(true),
            Attribute::Id(vec![1]),
        ];
        // Made in the token: this key was never anywhere else.
        let (public, _) =
            session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private).unwrap();
        let numbers =
            session.get_attributes(public, &[AttributeType::Modulus, AttributeType::PublicExponent]).unwrap();
        let number = |at: usize| match &numbers[at] {
            Attribute::Modulus(bytes) | Attribute::PublicExponent(bytes) => {
                openssl::bn::BigNum::from_slice(bytes).unwrap()
            }
            other => panic!("{other:?}"),
        };
        let rsa = openssl::rsa::Rsa::from_public_components(number(0), number(1)).unwrap();
        let spki = openssl::pkey::PKey::from_rsa(rsa).unwrap().public_key_to_der().unwrap();
        let public = certs::keys::PublicKey::from_spki(&spki).unwrap();
        let certificate = issue::leader(&name("Thẻ"), &public, serial(100), LIFE, "a@example.vn")
            .signed_by(&World::plain().ca)
            .unwrap();
        put_certificate("T", &certificate, "card", &[1]);
        let opened = open("token=T").unwrap();
        for _ in 0..3 {
            good(&opened).unwrap();
        }
        let scheme = Scheme::RsaPssSha256;
        let signature = opened.sign(scheme, b"m").unwrap();
        verify(public.spki(), scheme, b"m", signature.as_bytes()).unwrap();
        let digest = scheme.hash(b"m").unwrap();
        assert!(matches!(opened.sign_digest(scheme, &digest), Err(Error::Unsupported(_))));
    });
}

#[test]
fn what_is_no_module_says_so_and_prints_no_pin() {
    for path in ["/nowhere/module.so", "/bin/sh", "/usr/lib/x86_64-linux-gnu/libssl.so.3"] {
        let uri = TokenUri { module: PathBuf::from(path), ..TokenUri::default() };
        let error = Token::open(&uri, Some(Pin::from("secret")), &Limits::default()).unwrap_err();
        assert!(matches!(&error, Error::TokenModule(_)), "{error}");
        assert!(!format!("{error:?} {error}").contains("secret"));
    }
    assert_eq!(format!("{:?}", Pin::from("secret")), "Pin(…)");
}
