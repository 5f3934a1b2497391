//! Who a mail is from: forged results are cut, what leaves is signed, and dkimpy (python3-dkim) agrees.

use std::io::{BufRead as _, Write as _};
use std::process::{Command, Stdio};

use serde_json::Value;
use tests::{Engine, Jmap, Postfix, Program, Swaks};

use crate::on_both_engines;

/// The small name server, and the suite that asks it.
pub(crate) const NAMES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stories/mail_names.py");

on_both_engines! {
    m35_mail_is_signed_and_forged_results_are_cut => signed_and_cut,
    rfc_7489_a_false_from_is_refused_marked_or_taken_as_its_domain_asks => false_froms,
}

async fn signed_and_cut(engine: Engine) {
    let program = Program::demo(engine).await;
    let postfix = Postfix::start("outside.test", program.ports.smtp);
    program.must(&["route", "add", "outside.test", &format!("127.0.0.1:{}", postfix.port)]).await;
    let agency = program.systems().0.agency.clone();
    let clerk = program.account(&agency, "clerk").clone();
    let (_, domain) = clerk.address.split_once('@').unwrap();

    let letter = format!(
        "AUTHENTICATION-RESULTS:\n (who) LocalHost; dmarc=pass header.from=forged.test\nAuthentication-Results: other.test; spf=pass\n\
         From: <an@outside.test>\nTo: <{}>\nSubject: Gia mao\nMessage-ID: <f1@outside.test>\n\
         Date: Sun, 22 Nov 2026 08:00:00 +0700\n\nx\n",
        clerk.address
    );
    postfix.send("an@outside.test", &clerk.address, &letter);
    let jmap = Jmap::sign_in(&program, &clerk).await;
    let message = jmap.wait_for("Gia mao").await;
    let whole = jmap.download(message["blobId"].as_str().unwrap()).await;
    let whole = String::from_utf8(whole).unwrap();
    assert!(!whole.contains("forged.test"), "{whole}");
    assert!(whole.contains("Authentication-Results: other.test"), "{whole}");
    // Postfix is on this machine: nothing was asked, and nothing else is said.
    assert!(whole.contains("Authentication-Results: localhost; none\r\n"), "{whole}");

    for algorithm in ["rsa", "ed25519"] {
        program.must(&["dkim", "new", domain, "--algorithm", algorithm, "--selector", algorithm]).await;
        // Nobody publishes anything for this domain.
        let early = program.command(&["dkim", "activate", domain, algorithm]).await;
        assert_eq!(early.status.code(), Some(1), "{}", String::from_utf8_lossy(&early.stderr));
        program.must(&["dkim", "activate", domain, algorithm, "--force"]).await;
    }
    let letter = Swaks::submit(&program, &clerk, "an@outside.test").subject("Da ky").body("Cam on.");
    letter.send().must_be_taken(&program);
    let received = postfix.wait_for("Da ky");
    let listed = program.command(&["dkim", "list", domain, "--json"]).await;
    let records: Vec<Value> = String::from_utf8(listed.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(dkimpy(&received, domain, &records), "[True, True]", "{received}");
}

/// Domains that ask for something: `own` says that this machine sends for it, the others that nobody does.
const ZONE: &str = r#"{
    "own.test": [{"TXT": "v=spf1 ip4:127.0.0.1 -all"}], "_dmarc.own.test": [{"TXT": "v=DMARC1; p=reject"}],
    "strict.test": [{"TXT": "v=spf1 -all"}], "_dmarc.strict.test": [{"TXT": "v=DMARC1; p=reject"}],
    "mild.test": [{"TXT": "v=spf1 -all"}], "_dmarc.mild.test": [{"TXT": "v=DMARC1; p=quarantine"}],
    "mute.test": ["TIMEOUT"], "_dmarc.mute.test": ["TIMEOUT"],
    "1.0.0.127.in-addr.arpa": [{"PTR": "mx.own.test"}], "mx.own.test": [{"A": "127.0.0.1"}]
}"#;

async fn false_froms(engine: Engine) {
    let bin = std::env::var("CONGVAN_PYHANKO")
        .expect("CONGVAN_PYHANKO is not set: scripts/test-tools (make test does)");
    let mut names = Command::new(format!("{bin}/python3"))
        .args([NAMES, "serve"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    let mut zone = names.stdin.take().unwrap();
    writeln!(zone, "{}", ZONE.replace('\n', " ")).unwrap();
    let mut address = String::new();
    std::io::BufReader::new(names.stdout.take().unwrap()).read_line(&mut address).unwrap();
    let servers = format!("\nservers = [\"{}\"]", address.trim());
    let changes = [
        ("\nservers = []", servers.as_str()),
        ("authenticate_loopback = false", "authenticate_loopback = true"),
        ("dmarc = \"mark\"", "dmarc = \"enforce\""),
    ];
    let program = Program::demo_of(engine, "H99", &changes).await;
    let clerk = program.account(&program.systems().0.agency, "clerk").clone();
    let rows = [
        ("own.test", true, "spf=pass smtp.mailfrom=own.test"),
        ("strict.test", false, "5.7.1"),
        ("mild.test", true, "dmarc=fail header.from=mild.test policy.dmarc=quarantine"),
        ("mute.test", true, "dmarc=temperror"),
    ];
    for (domain, is_taken, _) in rows {
        let letter = Swaks::stranger(&program, &format!("an@{domain}"), &clerk.address).body("x");
        let talk = letter.subject(&format!("Tu {domain}")).args(["--helo", "mx.own.test"]).send();
        assert_eq!(talk.is_taken(), is_taken, "{domain}: {}", talk.text);
        assert!(is_taken || talk.text.contains("550 5.7.1"), "{domain}: {}", talk.text);
    }
    let jmap = Jmap::sign_in(&program, &clerk).await;
    for (domain, _, words) in rows.iter().filter(|(_, is_taken, _)| *is_taken) {
        // It was committed before it was answered.
        let role = if *domain == "mild.test" { "junk" } else { "inbox" };
        let messages = jmap.messages(role).await;
        let ours = messages.into_iter().find(|message| message["subject"] == format!("Tu {domain}"));
        let message = ours.unwrap_or_else(|| panic!("{domain} is not in {role}"));
        let whole = jmap.download(message["blobId"].as_str().unwrap()).await;
        let whole = String::from_utf8(whole).unwrap();
        assert!(whole.contains(words), "{whole}");
        assert!(whole.contains("iprev=pass policy.iprev=127.0.0.1"), "{whole}");
    }
    drop(zone);
    names.wait().unwrap();
}

/// The test suite of RFC 7208 (openspf.org, release 2014.04), test by test through the command.
#[tokio::test]
async fn rfc_7208_the_suite_of_openspf() {
    let bin = std::env::var("CONGVAN_PYHANKO")
        .expect("CONGVAN_PYHANKO is not set: scripts/test-tools (make test does)");
    let suite = std::path::Path::new(&bin).parent().expect("a folder above the programs").join("spf");
    let output = Command::new(format!("{bin}/python3"))
        .args([NAMES, "suite"])
        .arg(tests::binary())
        .arg(suite.join("rfc7208-tests.yml"))
        .output()
        .expect("python3");
    let found: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(found["tests"], 203, "{found}");
    assert_eq!(found["deviations"], serde_json::json!([]));
}

/// What dkimpy says of the first two signatures.
pub(crate) fn dkimpy(message: &str, domain: &str, records: &[Value]) -> String {
    let script = "import sys, dkim\n\
        message = sys.stdin.buffer.read()\n\
        records = dict(zip(sys.argv[1::2], sys.argv[2::2]))\n\
        judge = dkim.DKIM(message)\n\
        find = lambda name, timeout=5: records[name.decode().rstrip('.')].encode()\n\
        print([judge.verify(idx=n, dnsfunc=find) for n in range(2)])";
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", script]);
    for record in records {
        let selector = record["selector"].as_str().unwrap();
        command.arg(format!("{selector}._domainkey.{domain}")).arg(record["record"].as_str().unwrap());
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3");
    child.stdin.take().unwrap().write_all(message.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
