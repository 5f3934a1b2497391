//! The mail doors beyond the everyday: octets as they are, a time to deliver by, front ends, a socket of the machine, certificates, and who may
//! stay. The clients are Python's smtplib and imaplib, swaks, and a Postfix.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use serde_json::{Value, json};
use tests::{Account, Engine, Jmap, Postfix, Program, Swaks, free_port};

use crate::long_connections::sql;
use crate::on_both_engines;

on_both_engines! {
    rfc_3030_octets_as_they_are_come_and_leave => octets_as_they_are,
    rfc_2852_a_time_to_deliver_by_is_kept => a_time_to_deliver_by,
    xclient_a_front_end_says_for_whom_it_stands => front_ends,
    rfc_2033_lmtp_by_a_socket_of_the_machine => by_a_socket,
    rfc_4422_a_certificate_signs_its_holder_in => with_a_certificate,
    m20_m25_a_submission_ends_with_its_right => a_right_ends,
}

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stories/receiving.py");

/// What a client of Python comes to.
fn client(arguments: &[&str]) -> Value {
    let output = Command::new("python3").arg(SCRIPT).args(arguments).output().expect("python3");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a JSON value")
}

fn clerk(program: &Program) -> Account {
    program.account(&program.systems().0.agency, "clerk").clone()
}

/// Locks an account (RULES M20).
fn lock(program: &Program, who: &Account) {
    let whose = format!("(SELECT account_id FROM address WHERE address_folded = '{}')", who.address);
    sql(program, &format!("UPDATE account SET state = 'locked' WHERE account_id = {whose}"));
}

async fn routed(program: &Program, port: u16) {
    program.must(&["route", "add", "outside.test", &format!("127.0.0.1:{port}")]).await;
}

async fn octets_as_they_are(engine: Engine) {
    let program = Program::demo(engine).await;
    let postfix = Postfix::start("outside.test", program.ports.smtp);
    routed(&program, postfix.port).await;
    let clerk = clerk(&program);
    let picture = client(&["picture"]);
    let picture = base64::engine::general_purpose::STANDARD.decode(picture.as_str().unwrap()).unwrap();
    // In: kept to the octet, whatever it is read with. It comes by BDAT and not by DATA.
    let (smtp, submissions, imaps) = (
        program.ports.smtp.to_string(),
        program.ports.submissions.to_string(),
        program.ports.imaps.to_string(),
    );
    let taken = client(&["binary", &smtp, "an@outside.test", &clerk.address, "Anh den"]);
    assert_eq!(taken, json!({ "offered": true, "data": 503, "first": 250, "last": 250 }));
    let jmap = Jmap::sign_in(&program, &clerk).await;
    let letter = jmap.wait_for("Anh den").await;
    let attachment = &letter["attachments"][0];
    assert_eq!((&attachment["name"], &attachment["size"]), (&json!("anh.png"), &json!(picture.len())));
    assert_eq!(jmap.download(attachment["blobId"].as_str().unwrap()).await, picture);
    let fetched = client(&["fetch_binary", &imaps, &clerk.address, &clerk.password, "2"]);
    assert_eq!(fetched, json!({ "same": true, "size": picture.len() }));
    // Out: a Postfix takes lines only.
    let who = [clerk.address.as_str(), clerk.password.as_str()];
    let sent =
        client(&[&["binary", &submissions, &clerk.address, "an@outside.test", "Anh di"][..], &who].concat());
    assert_eq!(sent["last"], 250, "{sent}");
    let received = postfix.wait_for("Anh di");
    let digits: String = received
        .split("Content-Transfer-Encoding: base64")
        .nth(1)
        .expect("base64")
        .split("--b1")
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    assert_eq!(base64::engine::general_purpose::STANDARD.decode(digits).unwrap(), picture);
    assert!(!received.contains("Encoding: binary"), "{received}");
    // What the author's program does not say of itself.
    let nameless = "Subject: Khong ai viet\n\nx\n";
    let talk = Swaks::submit(&program, &clerk, "an@outside.test").args(["--data", nameless]).send();
    talk.must_be_refused(&["554-5.6.0", "554 5.6.0", "exactly one From"]);
    let twice = format!("From: {0}\nFrom: {0}\nSubject: Hai lan\n\nx\n", clerk.address);
    let talk = Swaks::submit(&program, &clerk, "an@outside.test").args(["--data", &twice]).send();
    talk.must_be_refused(&["554 5.6.0"]);
    program.doctor().await;
}

/// The report that comes, with these words in it.
async fn report(program: &Program, jmap: &Jmap, words: &[&str]) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        for message in jmap.messages("inbox").await {
            let whole = jmap.download(message["blobId"].as_str().unwrap()).await;
            let whole = String::from_utf8_lossy(&whole).into_owned();
            if words.iter().all(|words| whole.contains(words)) {
                return;
            }
        }
        assert!(std::time::Instant::now() < deadline, "no report with {words:?}\n{}", program.log());
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

async fn a_time_to_deliver_by(engine: Engine) {
    let program = Program::demo(engine).await;
    let clerk = clerk(&program);
    let port = program.ports.submissions.to_string();
    let timed = |by: &str| client(&["timed", &port, &clerk.address, &clerk.password, "an@outside.test", by]);
    // Nobody answers there; when its time is over it is given back, long before the next attempt.
    routed(&program, free_port()).await;
    assert_eq!(timed("5;R"), json!({ "offered": "5", "mail": 250, "done": 250 }));
    assert_eq!(timed("4;R")["mail"], 554);
    assert_eq!(timed("0;R")["mail"], 501);
    let jmap = Jmap::sign_in(&program, &clerk).await;
    report(&program, &jmap, &["Action: failed", "Status: 5.4.7", "Deliver-By-Date: "]).await;
    // One that goes on: its sender hears that it is late.
    assert_eq!(timed("6;N")["done"], 250);
    report(&program, &jmap, &["Action: delayed", "Deliver-By-Date: ", "Will-Retry-Until: "]).await;
    // A Postfix promises no time: what is only to be told goes on, and that is told; what is to be given back comes back.
    let postfix = Postfix::start("outside.test", program.ports.smtp);
    routed(&program, postfix.port).await;
    program.must(&["queue", "retry", "--destination", "outside.test"]).await;
    assert_eq!(timed("3600;N")["done"], 250);
    report(&program, &jmap, &["Action: relayed", "Deliver-By-Date: "]).await;
    assert_eq!(timed("3600;R")["done"], 250);
    report(&program, &jmap, &["Action: failed", "Status: 5.3.3"]).await;
    program.doctor().await;
}

async fn front_ends(engine: Engine) {
    let trusted = ("xclient_from = []", "xclient_from = [\"127.0.0.1\"]");
    let mut program = Program::demo_of(engine, "H99", &[trusted]).await;
    let clerk = clerk(&program);
    let jmap = Jmap::sign_in(&program, &clerk).await;
    let told =
        ["--xclient-addr", "192.0.2.9", "--xclient-name", "mx.outside.test", "--xclient-helo", "that.test"];
    let letter =
        Swaks::stranger(&program, "an@outside.test", &clerk.address).subject("Qua cua truoc").args(told);
    letter.send().must_be_taken(&program);
    let message = jmap.wait_for("Qua cua truoc").await;
    let whole = jmap.download(message["blobId"].as_str().unwrap()).await;
    let whole = String::from_utf8(whole).unwrap();
    assert!(whole.contains("Received: from that.test (mx.outside.test [192.0.2.9])"), "{whole}");
    let traced = program.trace(&[message["messageId"][0].as_str().unwrap()]).await;
    assert!(serde_json::to_string(&traced).unwrap().contains("192.0.2.9"), "{traced:?}");
    // Who signed in there it may not say, unless it is told that it may.
    let login = format!("LOGIN={}", clerk.address);
    let xclient = |program: &Program, tls: &str, words: &str| {
        let port = if tls.is_empty() { program.ports.smtp } else { program.ports.submissions };
        client(&["xclient", &port.to_string(), tls, words])
    };
    let attributes = "NAME ADDR PORT PROTO HELO DESTADDR DESTPORT";
    assert_eq!(xclient(&program, "tls", &login), json!({ "offered": attributes, "code": 550 }));
    assert_eq!(xclient(&program, "", "ADDR=0.0.0.0")["code"], 501);
    program.stop().await;
    let change = |from: &str, to: &str| {
        let text = std::fs::read_to_string(program.config()).expect("a configuration");
        assert!(text.contains(from), "{from}");
        std::fs::write(program.config(), text.replace(from, to)).expect("a configuration");
    };
    change("xclient_login = false", "xclient_login = true");
    program.start().await;
    let letter = Swaks::at(program.ports.submissions).subject("Da dang nhap o ngoai");
    let path =
        ["--tlsc", "--from", &clerk.address, "--to", &clerk.address, "--xclient-login", &clerk.address];
    letter.args(path).send().must_be_taken(&program);
    Jmap::sign_in(&program, &clerk).await.wait_for("Da dang nhap o ngoai").await;
    assert_eq!(xclient(&program, "", &login)["code"], 550, "nobody signs in at port 25");
    assert_eq!(xclient(&program, "tls", "LOGIN=khong.co@nha.test")["code"], 550);
    lock(&program, &clerk);
    assert_eq!(xclient(&program, "tls", &login)["code"], 550);
    // A stranger says nothing.
    program.stop().await;
    let text = std::fs::read_to_string(program.config()).expect("a configuration");
    std::fs::write(program.config(), text.replace(trusted.1, trusted.0)).expect("a configuration");
    program.start().await;
    for tls in ["", "tls"] {
        assert_eq!(xclient(&program, tls, "ADDR=192.0.2.9"), json!({ "offered": null, "code": 550 }));
    }
    program.doctor().await;
}

async fn by_a_socket(engine: Engine) {
    let change = ("\nsocket = \"\"", "\nsocket = \"lmtp.sock\"");
    let mut program = Program::demo_of(engine, "H99", &[change]).await;
    let clerk = clerk(&program);
    let leader = program.account(&clerk.agency, "leader").clone();
    let path = program.data.join("lmtp.sock");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o660);
    let door = path.to_str().unwrap();
    let (_, domain) = clerk.address.split_once('@').unwrap();
    let nobody = format!("khong.co@{domain}");
    let answers = client(&["lmtp", door, "an@outside.test", &clerk.address, &nobody, &leader.address]);
    assert_eq!(answers, json!({ "asked": [250, 550, 250], "taken": [250, 250] }));
    let letter = Jmap::sign_in(&program, &clerk).await.wait_for("Qua socket").await;
    assert_eq!(letter["from"][0]["email"], "an@outside.test");
    // A program that was killed leaves its socket, and the next one puts its own there.
    program.kill().await;
    assert!(path.exists());
    program.start().await;
    let answers = client(&["lmtp", door, "an@outside.test", &clerk.address]);
    assert_eq!(answers["taken"], json!([250]));
    program.stop().await;
    assert!(!path.exists(), "the socket goes with the program");
}

/// An authority of certificates, and what it makes.
struct Authority<'d>(&'d Path);

impl Authority<'_> {
    fn openssl(&self, line: &str) {
        let output =
            Command::new("openssl").args(line.split(' ')).current_dir(self.0).output().expect("openssl");
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn make(&self, name: &str) {
        self.openssl(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={name} -keyout {name}.key -out {name}.pem"
        ));
    }

    /// A certificate of an address: its file, with the key.
    fn certify(&self, authority: &str, name: &str, address: &str) -> String {
        let extensions = format!("subjectAltName=email:{address}\nextendedKeyUsage=clientAuth\n");
        std::fs::write(self.0.join(format!("{name}.ext")), extensions).expect("a file");
        self.openssl(&format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr"
        ));
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA {authority}.pem -CAkey {authority}.key -CAcreateserial -days 2 -extfile {name}.ext -out {name}.crt"
        ));
        let read = |end: &str| std::fs::read_to_string(self.0.join(format!("{name}.{end}"))).expect("a file");
        let both = self.0.join(format!("{name}.both"));
        std::fs::write(&both, [read("crt"), read("key")].concat()).expect("a file");
        both.to_str().expect("a plain path").to_owned()
    }

    /// A revocation list with one certificate on it.
    fn revoke(&self, authority: &str, name: &str) {
        std::fs::write(self.0.join("index.txt"), "").expect("a file");
        std::fs::write(self.0.join("number"), "01\n").expect("a file");
        let config = "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncrlnumber=number\ndefault_md=sha256\ndefault_crl_days=2\n\
             crl_extensions=x\n[x]\nauthorityKeyIdentifier=keyid:always\n";
        std::fs::write(self.0.join("ca.cnf"), config).expect("a file");
        let by = format!("-config ca.cnf -cert {authority}.pem -keyfile {authority}.key");
        self.openssl(&format!("ca {by} -revoke {name}.crt"));
        self.openssl(&format!("ca {by} -gencrl -out crl.pem"));
    }
}

async fn with_a_certificate(engine: Engine) {
    let mut program = Program::demo(engine).await;
    let (clerk, other) = (clerk(&program), program.account(&program.systems().1.agency, "clerk").clone());
    let paper = tempfile::tempdir().expect("a directory");
    let authority = Authority(paper.path());
    authority.make("ours");
    authority.make("theirs");
    let good = authority.certify("ours", "an", &clerk.address);
    let nobody = authority.certify("ours", "nobody", "khong.co@nha.test");
    let lost = authority.certify("ours", "lost", &clerk.address);
    let foreign = authority.certify("theirs", "foreign", &clerk.address);
    authority.revoke("ours", "lost");
    // Without authorities nobody signs in so.
    let submissions = program.ports.submissions.to_string();
    let smtp = |certificate: &str, wanted: &str, port: &str| {
        client(&["external_smtp", port, certificate, wanted, &clerk.address, &other.address])
    };
    assert_eq!(smtp(&good, "", &submissions), json!({ "offered": false, "code": 504, "sent": null }));
    program.stop().await;
    let text = std::fs::read_to_string(program.config()).expect("a configuration");
    let file = |name: &str| format!("{:?}", paper.path().join(name).to_str().unwrap());
    let changed = text
        .replace(
            "authorities = \"\"\n# File of their",
            &format!("authorities = {}\n# File of their", file("ours.pem")),
        )
        .replace("revocations = \"\"", &format!("revocations = {}", file("crl.pem")));
    assert_ne!(changed, text);
    std::fs::write(program.config(), changed).expect("a configuration");
    program.start().await;
    let submissions = program.ports.submissions.to_string();
    let rows = [
        // certificate, who is wanted: what it comes to
        (good.as_str(), "", json!({ "offered": true, "code": 235, "sent": 250 })),
        (&good, clerk.address.as_str(), json!({ "offered": true, "code": 235, "sent": 250 })),
        (&good, &other.address, json!({ "offered": true, "code": 535, "sent": null })),
        (&nobody, "", json!({ "offered": true, "code": 535, "sent": null })),
        ("", "", json!({ "offered": false, "code": 504, "sent": null })),
    ];
    for (certificate, wanted, expected) in &rows {
        assert_eq!(
            smtp(certificate, wanted, &submissions),
            *expected,
            "{certificate} {wanted}\n{}",
            program.log()
        );
    }
    // Of another authority, and revoked: the handshake is refused.
    for certificate in [&foreign, &lost] {
        assert!(smtp(certificate, "", &submissions)["fault"].is_string(), "{certificate}");
    }
    let (imaps, imap) = (program.ports.imaps.to_string(), program.ports.imap.to_string());
    for (port, starttls) in [(&imaps, ""), (&imap, "yes")] {
        let read =
            |certificate: &str, wanted: &str| client(&["external_imap", port, certificate, wanted, starttls]);
        assert_eq!(
            read(&good, ""),
            json!({ "before": false, "offered": true, "ok": "OK", "select": "OK" }),
            "{}",
            program.log()
        );
        let refused = read(&good, &other.address);
        assert!(
            refused["refused"].as_str().is_some_and(|said| said.contains("AUTHENTICATIONFAILED")),
            "{refused}"
        );
        let without = read("", "");
        assert!(without["offered"] == false && without["refused"].is_string(), "{without}");
        assert!(read(&foreign, "")["fault"].is_string());
    }
    lock(&program, &clerk);
    let refused = smtp(&good, "", &submissions);
    assert_eq!((&refused["code"], &refused["sent"]), (&json!(525), &Value::Null), "{refused}");
    program.doctor().await;
}

async fn a_right_ends(engine: Engine) {
    let change = ("look_again_seconds = 60", "look_again_seconds = 1");
    let program = Program::demo_of(engine, "H99", &[change]).await;
    let clerk = clerk(&program);
    let port = program.ports.submissions.to_string();
    let mut waits = Command::new("python3")
        .args([SCRIPT, "waits", &port, &clerk.address, &clerk.password])
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    let mut said = BufReader::new(waits.stdout.take().expect("a pipe"));
    let mut line = String::new();
    said.read_line(&mut line).expect("a line");
    assert_eq!(line, "waits\n", "{}", program.log());
    program.must(&["account", "password", &clerk.address]).await;
    let mut end = String::new();
    said.read_to_string(&mut end).expect("an end");
    assert!(end.contains("421-4.7.0 ") && end.contains("421 4.7.0 The password has changed"), "{end}");
    assert!(waits.wait().expect("an end").success());
}
