//! An operator is asked what became of a message, and answers from one command.

use serde_json::Value;
use tests::{Account, Engine, Jmap, NO_RECIPIENT, Postfix, Program, Swaks, TEXT_REFUSED, Talk};

use crate::on_both_engines;

on_both_engines! {
    what_became_of_it => followed_from_door_to_door,
    a_sick_house => what_is_broken_is_told,
}

fn swaks(door: u16, arguments: &[&str]) -> Talk {
    Swaks::at(door).body("xin chao").args(arguments.iter().copied()).send()
}

fn clerk(program: &Program) -> Account {
    program.account(&program.systems().0.agency, "clerk").clone()
}

/// Waits until a message has an event that fits.
async fn wait_for(program: &Program, arguments: &[&str], fits: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..600 {
        let told = program.trace(arguments).await;
        let events = told.iter().flat_map(|message| message["events"].as_array().unwrap());
        if let Some(event) = events.into_iter().find(|event| fits(event)) {
            return event.clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("nothing fits: {:?}\n{}", program.trace(arguments).await, program.log());
}

async fn followed_from_door_to_door(engine: Engine) {
    let program = Program::demo(engine).await;
    let postfix = Postfix::start("outside.test", program.ports.smtp);
    program.must(&["route", "add", "outside.test", &format!("127.0.0.1:{}", postfix.port)]).await;
    let clerk = clerk(&program);
    // From outside into the mailbox.
    let message = format!(
        "From: <an@outside.test>\nTo: <{}>\nSubject: Tuyet doi rieng\nMessage-ID: <trace-1@outside.test>\n\nXin chào\n",
        clerk.address
    );
    postfix.send("an@outside.test", &clerk.address, &message);
    Jmap::sign_in(&program, &clerk).await.wait_for("Tuyet doi rieng").await;
    let words = program.must(&["trace", "<trace-1@outside.test>"]).await;
    for said in ["đã nhận", "accepted from another server", "[", "127.0.0.1", "vào hộp thư", &clerk.address]
    {
        assert!(words.contains(said), "{said} is missing:\n{words}");
    }
    assert!(!words.contains("Tuyet doi rieng"), "subjects are not traced");
    // Out again, one to the mailbox there and one that is refused, of whom the sender is told.
    let sign_in =
        ["--tlsc", "--auth", "PLAIN", "--auth-user", &clerk.address, "--auth-password", &clerk.password];
    let envelope = ["--from", &clerk.address, "--to", "an@outside.test,full@outside.test"];
    swaks(program.ports.submissions, &[&sign_in[..], &envelope].concat()).must_be_taken(&program);
    let asked = ["--from", clerk.address.as_str(), "--to", "full@outside.test"];
    let settled = wait_for(&program, &asked, |event| event["event"] == "settled").await;
    let came_to: Vec<&str> =
        settled["outcomes"].as_array().unwrap().iter().map(|o| o["came_to"].as_str().unwrap()).collect();
    assert_eq!((came_to, &settled["report"]), (vec!["relayed", "bounced"], &Value::from("mailbox")));
    // A stranger who wants to be relayed is turned away, and that is remembered once for the connection.
    let relay = swaks(program.ports.smtp, &["--from", "x@outside.test", "--to", "ai@noi-khac.test"]);
    assert_eq!(relay.code, NO_RECIPIENT, "{}", relay.text);
    let turned = wait_for(&program, &["--since", "1h"], |event| event["event"] == "turned_away").await;
    assert_eq!((&turned["recipients"], &turned["sign_ins"]), (&Value::from(1), &Value::from(0)));
    // What is a state secret is refused, and told.
    let secret = ["--from", "bi@outside.test", "--to", &clerk.address, "--header", "Subject: [MẬT] Kế hoạch"];
    let talk = swaks(program.ports.smtp, &secret);
    assert_eq!(talk.code, TEXT_REFUSED, "{}", talk.text);
    let refused =
        wait_for(&program, &["--from", "bi@outside.test"], |event| event["event"] == "refused").await;
    assert!(refused["reply"].as_str().unwrap().starts_with("550 5.7.1"), "{refused}");
    assert!(!refused.to_string().contains("Kế hoạch"));
    // Nothing personal is in the log.
    for personal in ["outside.test", &clerk.address] {
        assert!(!program.log().contains(personal), "{}", program.log());
    }
    assert_eq!(program.command(&["trace", "khong-co@dau.test"]).await.status.code(), Some(1));
    program.doctor().await;
}

async fn what_is_broken_is_told(engine: Engine) {
    let mut program = Program::demo(engine).await;
    let healthy = program.must(&["doctor"]).await;
    assert!(healthy.contains("Khỏe mạnh"), "{healthy}");
    program.stop().await;
    program.doctor().await;
    let found = async |arguments: &[&str]| {
        let output = program.command(arguments).await;
        let answer: Value = serde_json::from_slice(&output.stdout).expect("one object");
        let codes: Vec<String> = answer["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|finding| finding["code"].as_str().unwrap().to_owned())
            .collect();
        (output.status.code(), codes)
    };
    // A file that nobody knows, old enough.
    let stray = program.data.join("blobs/stray");
    std::fs::write(&stray, b"x").unwrap();
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(7_200);
    std::fs::File::options().append(true).open(&stray).unwrap().set_modified(old).unwrap();
    assert_eq!(
        found(&["doctor", "--json"]).await,
        (Some(0), Vec::new()),
        "the quick look does not go so deep"
    );
    assert_eq!(found(&["doctor", "--deep", "--json"]).await, (Some(1), vec!["file-orphan".to_owned()]));
    std::fs::remove_file(&stray).unwrap();
    // A key that others can read, and one that is gone; then nothing is opened, and nothing is made.
    use std::os::unix::fs::PermissionsExt;
    let key = program.data.join("keys/master.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(found(&["doctor", "--json"]).await, (Some(1), vec!["master-key".to_owned()]));
    let kept = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    assert_eq!(found(&["doctor", "--deep", "--json"]).await, (Some(1), vec!["master-key".to_owned()]));
    assert!(!key.exists());
    std::fs::write(&key, kept).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    program.doctor().await;
}
