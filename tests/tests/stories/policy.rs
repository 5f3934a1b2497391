//! Official mail only: what the rules of mail let through, and what they tell whom they stop.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::{Account, Engine, Jmap, Paper, Postfix, Program, Swaks, TEXT_REFUSED, Talk};
use tokio::io::AsyncWriteExt as _;

use crate::on_both_engines;

on_both_engines! {
    m7_a_free_mailbox_needs_a_purpose => a_free_mailbox_needs_a_purpose,
    m7_rules_and_exceptions_are_data => rules_and_exceptions_are_data,
    r7_no_secret_passes_any_door => no_secret_passes_any_door,
    r4_official_documents_in_mail_are_recognised => documents_are_recognised,
    m9_a_stranger_under_an_officials_name_is_flagged => a_stranger_is_flagged,
    m31_a_filling_mailbox_is_told_once => a_filling_mailbox_is_told,
}

fn clerk(program: &Program) -> Account {
    let agency = program.systems().0.agency.clone();
    program.account(&agency, "clerk").clone()
}

/// The demonstration, and the world's largest free mailbox, played by Postfix.
async fn with_gmail(engine: Engine) -> (Program, Postfix, Account) {
    let program = Program::demo(engine).await;
    let postfix = Postfix::start("gmail.com", program.ports.smtp);
    program.must(&["route", "add", "gmail.com", &format!("127.0.0.1:{}", postfix.port)]).await;
    let clerk = clerk(&program);
    (program, postfix, clerk)
}

/// Hands a letter in over port 465 with swaks.
fn submit(program: &Program, from: &Account, to: &str, more: &[&str]) -> Talk {
    Swaks::submit(program, from, to).args(more.iter().copied()).send()
}

/// Brings a letter from outside to port 25 with swaks.
fn bring(program: &Program, from: &str, to: &str, more: &[&str]) -> Talk {
    Swaks::stranger(program, from, to).args(more.iter().copied()).send()
}

fn taken(talk: &Talk) {
    assert!(talk.is_taken(), "{}", talk.text);
}

fn refused(talk: &Talk, words: &[&str]) {
    assert_eq!(talk.code, TEXT_REFUSED, "{}", talk.text);
    for words in words {
        assert!(talk.text.contains(words), "{words}:\n{}", talk.text);
    }
}

/// Makes a message over JMAP and hands it in; answers what was said of the submission.
async fn submit_over_jmap(jmap: &Jmap, from: &Account, to: &str, subject: &str, text: &str) -> Value {
    over_jmap(jmap, from, to, subject, text).await[1][1].clone()
}

/// A draft and its submission: what came of each.
async fn over_jmap(jmap: &Jmap, from: &Account, to: &str, subject: &str, text: &str) -> Value {
    let identities = jmap.call("Identity/get", json!({ "ids": null })).await;
    let identities = identities["list"].as_array().expect("identities").clone();
    let identity = identities.iter().find(|one| one["email"] == from.address.as_str()).expect("one's own");
    let drafts = jmap.mailbox("drafts").await;
    jmap.request(json!([
        ["Email/set", { "accountId": jmap.account_id(), "create": { "draft": {
            "mailboxIds": { drafts.as_str(): true },
            "from": [{ "email": from.address }], "to": [{ "email": to }], "subject": subject,
            "bodyValues": { "1": { "value": text } }, "textBody": [{ "partId": "1", "type": "text/plain" }],
        } } }, "0"],
        ["EmailSubmission/set", { "accountId": jmap.account_id(), "create": { "send": {
            "emailId": "#draft", "identityId": identity["id"],
        } } }, "1"],
    ]))
    .await
}

async fn a_free_mailbox_needs_a_purpose(engine: Engine) {
    let (program, postfix, clerk) = with_gmail(engine).await;
    let to = "binh@gmail.com";
    let refusal = submit(&program, &clerk, to, &["--header", "Subject: Tra loi don"]);
    refused(&refusal, &["550", "5.7.1", "hop thu mien phi", "[purpose_missing]"]);
    // In a field of its own, in Vietnamese, any case; it stays inside.
    let purpose =
        ["--add-header", "x-congvan-PURPOSE: Công dân", "--header", "Subject: Muc dich trong truong"];
    taken(&submit(&program, &clerk, to, &purpose));
    let received = postfix.wait_for("Muc dich trong truong");
    assert!(!received.to_lowercase().contains("x-congvan-purpose"), "{received}");
    // As a tag, over JMAP; and without one.
    let jmap = Jmap::sign_in(&program, &clerk).await;
    let sent = submit_over_jmap(&jmap, &clerk, to, "[doanh nghiệp] Qua JMAP", "x").await;
    assert!(sent["created"]["send"]["id"].is_string(), "{sent}");
    let not = submit_over_jmap(&jmap, &clerk, to, "Không mục đích", "x").await;
    let error = &not["notCreated"]["send"];
    assert_eq!(
        (&error["type"], &error["reason"]),
        (&json!("forbiddenToSend"), &json!("purpose_missing")),
        "{not}"
    );
    assert!(error["description"].as_str().is_some_and(|text| text.contains("hộp thư miễn phí")), "{not}");
    // A label, and what a program sends on by itself, no purpose makes good.
    let labelled = submit(&program, &clerk, to, &["--header", "Subject: [khác] [nội bộ] x"]);
    refused(&labelled, &["[label_to_free_mail]"]);
    let forwarded = ["--header", "Subject: [khac] x", "--add-header", "X-Forwarded-To: binh@gmail.com"];
    refused(&submit(&program, &clerk, to, &forwarded), &["550", "[forwarding_outside]"]);
    let counted = program.must(&["policy", "report", "--since", "1d", "--json"]).await;
    let counted: Value = serde_json::from_str(&counted).expect("a report");
    let letters = |outcome: &str| {
        let rows = counted["rows"].as_array().expect("rows");
        rows.iter()
            .find(|row| row["outcome"] == outcome)
            .map_or(0, |row| row["letters"].as_i64().unwrap_or(0))
    };
    assert_eq!(
        [
            "refused.purpose_missing",
            "free_mail.citizen",
            "free_mail.enterprise",
            "refused.forwarding_outside"
        ]
        .map(letters),
        [2, 1, 1, 1],
        "{counted}"
    );
    // Nobody reads a name or an address from it.
    assert!(!counted.to_string().contains('@'), "{counted}");
}

async fn rules_and_exceptions_are_data(engine: Engine) {
    let (program, _postfix, clerk) = with_gmail(engine).await;
    let send = || submit(&program, &clerk, "binh@gmail.com", &["--header", "Subject: x"]);
    refused(&send(), &["[purpose_missing]"]);
    // What would a milder rule have done?
    let agency = format!("agency:{}", clerk.agency);
    let tried = [
        "policy",
        "dry-run",
        "--since",
        "1d",
        "official-mail-only",
        "mode=off",
        "--scope",
        &agency,
        "--json",
    ];
    let tried: Value = serde_json::from_str(&program.must(&tried).await).expect("a dry run");
    let change = json!([{ "now": "refused.purpose_missing", "then": "free_mail.unasked", "letters": 1 }]);
    assert_eq!((&tried["changed"], &tried["senders"]), (&change, &json!(1)), "{tried}");
    refused(&send(), &["[purpose_missing]"]);
    // The rule of an agency, with its decision, and back.
    let set =
        ["policy", "set", "official-mail-only", "mode=warn", "--scope", &agency, "--decision", "12/QĐ-SNV"];
    program.must(&set).await;
    taken(&send());
    let shown = program.must(&["policy", "show", "--agency", &clerk.agency]).await;
    assert!(shown.contains("12/QĐ-SNV") && shown.contains(r#"{"mode":"warn"}"#), "{shown}");
    program
        .must(&["policy", "remove", "official-mail-only", "--scope", &agency, "--decision", "13/QĐ-SNV"])
        .await;
    refused(&send(), &["[purpose_missing]"]);
    // The limit of one account.
    let account = format!("account:{}", clerk.address);
    let small =
        ["policy", "set", "message-size", "bytes_max=100", "--scope", &account, "--decision", "14/QĐ-SNV"];
    program.must(&small).await;
    refused(&submit(&program, &clerk, "an@co-quan.test", &["--body", "x"]), &["552", "5.3.4"]);
    program.must(&["policy", "remove", "message-size", "--scope", &account, "--decision", "15/QĐ-SNV"]).await;
    an_exception_ends(&program, &account, send).await;
    // What is not decided, not known or not permitted is told so, and changes nothing.
    for (wrong, code) in [
        (
            vec!["policy", "set", "official-mail-only", "mode=never", "--scope", "house", "--decision", "1"],
            "policy_parameters",
        ),
        (vec!["policy", "set", "no-such", "--scope", "house", "--decision", "1"], "policy_rule_unknown"),
        (
            vec!["policy", "set", "unofficial-sender", "--scope", &agency, "--decision", "1"],
            "policy_house_only",
        ),
        (
            vec!["policy", "set", "official-mail-only", "--scope", "house", "--decision", " "],
            "decision_missing",
        ),
        (
            vec![
                "policy",
                "except",
                "official-mail-only",
                "--scope",
                "house",
                "--until",
                "2020-01-01",
                "--reason",
                "x",
            ],
            "policy_expired",
        ),
        (vec!["policy", "set", "official-mail-only", "--scope", "all", "--decision", "1"], "policy_scope"),
    ] {
        let output = program.command(&wrong).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(code), "{wrong:?}: {said}");
    }
    for role in ["clerk", "leader"] {
        let person = program.account(&clerk.agency, role).clone();
        let set = [
            "policy",
            "set",
            "official-mail-only",
            "mode=off",
            "--scope",
            &agency,
            "--decision",
            "1",
            "--by",
            &person.address,
        ];
        let output = with_password(&program, &set, &person.password).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("not_permitted"), "{role}: {said}");
    }
    refused(&send(), &["[purpose_missing]"]);
}

async fn an_exception_ends(program: &Program, account: &str, send: impl Fn() -> Talk) {
    let date = Command::new("date")
        .args(["-u", "-d", "+5 seconds", "+%Y-%m-%dT%H:%M:%SZ"])
        .output()
        .expect("a date");
    let until = String::from_utf8_lossy(&date.stdout).trim().to_owned();
    let except = [
        "policy",
        "except",
        "official-mail-only",
        "--scope",
        account,
        "--until",
        &until,
        "--reason",
        "Hội nghị",
    ];
    program.must(&except).await;
    taken(&send());
    let deadline = Instant::now() + Duration::from_secs(60);
    while send().is_taken() {
        assert!(Instant::now() < deadline, "the exception does not end");
    }
    refused(&send(), &["[purpose_missing]"]);
}

/// Runs a command that reads a password.
async fn with_password(program: &Program, arguments: &[&str], password: &str) -> Output {
    let mut command = tokio::process::Command::new(tests::binary());
    command.arg("--config").arg(program.config()).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program runs");
    let mut input = child.stdin.take().expect("an input");
    input.write_all(password.as_bytes()).await.expect("a password");
    drop(input);
    child.wait_with_output().await.expect("a command ends")
}

async fn no_secret_passes_any_door(engine: Engine) {
    let program = Program::demo(engine).await;
    let clerk = clerk(&program);
    let other = program.account(&program.systems().1.agency, "clerk").clone();
    // A reply is ASCII where the client did not ask for more (RFC 6531 §3.7.4.1).
    let words = ["550", "5.7.1", "do mat"];
    let body = [
        "--header",
        "Subject: Bao cao",
        "--body",
        "UBND TINH A\nTỐI MẬT\nSo: 05/BC-UBND\nlời không ai được đọc",
    ];
    refused(&submit(&program, &clerk, &other.address, &body), &words);
    refused(&bring(&program, "binh@outside.test", &clerk.address, &body), &words);
    let jmap = Jmap::sign_in(&program, &clerk).await;
    let not = over_jmap(&jmap, &clerk, &other.address, "Báo cáo", "MẬT\nlời không ai được đọc").await;
    // Not even the draft is kept (RULES R8).
    assert_eq!(not[0][1]["notCreated"]["draft"]["reason"], "state_secret", "{not}");
    // On the first page of a PDF, where a stamp is.
    let paper = Paper::new(&program, "MAT").await;
    let file = format!("@{}", paper.path.display());
    let attached = ["--header", "Subject: Bao cao", "--attach-name", "bao-cao.pdf", "--attach", &file];
    refused(&submit(&program, &clerk, &other.address, &attached), &words);
    // What only sounds like it passes.
    taken(&submit(
        &program,
        &clerk,
        &other.address,
        &["--header", "Subject: Doi mat khau", "--body", "Mật khẩu mới:\nbí mật kinh doanh"],
    ));
    Jmap::sign_in(&program, &other).await.wait_for("Doi mat khau").await;
    let log = program.log();
    assert!(log.contains("secrecy.stamp") && !log.contains("could not be kept"), "{log}");
    assert!(!log.contains("không ai được đọc") && !log.contains("bao-cao.pdf"), "{log}");
    let inbox = Jmap::sign_in(&program, &other).await.messages("inbox").await;
    assert_eq!(inbox.len(), 1, "{inbox:?}");
}

async fn documents_are_recognised(engine: Engine) {
    let (program, _postfix, clerk) = with_gmail(engine).await;
    let jmap = Jmap::sign_in(&program, &clerk).await;
    let unsigned = program.data.join("unsigned.pdf");
    program
        .must(&["demo", "paper", "--title", "So: 05/QD-UBND", "--out", unsigned.to_str().expect("a path")])
        .await;
    let plain = Paper::new(&program, "Giay moi").await;
    let signed = plain.signed_by(&program, "leader1").await.signed_by(&program, "seal1").await;
    let package = signed.path.with_extension("edxml");
    let packed = signed.packed(&program, &clerk.agency, &[&program.systems().1.agency], "05").await;
    std::fs::write(&package, packed).expect("a package");
    let flipped = signed.flipped();
    let rows = [
        ("khong ky", &plain.path, None, ""),
        ("co so, khong chu ky", &unsigned, Some("unsigned"), "symbol*=UTF-8''05%2FQD-UBND"),
        ("da ky", &signed.path, Some("valid"), ""),
        ("bi sua", &flipped.path, Some("invalid"), ""),
        ("goi tin", &package, Some("valid"), "symbol*=UTF-8''05%2FSNV-VP"),
    ];
    for (subject, path, verdict, symbol) in rows {
        let file = format!("@{}", path.display());
        let kind = if subject == "goi tin" { "application/xml" } else { "application/pdf" };
        let header = format!("Subject: {subject}");
        let attached =
            ["--header", &header, "--attach-type", kind, "--attach-name", "van-ban", "--attach", &file];
        taken(&bring(&program, "binh@outside.test", &clerk.address, &attached));
        let message = jmap.wait_for(subject).await;
        let whole = jmap.download(message["blobId"].as_str().expect("a blob")).await;
        let whole = String::from_utf8_lossy(&whole).into_owned();
        let expected = match verdict {
            Some("unsigned") => json!({ "$official_document": true }),
            Some(verdict) => json!({ "$official_document": true, format!("$signature_{verdict}"): true }),
            None => json!({}),
        };
        assert_eq!(message["keywords"], expected, "{subject}\n{}", program.log());
        assert_eq!(whole.contains("X-Congvan-Document:"), verdict.is_some(), "{subject}");
        if let Some(verdict) = verdict {
            for words in
                [&format!("verdict={verdict};"), symbol, "note*=UTF-8''%C4%91%E1%BB%83%20bi%E1%BA%BFt"]
            {
                assert!(whole.contains(words), "{subject}: {words}");
            }
        }
    }
    // A copy that one of our own sends is marked too (R5).
    let other = program.account(&program.systems().1.agency, "clerk").clone();
    let file = format!("@{}", signed.path.display());
    let attached = ["--header", "Subject: ban sao", "--attach-type", "application/pdf", "--attach", &file];
    taken(&submit(&program, &clerk, &other.address, &attached));
    let theirs = Jmap::sign_in(&program, &other).await;
    let copy = theirs.wait_for("ban sao").await;
    assert_eq!(copy["keywords"], json!({ "$official_document": true, "$signature_valid": true }));
    // A forged mark does not come in, and an official document does not go to a free mailbox, whatever the purpose.
    let forged =
        ["--header", "Subject: gia mao", "--add-header", "X-Congvan-Document: verdict=valid; symbol=1"];
    taken(&bring(&program, "binh@outside.test", &clerk.address, &forged));
    let message = jmap.wait_for("gia mao").await;
    let whole = jmap.download(message["blobId"].as_str().expect("a blob")).await;
    assert!(!String::from_utf8_lossy(&whole).contains("X-Congvan-Document"));
    let file = format!("@{}", signed.path.display());
    let attached =
        ["--header", "Subject: [cong dan] x", "--attach-type", "application/pdf", "--attach", &file];
    refused(&submit(&program, &clerk, "binh@gmail.com", &attached), &["[document_to_free_mail]"]);
}

async fn a_stranger_is_flagged(engine: Engine) {
    let program = Program::demo(engine).await;
    let clerk = clerk(&program);
    let jmap = Jmap::sign_in(&program, &clerk).await;
    let leader = program.account(&clerk.agency, "leader").clone();
    // A free mailbox that only this house knows to be one.
    let set = [
        "policy",
        "set",
        "free-mail-domains",
        r#"add=["mien-phi.test"]"#,
        "--scope",
        "house",
        "--decision",
        "1/QĐ",
    ];
    program.must(&set).await;
    // The leader is called Nguyễn Văn Giám.
    let forged = "From: NGUYEN  VAN GIAM <x@mien-phi.test>".to_owned();
    let banner = "X-Congvan-Banner: none";
    let bring_it = |from: &str, header: &str, subject: &str| {
        let subject = format!("Subject: {subject}");
        bring(
            &program,
            from,
            &clerk.address,
            &["--header", header, "--header", &subject, "--add-header", banner],
        )
    };
    taken(&bring_it("x@mien-phi.test", &forged, "mao danh"));
    let message = jmap.wait_for("mao danh").await;
    assert_eq!(message["keywords"], json!({ "$unofficial_sender": true }));
    let whole = jmap.download(message["blobId"].as_str().expect("a blob")).await;
    let whole = String::from_utf8_lossy(&whole).into_owned();
    assert!(whole.contains("X-Congvan-Banner: unofficial-sender;") && !whole.contains(banner), "{whole}");
    // Another name, or the same from an office: nothing.
    for (from, header, subject) in [
        ("x@mien-phi.test", "From: Nguyen Van Khac Nguoi <x@mien-phi.test>".to_owned(), "ten khac"),
        ("x@co-quan.test", forged.replace("mien-phi.test", "co-quan.test"), "noi khac"),
    ] {
        taken(&bring_it(from, &header, subject));
        assert_eq!(jmap.wait_for(subject).await["keywords"], json!({}), "{subject}");
    }
    let report = program.must(&["policy", "report"]).await;
    assert!(report.contains("noted.unofficial_sender") && report.contains(&leader.agency), "{report}");
    // Stricter: back to the sender, with the official address.
    program
        .must(&[
            "policy",
            "set",
            "unofficial-sender",
            "action=refuse",
            "--scope",
            "house",
            "--decision",
            "2/QĐ",
        ])
        .await;
    refused(
        &bring_it("x@mien-phi.test", &forged, "bi tra"),
        &["550", "5.7.1", &leader.address, "[unofficial_sender]"],
    );
}

async fn a_filling_mailbox_is_told(engine: Engine) {
    let program = Program::demo(engine).await;
    let clerk = clerk(&program);
    let jmap = Jmap::sign_in(&program, &clerk).await;
    taken(&bring(&program, "binh@outside.test", &clerk.address, &["--header", "Subject: mot thu"]));
    jmap.wait_for("mot thu").await;
    // One percent of a clerk's quota is some fifty megabytes.
    program
        .must(&["policy", "set", "quota-warning", "percents=[1]", "--scope", "house", "--decision", "3/QĐ"])
        .await;
    let path = program.data.join("filler.bin");
    std::fs::write(&path, vec![0; 14_000_000]).expect("a file");
    let file = format!("@{}", path.display());
    for subject in ["Subject: day 1", "Subject: day 2", "Subject: day 3"] {
        taken(&bring(
            &program,
            "binh@outside.test",
            &clerk.address,
            &["--header", subject, "--attach", &file],
        ));
    }
    let told = async |program: &mut Program| {
        // The house looks when it starts, and every minute.
        program.stop().await;
        program.start().await;
        let jmap = Jmap::sign_in(program, &clerk).await;
        jmap.wait_for("Hộp thư đã đầy từ 1 %").await;
        jmap.all_subjects("inbox").await.iter().filter(|subject| subject.contains("1 %")).count()
    };
    let mut program = program;
    assert_eq!(told(&mut program).await, 1);
    assert_eq!(told(&mut program).await, 1);
}
