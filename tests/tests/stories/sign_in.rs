//! Signing in to hand mail in, with mail programs that are not ours; and how much may be sent.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use tests::{Account, Engine, Jmap, Program};

use crate::on_both_engines;

on_both_engines! {
    m35_a_token_of_the_single_sign_on_opens_the_door => a_token_opens,
    msmtp_signs_in_by_every_mechanism_it_has => msmtp_signs_in,
    a_sending_limit_is_told_and_lifted => a_limit_is_told,
}

fn clerks(program: &Program) -> (Account, Account) {
    let (ours, theirs) = program.systems();
    (program.account(&ours.agency, "clerk").clone(), program.account(&theirs.agency, "clerk").clone())
}

/// Hands a letter in with msmtp over TLS from the first byte.
fn msmtp(program: &Program, from: &Account, to: &Account, mechanism: &str, subject: &str) -> Output {
    let mut child = Command::new("msmtp")
        .args(["--host=127.0.0.1", &format!("--port={}", program.ports.submissions)])
        .args(["--tls=on", "--tls-starttls=off", "--tls-certcheck=off"])
        .args([&format!("--auth={mechanism}"), &format!("--user={}", from.address)])
        .args([&format!("--passwordeval=echo '{}'", from.password), &format!("--from={}", from.address)])
        .arg(&to.address)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("msmtp is installed (make test does)");
    let letter = format!("From: {}\nTo: {}\nSubject: {subject}\n\nxin chao\n", from.address, to.address);
    child.stdin.take().expect("a pipe").write_all(letter.as_bytes()).expect("msmtp reads");
    child.wait_with_output().expect("msmtp ends")
}

/// RFC 7677, RFC 4616 and LOGIN.
async fn msmtp_signs_in(engine: Engine) {
    let program = Program::demo(engine).await;
    let (an, binh) = clerks(&program);
    let jmap = Jmap::sign_in(&program, &binh).await;
    for mechanism in ["scram-sha-256", "plain", "login"] {
        let subject = format!("Bang {mechanism}");
        let sent = msmtp(&program, &an, &binh, mechanism, &subject);
        assert!(sent.status.success(), "{mechanism}: {}", String::from_utf8_lossy(&sent.stderr));
        jmap.wait_for(&subject).await;
    }
    let guess = Account { password: "Sai-mat-khau-1".to_owned(), ..an };
    for mechanism in ["scram-sha-256", "plain", "login"] {
        let sent = msmtp(&program, &guess, &binh, mechanism, "khong gui duoc");
        let told = String::from_utf8_lossy(&sent.stderr);
        assert!(!sent.status.success() && told.contains("535"), "{mechanism}: {told}");
    }
}

/// An issuer of tokens: a key made by OpenSSL, and what it signs.
pub(crate) struct Issuer {
    key: std::path::PathBuf,
}

impl Issuer {
    /// Makes the key and writes its public half as a JWK set.
    pub(crate) fn new(folder: &std::path::Path) -> Self {
        let key = folder.join("sso.pem");
        let path = key.to_str().expect("a plain path");
        openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", path], b"");
        let told = openssl(&["rsa", "-in", path, "-noout", "-modulus"], b"");
        let told = String::from_utf8(told).expect("text");
        let digits = told.trim().strip_prefix("Modulus=").expect("a modulus");
        let bytes: Vec<u8> = (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal"))
            .collect();
        let set = serde_json::json!({ "keys": [{ "kty": "RSA", "kid": "1", "use": "sig", "n": base64url(&bytes), "e": "AQAB" }] });
        std::fs::write(folder.join("sso.json"), set.to_string()).expect("keys");
        Self { key }
    }

    pub(crate) fn token(&self, address: &str, lasts: i64) -> String {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
        let claims = serde_json::json!({
            "iss": "https://sso.mau.test", "aud": "congvan", "exp": now.as_secs() as i64 + lasts, "email": address,
        });
        let header = serde_json::json!({ "alg": "RS256", "kid": "1" });
        let signed = format!(
            "{}.{}",
            base64url(header.to_string().as_bytes()),
            base64url(claims.to_string().as_bytes())
        );
        let key = self.key.to_str().expect("a plain path");
        let mark = openssl(&["dgst", "-sha256", "-sign", key], signed.as_bytes());
        format!("{signed}.{}", base64url(&mark))
    }
}

fn base64url(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("OpenSSL is installed (make test does)");
    child.stdin.take().expect("a pipe").write_all(input).expect("OpenSSL reads");
    let output = child.wait_with_output().expect("OpenSSL ends");
    assert!(output.status.success(), "openssl {arguments:?}");
    output.stdout
}

/// RFC 7628 and its elder: the token in place of the password.
async fn a_token_opens(engine: Engine) {
    let mut program = Program::demo(engine).await;
    let issuer = Issuer::new(&program.data);
    let (an, binh) = clerks(&program);
    let jmap = Jmap::sign_in(&program, &binh).await;
    // Without a single sign-on no token opens anything.
    let shown = |token: String| Account { password: token, ..an.clone() };
    let early = msmtp(&program, &shown(issuer.token(&an.address, 300)), &binh, "oauthbearer", "som");
    assert!(!early.status.success(), "{}", String::from_utf8_lossy(&early.stderr));
    program.stop().await;
    let config = std::fs::read_to_string(program.config()).expect("a configuration");
    std::fs::write(program.config(), with_single_sign_on(&config)).expect("a configuration");
    program.start().await;
    for mechanism in ["oauthbearer", "xoauth2"] {
        let subject = format!("Bang the {mechanism}");
        let good = msmtp(&program, &shown(issuer.token(&an.address, 300)), &binh, mechanism, &subject);
        assert!(good.status.success(), "{mechanism}: {}", String::from_utf8_lossy(&good.stderr));
        jmap.wait_for(&subject).await;
        for (why, token) in
            [("over", issuer.token(&an.address, -300)), ("another's", issuer.token(&binh.address, 300))]
        {
            let bad = msmtp(&program, &shown(token), &binh, mechanism, "khong gui duoc");
            assert!(!bad.status.success(), "{mechanism} {why}");
        }
    }
}

async fn a_limit_is_told(engine: Engine) {
    let program = Program::demo(engine).await;
    let (an, binh) = clerks(&program);
    let jmap = Jmap::sign_in(&program, &binh).await;
    let limit = |verb: &'static str| {
        let address = an.address.clone();
        move |more: &[&str]| {
            let mut words =
                vec!["sending-limit".to_owned(), verb.to_owned(), "--account".to_owned(), address.clone()];
            words.extend(more.iter().map(|word| (*word).to_owned()));
            words
        }
    };
    let run = async |words: Vec<String>| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        program.must(&words).await
    };
    run(limit("set")(&["--messages-per-hour", "2", "--recipients-per-day", "0", "--decision", "1/QĐ"])).await;
    for n in 1..=2 {
        let sent = msmtp(&program, &an, &binh, "plain", &format!("Thu {n}"));
        assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
        jmap.wait_for(&format!("Thu {n}")).await;
    }
    let third = msmtp(&program, &an, &binh, "plain", "Thu 3");
    let told = String::from_utf8_lossy(&third.stderr);
    assert!(!third.status.success() && told.contains("451") && told.contains("gioi han"), "{told}");
    let shown = run(limit("show")(&["--json"])).await;
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(
        (&shown["recipients_in_day"], &shown["own_limit"]["decision"]),
        (&2.into(), &"1/QĐ".into()),
        "{shown}"
    );
    run(limit("remove")(&[])).await;
    let sent = msmtp(&program, &an, &binh, "plain", "Thu 4");
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
    jmap.wait_for("Thu 4").await;
}

/// The configuration with a single sign-on whose keys are in `sso.json`.
pub(crate) fn with_single_sign_on(config: &str) -> String {
    let changed = config
        .replace("issuer = \"\"", "issuer = \"https://sso.mau.test\"")
        .replace("keys = \"\"", "keys = \"sso.json\"");
    assert_ne!(changed, config);
    changed
}
