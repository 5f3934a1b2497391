//! A mail program asks how it is to be set up, before anybody has signed in: what it is told, and what nobody is told.

use tests::{Engine, Program};

use crate::on_both_engines;

on_both_engines! {
    autoconfig_tells_the_doors_of_our_domains_and_nothing_of_people => autoconfig,
    an_agency_that_keeps_imap_closed_is_offered_none => closed,
}

/// Asks with a name in `Host`, as programs do that were led here by DNS; answers the status, the type and the file.
async fn ask(program: &Program, host: &str, path: &str) -> (u16, String, String) {
    let url = program.https(path);
    let answer = program.web_client().get(url).header("host", host).send().await.expect("an answer");
    let kind = answer.headers().get("content-type").expect("a type").to_str().expect("a type").to_owned();
    (answer.status().as_u16(), kind, answer.text().await.expect("a text"))
}

async fn autoconfig(engine: Engine) {
    let program = Program::demo(engine).await;
    let agency = program.systems().0.agency.clone();
    let clerk = program.account(&agency, "clerk").address.clone();
    let (_, domain) = clerk.split_once('@').expect("an address");
    let (mozilla, well_known) = ("/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml");
    let by_host = ask(&program, &format!("autoconfig.{domain}"), mozilla).await;
    assert_eq!((by_host.0, by_host.1.as_str()), (200, "application/xml; charset=utf-8"), "{}", by_host.2);
    let ports = &program.ports;
    for port in [ports.imaps, ports.imap, ports.submissions, ports.submission] {
        assert!(by_host.2.contains(&format!("<port>{port}</port>")), "{}", by_host.2);
    }
    assert!(
        by_host.2.contains("<hostname>localhost</hostname>") && by_host.2.contains("/jmap/session</url>")
    );
    assert!(!by_host.2.contains("plain"), "nobody is sent where a password goes in the clear: {}", by_host.2);
    // Whoever asks, at whichever place, for whomever: the same file. It names nobody.
    for (host, path) in [
        (domain.to_owned(), well_known.to_owned()),
        ("localhost".to_owned(), format!("{mozilla}?emailaddress={clerk}")),
        (format!("autoconfig.{domain}"), format!("{mozilla}?emailaddress=nobody%2Bx%40{domain}")),
        (format!("autoconfig.{}", domain.to_uppercase()), format!("{well_known}?other=1")),
    ] {
        assert_eq!(ask(&program, &host, &path).await, by_host, "{host} {path}");
    }
    for (host, query, status, code) in [
        ("autoconfig.elsewhere.test", "", 404, "domain-unknown"),
        ("localhost", "", 404, "domain-unknown"),
        (domain, "?emailaddress=an@elsewhere.test", 404, "domain-unknown"),
        (domain, "?emailaddress=nobody", 404, "domain-unknown"),
        (domain, "?emailaddress=a%40b&emailaddress=c%40d", 400, "query-malformed"),
    ] {
        let (told, kind, text) = ask(&program, host, &format!("{mozilla}{query}")).await;
        assert_eq!((told, kind.as_str()), (status, "application/problem+json"), "{host} {query}");
        assert!(text.contains(code), "{text}");
    }
    // What DNS is to say leads to the same doors.
    let records = program.must(&["domain", "records", domain]).await;
    for (service, port) in
        [("_imaps", ports.imaps), ("_submissions", ports.submissions), ("_jmap", ports.https)]
    {
        let line = format!("{service}._tcp.{domain}. 3600 IN SRV 0 1 {port} localhost.");
        assert!(records.lines().any(|told| told == line), "{line}\n{records}");
    }
    assert!(records.contains(&format!("autoconfig.{domain}. 3600 IN CNAME localhost.")), "{records}");
    the_demonstration_vouches_for_its_tls_certificate(&program).await;
}

async fn closed(engine: Engine) {
    let changes = [("closed_to = []", "closed_to = [\"H99.02\"]")];
    let program = Program::demo_of(engine, "H99", &changes).await;
    for (agency, has_imap) in [("H99.01", true), ("H99.02", false)] {
        let address = &program.account(agency, "clerk").address;
        let (_, domain) = address.split_once('@').expect("an address");
        let (status, _, file) = ask(&program, &format!("autoconfig.{domain}"), "/mail/config-v1.1.xml").await;
        let has = |words: &str| file.contains(words);
        assert_eq!(
            (status, has("type=\"imap\""), has("type=\"jmap\""), has("type=\"smtp\"")),
            (200, has_imap, true, true)
        );
    }
}

/// Thunderbird asks (RFC 6960) before it says a password, and goes away from "unknown".
async fn the_demonstration_vouches_for_its_tls_certificate(program: &Program) {
    let path = |name: &str| program.data.join(name).display().to_string();
    let leaf = program.data.join("leaf.pem");
    let pem = std::fs::read_to_string(program.data.join("tls/cert.pem")).expect("a chain");
    let (first, _) = pem.split_once("-----END CERTIFICATE-----").expect("a certificate");
    std::fs::write(&leaf, format!("{first}-----END CERTIFICATE-----\n")).expect("a certificate");
    let url = format!("http://127.0.0.1:{}/demo/ocsp", program.ports.http);
    let (issuer, root, leaf) = (path("pki/ca.pem"), path("pki/root.pem"), path("leaf.pem"));
    let arguments = ["ocsp", "-issuer", &issuer, "-CAfile", &root, "-cert", &leaf, "-url", &url];
    let output = tokio::process::Command::new("openssl").args(arguments).output().await.expect("openssl");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("leaf.pem: good"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
