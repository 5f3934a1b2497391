//! Somebody sends for an agency's box, with a mail program that is not ours.

use std::process::Command;

use tests::{Account, Engine, Jmap, Program, Swaks};

use crate::on_both_engines;

on_both_engines! {
    m26_a_delegate_sends_for_an_agencys_box => a_delegate_sends,
}

/// What `swaks` says when somebody hands in a letter with this return path and From.
fn swaks(
    program: &Program,
    who: &Account,
    path: &str,
    from: &str,
    to: &Account,
    subject: &str,
) -> (bool, String) {
    let letter = Swaks::at(program.ports.submissions).signed_in_as(who).subject(subject).body("Kinh gui");
    let talk = letter.args(["--tlsc", "--from", path, "--to", &to.address, "--h-From", from]).send();
    (talk.is_taken(), talk.text)
}

async fn a_delegate_sends(engine: Engine) {
    let program = Program::demo(engine).await;
    let (ours, theirs) = program.systems();
    let an = program.account(&ours.agency, "clerk").clone();
    let (leader, far) =
        (program.account(&ours.agency, "leader").clone(), program.account(&theirs.agency, "clerk").clone());
    let a_box = format!("hop-thu@{}", an.address.split_once('@').expect("an address").1);
    let kind = ["--role", "clerk", "--kind", "agency", "--name", "Hộp thư cơ quan"];
    program.must(&[&["account", "add", &a_box, "--agency", &ours.agency], kind.as_slice()].concat()).await;
    let jmap = Jmap::sign_in(&program, &far).await;
    let refused = |path: &str, from: &str| {
        let (sent, talk) = swaks(&program, &an, path, from, &far, "khong gui duoc");
        assert!(!sent && talk.contains("553") && talk.contains("khong duoc gui bang dia chi nay"), "{talk}");
    };
    refused(&a_box, &a_box);
    refused(&an.address, &a_box);

    let grant = async |person: &str, rights: &str, until: &str| {
        let words =
            ["delegate", "add", &a_box, person, "--rights", rights, "--until", until, "--decision", "7/QĐ"];
        program.command(&words).await
    };
    let soon = day_after(30);
    assert!(grant(&an.address, "send_as", &soon).await.status.success());
    let (sent, talk) = swaks(&program, &an, &a_box, &a_box, &far, "Thu cua hop thu");
    assert!(sent, "{talk}\n{}", program.log());
    let letter = jmap.wait_for("Thu cua hop thu").await;
    assert_eq!(letter["from"][0]["email"], a_box.as_str());
    let whole = jmap.download(letter["blobId"].as_str().expect("a blob")).await;
    assert!(!String::from_utf8(whole).expect("text").contains("\r\nSender:"));
    // Nobody else may: the right is the person's.
    let (sent, talk) = swaks(&program, &leader, &a_box, &a_box, &far, "khong gui duoc");
    assert!(!sent && talk.contains("553"), "{talk}");
    let listed = program.must(&["delegate", "list", "--box", &a_box, "--json"]).await;
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!(
        (&listed[0]["person"], &listed[0]["rights"], &listed[0]["decision"], listed.as_array().map(Vec::len)),
        (&an.address.as_str().into(), &"send_as".into(), &"7/QĐ".into(), Some(1))
    );

    assert!(grant(&an.address, "send_on_behalf", &soon).await.status.success());
    refused(&a_box, &a_box);
    let (sent, talk) = swaks(&program, &an, &an.address, &a_box, &far, "Thu thay mat");
    assert!(sent, "{talk}\n{}", program.log());
    let letter = jmap.wait_for("Thu thay mat").await;
    let whole = jmap.download(letter["blobId"].as_str().expect("a blob")).await;
    let whole = String::from_utf8(whole).expect("text");
    assert!(whole.contains(&format!("\r\nSender: <{}>\r\n", an.address)), "{whole}");
    not_everybody_and_not_forever(&program, &a_box, &an, &far).await;
    refused(&an.address, &a_box);
    program.doctor().await;
}

/// Whose right is over or taken away is refused; others than the agency's people are never let in.
async fn not_everybody_and_not_forever(program: &Program, a_box: &str, an: &Account, far: &Account) {
    let grant = async |a_box: &str, person: &str, until: &str| {
        let words =
            ["delegate", "add", a_box, person, "--rights", "send_as", "--until", until, "--decision", "7/QĐ"];
        let output = program.command(&words).await;
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for (a_box, person, until, code) in [
        (a_box, far.address.as_str(), day_after(30), "delegate_other_agency"),
        (far.address.as_str(), an.address.as_str(), day_after(30), "delegate_box_personal"),
        (a_box, an.address.as_str(), day_after(400), "delegate_too_long"),
        (a_box, an.address.as_str(), "2020-01-01".to_owned(), "delegate_over"),
    ] {
        let (status, told) = grant(a_box, person, &until).await;
        assert!(status == Some(3) && told.contains(code), "{code}: {told}");
    }
    assert_eq!(grant(a_box, &an.address, &moment_after(2)).await.0, Some(0));
    // By the program's own word.
    loop {
        let listed = program.must(&["delegate", "list", "--person", &an.address, "--json"]).await;
        let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
        if listed[0]["is_over"] == true {
            break;
        }
    }
    let (sent, talk) = swaks(program, an, a_box, a_box, far, "khong gui duoc");
    assert!(!sent && talk.contains("553") && talk.contains("khong duoc gui bang dia chi nay"), "{talk}");
    assert_eq!(grant(a_box, &an.address, &day_after(1)).await.0, Some(0));
    let (sent, talk) = swaks(program, an, a_box, a_box, far, "Thu cuoi cung");
    assert!(sent, "{talk}");
    program.must(&["delegate", "remove", a_box, &an.address]).await;
}

/// A moment so many seconds from now, as the command line wants it.
fn moment_after(seconds: u32) -> String {
    let output = Command::new("date")
        .args(["-u", "-d", &format!("{seconds} seconds"), "+%FT%TZ"])
        .output()
        .expect("date is everywhere");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

fn day_after(days: u32) -> String {
    moment_after(days * 86_400)
}
