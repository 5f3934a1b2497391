//! Mail on the way to others: what their signed records and policies demand, and what the operator does (RULES M35). The names come
//! from bind9 and a validating unbound, the other server is a Postfix.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::{Account, Engine, Jmap, Paperwork, PolicySite, Postfix, Program, SignedNames};

use crate::on_both_engines;

on_both_engines! {
    m35_dane_mta_sts_and_our_own_demands => to_others,
}

/// Names that the other server's certificate has; `mx.tran.test` is not among them.
const NAMED: [&str; 6] = [
    "mx.ky.test",
    "neo.ky.test",
    "mta-sts.dung.tran.test",
    "mta-sts.sai.tran.test",
    "mta-sts.thu.tran.test",
    "mta-sts.la.tran.test",
];

/// The other side of the world.
struct Others {
    postfix: Postfix,
    /// One whose offer of STARTTLS somebody has taken out.
    stripped: Postfix,
    paper: Paperwork,
    names: SignedNames,
    /// `None` when it has gone.
    policies: Option<PolicySite>,
}

/// An address of this machine where the ports of mail and of the web are free: a story's own.
fn own_address() -> String {
    let drawn = RandomState::new().hash_one(0u8).to_be_bytes();
    format!("127.{}.{}.{}", 10 + drawn[0] % 200, drawn[1], 1 + drawn[2] % 250)
}

fn policy(mode: &str, host: &str) -> String {
    format!("version: STSv1\r\nmode: {mode}\r\nmx: {host}\r\nmax_age: 604800\r\n")
}

/// The signed zone. The last host is where nobody offers TLS.
fn signed_zone(paper: &Paperwork, address: &str, bare: &str) -> String {
    let (good, root, wrong) = (paper.key_digest(), paper.root_digest(), "0".repeat(64));
    let rows = [
        ("khop", "mx", address, format!("3 1 1 {good}")),
        ("lech", "lech-mx", address, format!("3 1 1 {wrong}")),
        ("neo", "neo", address, format!("2 0 1 {root}")),
        ("pkix", "pkix-mx", address, format!("1 1 1 {wrong}")),
        ("tran", "tran-mx", bare, format!("3 1 1 {good}")),
    ];
    let row = |(domain, host, address, record): &(&str, &str, &str, String)| {
        format!(
            "{domain}.ky.test. MX 10 {host}.ky.test.\n{host}.ky.test. A {address}\n\
             _25._tcp.{host}.ky.test. TLSA {record}\n"
        )
    };
    rows.iter().map(row).collect()
}

/// The zone that nobody signed: domains, their hosts, and where their policies are.
fn unsigned_zone(address: &str) -> String {
    let mut zone = format!("mx.tran.test. A {address}\ntho.tran.test. MX 10 mx.tran.test.\n");
    for (name, host) in
        [("dung", "mx.ky.test"), ("sai", "mx.tran.test"), ("thu", "mx.tran.test"), ("la", "mx.tran.test")]
    {
        zone += &format!(
            "{name}.tran.test. MX 10 {host}.\n_mta-sts.{name}.tran.test. TXT \"v=STSv1; id=1\"\n\
             mta-sts.{name}.tran.test. A {address}\n\
             _smtp._tls.{name}.tran.test. TXT \"v=TLSRPTv1; rua=mailto:bao-cao@khop.ky.test\"\n"
        );
    }
    zone
}

impl Others {
    fn start() -> Self {
        let (address, bare) = (own_address(), own_address());
        let paper = Paperwork::new(&NAMED);
        let names = SignedNames::start(&signed_zone(&paper, &address, &bare), &unsigned_zone(&address));
        let policies = PolicySite::start(
            &address,
            &paper,
            &json!({
                "mta-sts.dung.tran.test": policy("enforce", "*.ky.test"),
                "mta-sts.sai.tran.test": policy("enforce", "mx.tran.test"),
                "mta-sts.thu.tran.test": policy("testing", "mx.tran.test"),
                "mta-sts.la.tran.test": policy("enforce", "mx.khac.test"),
            }),
        );
        let domains = ["khop", "lech", "neo", "pkix", "tran"].map(|name| format!("{name}.ky.test"));
        let more = ["dung", "sai", "thu", "la", "tho"].map(|name| format!("{name}.tran.test"));
        let ours = format!("virtual_mailbox_domains = {} {}\n", domains.join(" "), more.join(" "));
        let tls = format!(
            "smtpd_tls_security_level = may\nsmtpd_tls_received_header = yes\nsmtpd_tls_cert_file = {}\n\
             smtpd_tls_key_file = {}\n",
            paper.file("chain.pem").display(),
            paper.file("server.key").display(),
        );
        // What they would send on goes nowhere: they have nothing to send on.
        let postfix = Postfix::start_at("ky.test", 9, (&address, 25), &(ours.clone() + &tls));
        let stripped = Postfix::start_at("ky.test", 9, (&bare, 25), &ours);
        Self { postfix, stripped, paper, names, policies: Some(policies) }
    }

    /// A program that asks these names and believes their resolver.
    async fn program(&self, engine: Engine) -> Program {
        let (servers, anchors) =
            (format!("servers = [{:?}]", self.names.resolver), self.paper.file("root.pem"));
        let changes = [
            ("\nservers = []", format!("\n{servers}")),
            ("trust_ad = false", "trust_ad = true".to_owned()),
            ("peer_anchors = \"\"", format!("peer_anchors = {anchors:?}")),
            ("mta_sts_mode = \"none\"", "mta_sts_mode = \"testing\"".to_owned()),
            ("tls_report_address = \"\"", "tls_report_address = \"postmaster@nha.test\"".to_owned()),
        ];
        let changes: Vec<(&str, &str)> = changes.iter().map(|(from, to)| (*from, to.as_str())).collect();
        Program::demo_of(engine, "H99", &changes).await
    }
}

/// Somebody who writes.
struct Writer<'s> {
    jmap: Jmap,
    account: Account,
    others: &'s Others,
    program: &'s Program,
}

impl Writer<'_> {
    /// Writes to somebody and answers what the submission is called.
    async fn write(&self, domain: &str, subject: &str) -> String {
        self.write_with(domain, subject, None).await
    }

    /// The same with a field TLS-Required.
    async fn write_with(&self, domain: &str, subject: &str, tls_required: Option<&str>) -> String {
        let identity = self.jmap.call("Identity/get", json!({ "ids": null })).await;
        let mine = |one: &&Value| one["email"] == self.account.address.as_str();
        let identity = identity["list"].as_array().unwrap().iter().find(mine).unwrap().clone();
        let drafts = self.jmap.mailbox("drafts").await;
        let answer = self
            .jmap
            .request(json!([
                ["Email/set", { "accountId": self.jmap.account_id(), "create": { "draft": {
                    "mailboxIds": { drafts: true },
                    "from": [{ "email": self.account.address }],
                    "to": [{ "email": format!("an@{domain}") }],
                    "header:TLS-Required:asText": tls_required,
                    "subject": subject,
                    "bodyValues": { "1": { "value": "Kính gửi" } },
                    "textBody": [{ "partId": "1", "type": "text/plain" }],
                } } }, "0"],
                ["EmailSubmission/set", { "accountId": self.jmap.account_id(), "create": { "send": {
                    "emailId": "#draft", "identityId": identity["id"],
                } } }, "1"],
            ]))
            .await;
        let id = answer[1][1]["created"]["send"]["id"].as_str();
        id.unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// It arrives, inside TLS.
    async fn arrives(&self, domain: &str, subject: &str) {
        self.write(domain, subject).await;
        let letter = self.others.postfix.wait_for(subject);
        assert!(letter.contains("using TLSv1.3"), "{letter}");
    }

    /// It is put off for this reason, and nothing of it is handed over in any way.
    async fn is_put_off(&self, domain: &str, subject: &str, reason: &str) {
        let id = self.write(domain, subject).await;
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let answer = self.jmap.call("EmailSubmission/get", json!({ "ids": [id] })).await;
            let reply = answer["list"][0]["deliveryStatus"][format!("an@{domain}")]["smtpReply"].clone();
            if reply.as_str().is_some_and(|reply| reply.starts_with(reason)) {
                break;
            }
            assert!(Instant::now() < deadline, "{domain}: {answer}\n{}", self.program.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let inbox = [self.others.postfix.inbox(), self.others.stripped.inbox()].concat();
        assert!(!inbox.iter().any(|letter| letter.contains(subject)), "{inbox:?}");
    }
}

async fn to_others(engine: Engine) {
    let mut others = Others::start();
    let mut program = others.program(engine).await;
    let account = program.account(&program.systems().0.agency, "clerk").clone();
    let jmap = Jmap::sign_in(&program, &account).await;
    let writer = Writer { jmap, account: account.clone(), others: &others, program: &program };
    // RFC 7672: a key that fits, an anchor that fits, records of no use (encrypted, whoever it is), and a key that does not fit.
    writer.arrives("khop.ky.test", "dane-3-1-1").await;
    writer.arrives("neo.ky.test", "dane-2-0-1").await;
    writer.arrives("pkix.ky.test", "dane-unusable").await;
    writer.is_put_off("lech.ky.test", "dane-mismatch", "451 4.7.5").await;
    writer.is_put_off("tran.ky.test", "dane-stripped", "451 4.7.5").await;
    // RFC 8461: the right name, a name that the certificate has not, a host that the policy has not, and a mere test.
    writer.arrives("dung.tran.test", "sts-enforce").await;
    writer.is_put_off("sai.tran.test", "sts-wrong-name", "451 4.7.5").await;
    writer.is_put_off("la.tran.test", "sts-unnamed-host", "451 4.7.5").await;
    writer.arrives("thu.tran.test", "sts-testing").await;
    writer.arrives("tho.tran.test", "nothing-demanded").await;
    our_own_demands(&writer).await;
    what_need_not_be_safe(&writer).await;
    what_it_came_to(&writer).await;
    what_we_publish(&writer).await;
    drop(writer);
    a_policy_outlives_its_site(&mut program, &mut others, account).await;
}

/// What the operator demands comes before what the destination says.
async fn our_own_demands(writer: &Writer<'_>) {
    let root = writer.others.paper.file("root.pem");
    let root = root.to_str().unwrap();
    let set = async |more: &[&str]| {
        writer.program.must(&[&["tls-policy", "set", ".tran.test", "--require"], more].concat()).await
    };
    set(&["--name", "mx.ky.test", "--anchor", root]).await;
    writer.arrives("tho.tran.test", "configured-right-name").await;
    set(&["--name", "khac.ky.test"]).await;
    writer.is_put_off("tho.tran.test", "configured-wrong-name", "451 4.7.5").await;
    let list = writer.program.must(&["tls-policy", "list", "--json"]).await;
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list[0]["names"], json!(["khac.ky.test"]));
    writer.program.must(&["tls-policy", "remove", ".tran.test"]).await;
}

/// RFC 8689 §4.2.2: what says that it need not be safe goes past what destinations ask, and never past what the operator does.
async fn what_need_not_be_safe(writer: &Writer<'_>) {
    let no = async |domain: &str, subject: &str| writer.write_with(domain, subject, Some("No")).await;
    for (domain, subject) in
        [("lech.ky.test", "unsafe-dane"), ("sai.tran.test", "unsafe-sts"), ("la.tran.test", "unsafe-unnamed")]
    {
        no(domain, subject).await;
        let letter = writer.others.postfix.wait_for(subject);
        assert!(letter.contains("using TLSv1.3"), "encrypted all the same: {letter}");
    }
    no("tran.ky.test", "unsafe-stripped").await;
    let letter = writer.others.stripped.wait_for("unsafe-stripped");
    assert!(letter.contains("TLS-Required: No") && !letter.contains("using TLS"), "{letter}");
    writer.program.must(&["tls-policy", "set", "tran.ky.test", "--require", "--name", "mx.ky.test"]).await;
    no("tran.ky.test", "unsafe-configured").await;
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let printed =
            writer.program.must(&["queue", "list", "--destination", "tran.ky.test", "--json"]).await;
        let rows: Vec<Value> = serde_json::from_str(&printed).unwrap();
        // This one, and the one that was put off before.
        if rows.len() == 2 && rows.iter().all(|row| row["state"] == "waiting" && row["attempts"] != 0) {
            break;
        }
        assert!(Instant::now() < deadline, "{rows:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    writer.program.must(&["tls-policy", "remove", "tran.ky.test"]).await;
}

/// RFC 8460: every connection was counted, and who asks for it is told.
async fn what_it_came_to(writer: &Writer<'_>) {
    let expected = [
        ("khop.ky.test", "tlsa", "success"),
        ("neo.ky.test", "tlsa", "success"),
        ("lech.ky.test", "tlsa", "tlsa-invalid"),
        ("tran.ky.test", "tlsa", "starttls-not-supported"),
        ("dung.tran.test", "sts", "success"),
        ("sai.tran.test", "sts", "certificate-host-mismatch"),
        ("thu.tran.test", "sts", "certificate-host-mismatch"),
        ("la.tran.test", "sts", "validation-failure"),
        ("tho.tran.test", "no-policy-found", "success"),
    ];
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let told = writer.program.must(&["tls-report", "show", "--json"]).await;
        let rows: Vec<Value> = serde_json::from_str(&told).unwrap();
        let is_there = |(domain, policy, result): &(&str, &str, &str)| {
            let ours = |row: &Value| {
                row["domain"] == *domain && row["policy"] == *policy && row["result"] == *result
            };
            rows.iter().any(ours)
        };
        if expected.iter().all(is_there) {
            break;
        }
        assert!(Instant::now() < deadline, "{told}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let told = writer.program.must(&["tls-report", "send", "--today"]).await;
    assert!(told.contains("Reports sent: 4."), "{told}");
    let report = writer.others.postfix.wait_for("Subject: Report Domain: thu.tran.test");
    assert!(report.contains("application/tlsrpt+gzip") && report.contains("using TLSv1.3"), "{report}");
    let again = writer.program.must(&["tls-report", "send", "--today"]).await;
    assert!(again.contains("Reports sent: 0."), "{again}");
}

/// RFC 8461 §3.3: our own policy, for our own domains and for no others.
async fn what_we_publish(writer: &Writer<'_>) {
    let client = writer.program.web_client();
    let domain = writer.account.address.split_once('@').unwrap().1;
    let get = async |host: String| {
        let url = writer.program.https("/.well-known/mta-sts.txt");
        client.get(url).header("Host", host).send().await.unwrap()
    };
    let ours = get(format!("mta-sts.{domain}")).await;
    assert_eq!(
        (ours.status().as_u16(), &ours.headers()["content-type"]),
        (200, &"text/plain".parse().unwrap())
    );
    let text = ours.text().await.unwrap();
    assert!(text.starts_with("version: STSv1\r\nmode: testing\r\nmx: "), "{text}");
    assert_eq!(get("mta-sts.khop.ky.test".to_owned()).await.status().as_u16(), 404);
    assert_eq!(get(domain.to_owned()).await.status().as_u16(), 404);
}

/// A policy that was once had is kept over a power cut, and although nobody gives it any more.
async fn a_policy_outlives_its_site(program: &mut Program, others: &mut Others, account: Account) {
    others.policies = None;
    program.kill().await;
    program.start().await;
    let jmap = Jmap::sign_in(program, &account).await;
    let writer = Writer { jmap, account, others, program };
    writer.is_put_off("sai.tran.test", "sts-after-restart", "451 4.7.5").await;
}
