//! Signed mail and official documents, as a mail program sees them over JMAP.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use tests::{Account, Engine, Exchange, Jmap, Paper, Program, Swaks};

use crate::on_both_engines;

on_both_engines! {
    rfc_9219_what_openssl_signed_is_judged_as_openssl_does => signed_mail,
    r5_an_official_document_in_a_mail_is_shown_and_registered => official_documents,
}

const SMIME: [&str; 4] = ["smimeStatus", "smimeStatusAtDelivery", "smimeErrors", "smimeVerifiedAt"];

fn openssl(arguments: &[&str]) -> Output {
    Command::new("openssl").args(arguments).output().expect("openssl is installed (make test does)")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// Mails made by OpenSSL with the demonstration's certificates.
struct Mails<'p> {
    program: &'p Program,
    leader: Account,
    clerk: Account,
}

impl Mails<'_> {
    fn file(&self, name: &str) -> PathBuf {
        self.program.data.join(name)
    }

    /// A mail that the first leader's certificate signs, from somebody.
    fn signed(&self, subject: &str, from: &Account, more: &[&str]) -> PathBuf {
        let (body, mail) =
            (self.file("noi-dung.txt"), self.file(&format!("{}.eml", subject.replace(' ', "-"))));
        std::fs::write(&body, "Hop luc 09 gio, phong 2.\r\n").unwrap();
        let pki = self.program.data.join("pki");
        let (certificate, key, above) =
            (pki.join("leader1.pem"), pki.join("leader1.key"), pki.join("ca.pem"));
        let arguments = [
            "cms",
            "-sign",
            "-text",
            "-in",
            text(&body),
            "-signer",
            text(&certificate),
            "-inkey",
            text(&key),
            "-certfile",
            text(&above),
            "-md",
            "sha256",
            "-from",
            &from.address,
            "-to",
            &self.clerk.address,
            "-subject",
            subject,
            "-out",
            text(&mail),
        ];
        let output = openssl(&[&arguments, more].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        mail
    }

    /// Hands a mail in as its sender, and waits until it is there.
    async fn send(&self, jmap: &Jmap, from: &Account, mail: &Path, subject: &str) -> Value {
        let data = format!("@{}", text(mail));
        let sent = Swaks::submit(self.program, from, &self.clerk.address).args(["--data", &data]).send();
        sent.must_be_taken(self.program);
        jmap.wait_for(subject).await
    }
}

async fn properties(jmap: &Jmap, message: &Value, names: &[&str]) -> Value {
    jmap.call("Email/get", json!({ "ids": [message["id"]], "properties": names })).await["list"][0].clone()
}

/// A mail, and what is said of it.
struct Row<'p> {
    subject: &'static str,
    from: &'p Account,
    mail: PathBuf,
    status: Value,
    /// What OpenSSL says, where it says something.
    openssl: Option<bool>,
}

impl Mails<'_> {
    /// Mails of every kind.
    fn all(&self) -> Vec<Row<'_>> {
        let (good, failed, unknown) = (json!("signed/verified"), json!("signed/failed"), json!("unknown"));
        let (leader, clerk) = (&self.leader, &self.clerk);
        let row = |subject, from, mail, status: &Value, openssl| Row {
            subject,
            from,
            mail,
            status: status.clone(),
            openssl,
        };
        let tampered = self.signed("bi sua", leader, &[]);
        let whole = std::fs::read_to_string(&tampered).unwrap();
        std::fs::write(&tampered, whole.replace("09 gio", "10 gio")).unwrap();
        let plain = self.file("thuong.eml");
        std::fs::write(&plain, format!("From: {}\nSubject: thuong\n\nxin chao\n", leader.address)).unwrap();
        vec![
            row("tot", leader, self.signed("tot", leader, &[]), &good, Some(true)),
            row("goi kin", leader, self.signed("goi kin", leader, &["-nodetach"]), &good, Some(true)),
            row("bi sua", leader, tampered, &failed, Some(false)),
            // A good signature, and the certificate names somebody else: OpenSSL does not ask who sent the mail; RFC 8550 §3 does.
            row("muon", clerk, self.signed("muon", clerk, &[]), &failed, Some(true)),
            row("ma hoa", leader, self.encrypted("ma hoa"), &unknown, None),
            row("pgp", leader, self.pgp("pgp"), &unknown, None),
            row("thuong", leader, plain, &Value::Null, None),
        ]
    }

    fn encrypted(&self, subject: &str) -> PathBuf {
        let (body, mail) = (self.file("noi-dung.txt"), self.file("ma-hoa.eml"));
        let leaf = self.program.data.join("pki/leader1.pem");
        let (from, to) = (&self.leader.address, &self.clerk.address);
        let addressed = ["-from", from, "-to", to, "-subject", subject];
        let files = ["-out", text(&mail), text(&leaf)];
        let output = openssl(&[&["cms", "-encrypt", "-in", text(&body)], &addressed[..], &files].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        mail
    }

    fn pgp(&self, subject: &str) -> PathBuf {
        let mail = self.file("pgp.eml");
        let whole = format!(
            "From: {}\nTo: {}\nSubject: {subject}\nMIME-Version: 1.0\nContent-Type: multipart/signed; boundary=b; \
             micalg=pgp-sha256;\n protocol=\"application/pgp-signature\"\n\n--b\nContent-Type: text/plain\n\nxin chao\n--b\n\
             Content-Type: application/pgp-signature\n\n-----BEGIN PGP SIGNATURE-----\n\nAA==\n-----END PGP SIGNATURE-----\n--b--\n",
            self.leader.address, self.clerk.address
        );
        std::fs::write(&mail, whole).unwrap();
        mail
    }

    /// What OpenSSL says of a mail that was received.
    async fn openssl_says(&self, jmap: &Jmap, message: &Value) -> Output {
        let (kept, root) = (self.file("nhan.eml"), self.program.data.join("pki/root.pem"));
        std::fs::write(&kept, jmap.download(message["blobId"].as_str().unwrap()).await).unwrap();
        let trust = ["-CAfile", text(&root), "-purpose", "any", "-out", "/dev/null"];
        openssl(&[&["cms", "-verify", "-in", text(&kept)], &trust[..]].concat())
    }
}

async fn signed_mail(engine: Engine) {
    let program = Program::demo(engine).await;
    let agency = program.systems().0.agency.clone();
    let (leader, clerk) =
        (program.account(&agency, "leader").clone(), program.account(&agency, "clerk").clone());
    let jmap = Jmap::sign_in(&program, &clerk).await;
    let mails = Mails { program: &program, leader, clerk };
    let mut ids = Vec::new();
    for Row { subject, from, mail, status, openssl } in mails.all() {
        let message = mails.send(&jmap, from, &mail, subject).await;
        let shown = properties(&jmap, &message, &SMIME).await;
        assert_eq!(shown["smimeStatus"], status, "{subject}: {shown}\n{}", program.log());
        assert_eq!(shown["smimeStatusAtDelivery"], status, "{subject}: {shown}");
        assert_eq!(shown["smimeVerifiedAt"].is_string(), status != Value::Null, "{subject}: {shown}");
        let errors = shown["smimeErrors"].as_array().map(Vec::len);
        match status.as_str() {
            Some("signed/verified") => assert_eq!(errors, Some(0), "{subject}: {shown}"),
            Some("signed/failed") => assert!(errors.is_some_and(|count| count > 0), "{subject}: {shown}"),
            Some(_) => assert!(errors.is_some(), "{subject}: {shown}"),
            None => assert_eq!(errors, None, "{subject}: {shown}"),
        }
        if let Some(is_good) = openssl {
            let judged = mails.openssl_says(&jmap, &message).await;
            let why = String::from_utf8_lossy(&judged.stderr);
            assert_eq!(judged.status.success(), is_good, "{subject}: {why}");
        }
        ids.push(message["id"].clone());
    }
    let found = async |filter: Value| {
        let oldest_first = json!([{ "property": "receivedAt", "isAscending": true }]);
        jmap.call("Email/query", json!({ "filter": filter, "sort": oldest_first })).await["ids"].clone()
    };
    assert_eq!(found(json!({ "hasVerifiedSmimeAtDelivery": true })).await, json!(ids[..2]));
    assert_eq!(found(json!({ "hasSmime": true })).await, json!(ids[..6]));
    program.doctor().await;
}

async fn official_documents(engine: Engine) {
    let program = Program::demo(engine).await;
    let (first, second) = program.systems();
    let clerk = program.account(&first.agency, "clerk").clone();
    let jmap = Jmap::sign_in(&program, &clerk).await;
    let paper = Paper::new(&program, "Giay moi").await;
    let signed = paper.signed_by(&program, "leader1").await.signed_by(&program, "seal1").await;
    let file = format!("@{}", signed.path.display());
    let attached = ["--attach-type", "application/pdf", "--attach-name", "giay-moi.pdf", "--attach", &file];
    Swaks::stranger(&program, "binh@outside.test", &clerk.address)
        .subject("kem van ban")
        .args(attached)
        .send()
        .must_be_taken(&program);
    let message = jmap.wait_for("kem van ban").await;
    // RULES R3: what is valid and came as a mail is for information all the same.
    let shown = properties(&jmap, &message, &["officialDocuments"]).await["officialDocuments"].clone();
    let document = &shown[0];
    assert_eq!(shown.as_array().map(Vec::len), Some(1), "{shown}\n{}", program.log());
    assert_eq!(
        (&document["verdict"], &document["legalValue"]),
        (&json!("valid"), &json!("information")),
        "{document}"
    );
    assert_eq!(
        (&document["isOriginalByExchange"], &document["docId"]),
        (&json!(true), &Value::Null),
        "{document}"
    );
    assert_eq!(document["label"]["vi"], "để biết, tham khảo");
    // The same file goes over the exchange: now it has a DocId, for those who take part in it.
    let packed = signed.packed(&program, &first.agency, &[&second.agency], "05").await;
    let sent = Exchange::new(&program, first).send(&first.agency, &packed).await;
    assert!(sent.is_ok(), "{}", sent.description());
    let shown = properties(&jmap, &message, &["officialDocuments"]).await["officialDocuments"].clone();
    assert_eq!(shown[0]["docId"], sent.doc_id(), "{shown}");
    // Registering is for the records office, and happens once.
    let register = json!({ "emailId": message["id"], "sha256": document["sha256"] });
    let refused =
        jmap.request(json!([["OfficialDocument/register", with_account(&jmap, &register), "0"]])).await;
    assert_eq!(
        (&refused[0][0], &refused[0][1]["type"]),
        (&json!("error"), &json!("number.not-kept")),
        "{refused}"
    );
    program.must(&["number", "start", "--agency", &first.agency, "--book", "incoming"]).await;
    let line = jmap.call("OfficialDocument/register", register.clone()).await;
    assert_eq!((&line["book"], &line["number"]), (&json!("incoming"), &json!(1)), "{line}");
    assert_eq!(jmap.call("OfficialDocument/register", register.clone()).await, line);
    let book = program.must(&["register", "incoming", "--agency", &first.agency]).await;
    assert!(book.contains("thư điện tử, để biết, tham khảo"), "{book}");
    nobody_else_registers(&program, &message, &register, &attached).await;
    program.doctor().await;
}

/// A leader has the mail as well, and does not write in the book; nor does anybody with somebody else's mail.
async fn nobody_else_registers(program: &Program, message: &Value, register: &Value, attached: &[&str]) {
    let leader = program.account(&program.systems().0.agency, "leader").clone();
    let other = Jmap::sign_in(program, &leader).await;
    let refused =
        other.request(json!([["OfficialDocument/register", with_account(&other, register), "0"]])).await;
    assert_eq!(refused[0][1]["type"], "notFound", "{message} {refused}");
    let letter = Swaks::stranger(program, "binh@outside.test", &leader.address).subject("cho lanh dao");
    letter.args(attached.iter().copied()).send().must_be_taken(program);
    let own = other.wait_for("cho lanh dao").await;
    let mine = json!({ "emailId": own["id"], "sha256": register["sha256"] });
    let refused =
        other.request(json!([["OfficialDocument/register", with_account(&other, &mine), "0"]])).await;
    assert_eq!(refused[0][1]["type"], "forbidden", "{refused}");
}

fn with_account(jmap: &Jmap, arguments: &Value) -> Value {
    let mut arguments = arguments.clone();
    arguments["accountId"] = json!(jmap.account_id());
    arguments
}
