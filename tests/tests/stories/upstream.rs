//! Two and three houses exchange with one another, a hub is killed in between, and an axis breaks in every way it can.

use std::time::Duration;

use serde_json::Value;
use tests::{Axis, Engine, Exchange, Paper, Program, Turn};

use crate::on_both_engines;

on_both_engines! {
    two_houses => two_houses_exchange,
    three_in_a_chain => three_in_a_chain,
    a_hub_is_killed => a_hub_is_killed_in_between,
    an_axis_that_breaks => an_axis_that_breaks,
}

/// What is recorded is enough here: signatures are other stories' business.
const RECORDED: (&str, &str) = ("signatures = \"required\"", "signatures = \"recorded\"");

async fn house(engine: Engine, province: &str) -> Program {
    Program::demo_of(engine, province, &[RECORDED, ("patience_seconds = 60", "patience_seconds = 2")]).await
}

/// The first and the second agency's systems, with their codes.
fn systems(program: &Program) -> [(Exchange, String); 2] {
    let (first, second) = program.systems();
    [first, second].map(|system| (Exchange::new(program, system), system.agency.clone()))
}

/// `client` becomes a client of `server`'s exchange, speaking for `behind`; what is `beyond` lies behind `server`.
async fn connect(
    client: &mut Program,
    server: &Program,
    name: &str,
    behind: &[&str],
    beyond: &[(&str, &[&str])],
) {
    let axis = format!("truc.{name}.client");
    for code in behind {
        server.must(&["agency", "add", code, "--name", &format!("Cơ quan {code}")]).await;
    }
    let admitted = server.must(&["system", "add", &axis, "--agency", behind[0], "--json"]).await;
    let admitted: Value = serde_json::from_str(&admitted).unwrap();
    for code in &behind[1..] {
        server.must(&["system", "speak", &axis, "--agency", code]).await;
    }
    let url = format!("http://127.0.0.1:{}/vxp", server.ports.http);
    let secret = admitted["secret"].as_str().unwrap().to_owned();
    add_peer(client, name, &url, &axis, &secret, beyond).await;
}

async fn add_peer(
    client: &mut Program,
    name: &str,
    url: &str,
    axis: &str,
    secret: &str,
    beyond: &[(&str, &[&str])],
) {
    for code in beyond.iter().flat_map(|(_, codes)| *codes) {
        client.must(&["agency", "add", code, "--name", &format!("Cơ quan {code}")]).await;
    }
    client.environment.retain(|(variable, _)| *variable != "CONGVAN_PEER_SECRET");
    client.environment.push(("CONGVAN_PEER_SECRET", secret.to_owned()));
    let mut arguments = vec!["peer", "add", name, "--url", url, "--system-id", axis, "--poll-seconds", "1"];
    for (level_1, _) in beyond {
        arguments.extend(["--level-1", level_1]);
    }
    client.must(&arguments).await;
}

/// How the line to a peer does.
async fn line(program: &Program, name: &str) -> Value {
    let list: Value = serde_json::from_str(&program.must(&["peer", "list", "--json"]).await).unwrap();
    list.as_array().unwrap().iter().find(|line| line["name"] == name).unwrap().clone()
}

/// The messages over a line, oldest first.
async fn messages(program: &Program, name: &str) -> Vec<Value> {
    let log = program.must(&["peer", "log", name, "--limit", "1000", "--json"]).await;
    let mut messages: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    messages.reverse();
    messages
}

async fn status(program: &Program, from: &str, to: &str, number: &str, code: &str) -> Vec<u8> {
    let path = program.data.join(format!("status-{number}-{code}-{to}.edxml"));
    let path = path.to_str().unwrap();
    let about = format!("{number}/SNV-VP");
    let id = format!("{to},2026/11/28,{number}/SNV-VP");
    let arguments =
        ["package", "--status", code, "--from", from, "--to", to, "--code", &about, "--document-id", &id];
    program.must(&[&arguments[..], &["--description", "theo quy trình", "--out", path]].concat()).await;
    std::fs::read(path).unwrap()
}

/// The same bytes but for one line of a trace; answers whose it is.
fn the_line_that_was_added(before: &[u8], after: &[u8]) -> String {
    let at = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let added = after.len() - before.len();
    // The line begins where an earlier one may have ended: both begin alike.
    let whole = String::from_utf8_lossy(after).into_owned();
    let start = (0..=at).rev().find(|start| {
        after.get(*start..start + 20).is_some_and(|text| text.starts_with(b"<edXML:TraceHeader>"))
            && [&after[..*start], &after[start + added..]].concat() == before
    });
    let start = start.unwrap_or_else(|| panic!("more than a line was changed: {whole}"));
    let line = String::from_utf8(after[start..start + added].to_vec()).unwrap();
    let organ = line.split("OrganId>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    assert!(line.ends_with("</edXML:TraceHeader>") && line.matches("OrganId>").count() == 2, "{line}");
    organ
}

async fn two_houses_exchange(engine: Engine) {
    let mut a = house(engine, "H98").await;
    let mut b = house(engine, "H97").await;
    connect(&mut a, &b, "h97", &["H98.01", "H98.02"], &[("H97", &["H97.01", "H97.02"])]).await;
    let [(a1, a1_code), (a2, a2_code)] = systems(&a);
    let [(b1, b1_code), (b2, _)] = systems(&b);
    let checked: Value = serde_json::from_str(&a.must(&["peer", "check", "h97", "--json"]).await).unwrap();
    assert_eq!((&checked["ok"], &checked["waiting"]), (&true.into(), &0.into()), "{checked}");

    // Over TLS: by the certificates that were given, and by no others (RULES R57).
    let (tls, root) = (b.https("/vxp"), b.data.join("pki/root.pem"));
    for (ca, trusted) in [(Some(root.to_str().unwrap()), true), (None, false)] {
        let mut arguments = vec!["peer", "add", "tls", "--url", &tls, "--system-id", "truc.h97.client"];
        arguments.extend(ca.iter().flat_map(|ca| ["--ca", ca]));
        a.must(&arguments).await;
        let checked = a.command(&["peer", "check", "tls", "--json"]).await;
        assert_eq!(checked.status.success(), trusted, "{}", String::from_utf8_lossy(&checked.stdout));
    }
    a.must(&["peer", "remove", "tls"]).await;

    // To both houses at once: one copy for each system, our line and not one byte more.
    let paper = Paper::new(&a, "cong-van").await;
    let package = paper.packed(&a, &a1_code, &[&a2_code, &b1_code], "05").await;
    let sent = a1.send(&a1_code, &package).await;
    assert!(sent.is_ok(), "{sent:?}\n{}", a.log());
    assert_eq!(a2.take(&a2.wait_for("edoc", 1).await[0]).await, package);
    let arrived = b1.take(&b1.wait_for("edoc", 1).await[0]).await;
    assert_eq!(the_line_that_was_added(&package, &arrived), "truc.h98");
    assert!(b2.received("edoc").await.is_empty());
    // And back, in order.
    for code in ["01", "03", "06"] {
        assert!(b1.send(&b1_code, &status(&b, &b1_code, &a1_code, "05", code).await).await.is_ok());
    }
    let words = a1.wait_for("status", 3).await;
    for (word, code) in words.iter().zip(["01", "03", "06"]) {
        let word = String::from_utf8(a1.take(word).await).unwrap();
        assert!(word.contains(&format!("<edXML:StatusCode>{code}</edXML:StatusCode>")), "{word}");
    }
    let rows = a1.call("getSentEdocList", &[("docId", sent.doc_id())]).await.list();
    assert!(rows.len() == 2 && rows.iter().all(|row| row["receiveStatus"] == "done"), "{rows:?}");

    // A recall goes the same way, and its answer comes back.
    let recall = a.data.join("thu-hoi.edxml");
    let recall = recall.to_str().unwrap();
    let id = format!("{a1_code},2026/11/28,05/SNV-VP");
    let arguments =
        ["package", "--from", &a1_code, "--to", &b1_code, "--number", "07", "--notation", "SNV-VP"];
    let more =
        ["--subject", "Thu hồi văn bản", "--recalls", &id, "--reason", "sai thể thức", "--out", recall];
    a.must(&[&arguments[..], &more[..]].concat()).await;
    let sent = a1.send(&a1_code, &std::fs::read(recall).unwrap()).await;
    assert!(sent.is_ok(), "{sent:?}");
    let arrived = String::from_utf8(b1.take(&b1.wait_for("edoc", 1).await[0]).await).unwrap();
    assert!(arrived.contains("<edXML:BussinessDocType>1<") && arrived.contains(&id), "{arrived}");
    assert!(b1.send(&b1_code, &status(&b, &b1_code, &a1_code, "05", "15").await).await.is_ok());
    let word = String::from_utf8(a1.take(&a1.wait_for("status", 1).await[0]).await).unwrap();
    assert!(word.contains("<edXML:StatusCode>15<"), "{word}");

    // From there to here.
    let paper = Paper::new(&b, "phuc-dap").await;
    let answer = paper.packed(&b, &b1_code, &[&a2_code], "11").await;
    assert!(b1.send(&b1_code, &answer).await.is_ok());
    assert_eq!(a2.take(&a2.wait_for("edoc", 1).await[0]).await, answer, "the plain exchange changes nothing");

    // The other house is away, and comes back.
    b.stop().await;
    let package = paper_of(&a, &a1_code, &[&b1_code], "20").await;
    assert!(a1.send(&a1_code, &package).await.is_ok(), "what is accepted does not wait for the other side");
    until("the line is known to be bad", async || line(&a, "h97").await["failures"] != 0).await;
    b.start().await;
    let b1 = Exchange::new(&b, b.systems().0);
    let arrived = b1.take(&b1.wait_for("edoc", 1).await[0]).await;
    assert_eq!(the_line_that_was_added(&package, &arrived), "truc.h98");

    // A secret that is not good any more stops the line, and loses nothing.
    let url = format!("http://127.0.0.1:{}/vxp", b.ports.http);
    add_peer(&mut a, "h97", &url, "truc.h97.client", "khong-dung-nua", &[("H97", &[])]).await;
    until("the line is stopped", async || line(&a, "h97").await["state"] == "paused").await;
    let kept = paper_of(&a, &a1_code, &[&b1_code], "21").await;
    assert!(a1.send(&a1_code, &kept).await.is_ok());
    assert_eq!(line(&a, "h97").await["waiting"], 1);
    let refused = a.command(&["peer", "check", "h97"]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(!a.command(&["peer", "remove", "h97"]).await.status.success(), "packages wait for it");
    // What is unknown anywhere is refused with a word, not with silence (RULES R68).
    let nowhere = paper_of(&a, &a1_code, &["H96.01"], "22").await;
    assert_eq!(a1.send(&a1_code, &nowhere).await.code(), "404");

    let metrics =
        a.web_client().get(format!("http://127.0.0.1:{}/metrics", a.ports.http)).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(
        metrics.contains("congvan_line_packages_total{peer=\"h97\",direction=\"out\",outcome=\"sent\"}"),
        "{metrics}"
    );
    a.stop().await;
    let log = a.must(&["ledger", "check"]).await;
    assert!(log.contains("leaves"), "{log}");
    b.stop().await;
    a.doctor().await;
    b.doctor().await;
}

async fn paper_of(program: &Program, from: &str, to: &[&str], number: &str) -> Vec<u8> {
    Paper::new(program, &format!("so-{number}")).await.packed(program, from, to, number).await
}

/// Waits until something is so; whoever asks over the command line asks again.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while !is_so().await {
        assert!(tokio::time::Instant::now() < deadline, "{what}: in vain");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// H98 is a client of the hub H97, which is a client of H96.
async fn chain(engine: Engine) -> [Program; 3] {
    let mut a = house(engine, "H98").await;
    let mut hub = house(engine, "H97").await;
    let c = house(engine, "H96").await;
    let behind = ["H98.01", "H98.02", "H97.01", "H97.02"];
    connect(&mut hub, &c, "h96", &behind, &[("H96", &["H96.01", "H96.02"])]).await;
    connect(
        &mut a,
        &hub,
        "h97",
        &["H98.01", "H98.02"],
        &[("H97", &["H97.01", "H97.02"]), ("H96", &["H96.01", "H96.02"])],
    )
    .await;
    [a, hub, c]
}

async fn three_in_a_chain(engine: Engine) {
    let [a, hub, c] = chain(engine).await;
    let [(a1, a1_code), (a2, _)] = systems(&a);
    let [(h1, h1_code), _] = systems(&hub);
    let [(c1, c1_code), (c2, c2_code)] = systems(&c);
    // To all three at once; everybody has one copy.
    let package = paper_of(&a, &a1_code, &["H98.02", &h1_code, &c1_code, &c2_code], "05").await;
    assert!(a1.send(&a1_code, &package).await.is_ok());
    assert_eq!(a2.take(&a2.wait_for("edoc", 1).await[0]).await, package);
    let at_hub = h1.take(&h1.wait_for("edoc", 1).await[0]).await;
    assert_eq!(the_line_that_was_added(&package, &at_hub), "truc.h98");
    let at_c = c1.take(&c1.wait_for("edoc", 1).await[0]).await;
    assert_eq!(the_line_that_was_added(&at_hub, &at_c), "truc.h97");
    assert_eq!(c2.take(&c2.wait_for("edoc", 1).await[0]).await, at_c);
    // Statuses of both, through the hub.
    for (system, code, word) in [(&h1, &h1_code, "03"), (&c1, &c1_code, "01"), (&c1, &c1_code, "03")] {
        let program = if code.starts_with("H97") { &hub } else { &c };
        let said = status(program, code, &a1_code, "05", word).await;
        let sent = system.send(code, &said).await;
        assert!(sent.is_ok(), "{sent:?}");
    }
    let words = a1.wait_for("status", 3).await;
    for word in &words {
        a1.take(word).await;
    }
    // A recall by status 13 goes down the chain, and 15 comes up.
    let said = status_about(&a, &a1_code, &c1_code, "05", "13").await;
    assert!(a1.send(&a1_code, &said).await.is_ok());
    let asked = String::from_utf8(c1.take(&c1.wait_for("status", 1).await[0]).await).unwrap();
    assert!(asked.contains("<edXML:StatusCode>13<"), "{asked}");
    assert!(c1.send(&c1_code, &status(&c, &c1_code, &a1_code, "05", "15").await).await.is_ok());
    let word = String::from_utf8(a1.take(&a1.wait_for("status", 1).await[0]).await).unwrap();
    assert!(word.contains("<edXML:StatusCode>15<"), "{word}");
    // And a document up the chain.
    let up = paper_of(&c, &c1_code, &[&a1_code], "30").await;
    assert!(c1.send(&c1_code, &up).await.is_ok());
    let arrived = a1.take(&a1.wait_for("edoc", 1).await[0]).await;
    assert_eq!(arrived, up, "the hub polled it from there, and handed it out as it was");
    // What the far end refuses is told to the sender, by the hub, in the name of who will not get it (RULES R68).
    let (withdrawn, number) = ("H96.03", "40");
    hub.must(&["agency", "add", withdrawn, "--name", "Cơ quan giải thể"]).await;
    a.must(&["agency", "add", withdrawn, "--name", "Cơ quan giải thể"]).await;
    let lost = paper_of(&a, &a1_code, &[withdrawn], number).await;
    assert!(a1.send(&a1_code, &lost).await.is_ok());
    let word = String::from_utf8(a1.take(&a1.wait_for("status", 1).await[0]).await).unwrap();
    assert!(word.contains("<edXML:StatusCode>02<") && word.contains(withdrawn), "{word}");
    let refused: Vec<Value> =
        messages(&hub, "h96").await.into_iter().filter(|m| m["state"] == "refused").collect();
    assert!(
        refused.len() == 1 && refused[0]["reason"].as_str().unwrap().starts_with("peer.404"),
        "{refused:?}"
    );
    // Nobody has anything twice, and nothing is left on the way.
    for system in [&a1, &a2, &h1, &c1, &c2] {
        assert!(system.received("edoc").await.is_empty() && system.received("status").await.is_empty());
    }
    assert_eq!(
        (&line(&a, "h97").await["waiting"], &line(&hub, "h96").await["waiting"]),
        (&0.into(), &0.into())
    );
}

/// A status from the sender itself: the document is its own.
async fn status_about(program: &Program, from: &str, to: &str, number: &str, code: &str) -> Vec<u8> {
    let path = program.data.join(format!("status-{number}-{code}.edxml"));
    let path = path.to_str().unwrap();
    let about = format!("{number}/SNV-VP");
    let arguments = ["package", "--status", code, "--from", from, "--to", to, "--code", &about];
    program.must(&[&arguments[..], &["--description", "sai thể thức", "--out", path]].concat()).await;
    std::fs::read(path).unwrap()
}

async fn a_hub_is_killed_in_between(engine: Engine) {
    let [mut a, mut hub, c] = chain(engine).await;
    let [(a1, a1_code), _] = systems(&a);
    let [(c1, c1_code), _] = systems(&c);
    let template = String::from_utf8(paper_of(&a, &a1_code, &[&c1_code], "99999").await).unwrap();
    let mut promised = Vec::new();
    let mut number = 10_000;
    for kill in 0..3u64 {
        for _ in 0..5 {
            number += 1;
            let package = tests::renumbered(&template, "99999", &number.to_string());
            let sent = a1.send(&a1_code, package.as_bytes()).await;
            assert!(sent.is_ok(), "{sent:?}");
            promised.push(number.to_string());
        }
        // The moment of the kill is what the story is about.
        tokio::time::sleep(Duration::from_millis(250 * kill)).await;
        hub.kill().await;
        hub.start().await;
    }
    // The near end dies too, with the rest in its outbox.
    a.kill().await;
    a.start().await;
    let mut found = std::collections::BTreeMap::new();
    while found.len() < promised.len() {
        for waiting in c1.wait_for("edoc", 1).await {
            let file = String::from_utf8(c1.take(&waiting).await).unwrap();
            let number =
                file.split("<edXML:CodeNumber>").nth(1).unwrap().split('<').next().unwrap().to_owned();
            *found.entry(number).or_insert(0u32) += 1;
        }
    }
    until("everything is settled", async || {
        line(&a, "h97").await["waiting"] == 0 && line(&hub, "h96").await["waiting"] == 0
    })
    .await;
    assert!(c1.received("edoc").await.is_empty());
    assert!(promised.iter().all(|number| found.get(number) == Some(&1)), "each once: {found:?}");
    for (program, name) in [(&a, "h97"), (&hub, "h96")] {
        let log = messages(program, name).await;
        let sent = log.iter().filter(|m| m["direction"] == "out" && m["state"] == "sent").count();
        assert_eq!(sent, promised.len(), "{log:?}");
    }
    a.stop().await;
    hub.stop().await;
    for program in [&a, &hub] {
        program.must(&["ledger", "check"]).await;
    }
}

async fn an_axis_that_breaks(engine: Engine) {
    let mut a = house(engine, "H98").await;
    let axis = Axis::start().await;
    let [(a1, a1_code), (a2, a2_code)] = systems(&a);
    // Plain http is for this machine only (RULES R57).
    let open = ["peer", "add", "x", "--url", "http://192.0.2.1/vxp", "--system-id", "x"];
    assert!(!a.command(&open).await.status.success());
    let url = format!("http://127.0.0.1:{}/vxp", axis.port);
    add_peer(&mut a, "quoc-gia", &url, "00.98.W00", "khoa-bi-mat", &[("H41", &["H41.01"])]).await;

    // Out: whatever happens to the answer, the axis has each package once, and we know.
    for (number, turns) in [
        ("01", &[Turn::Never][..]),
        ("02", &[Turn::Half]),
        ("03", &[Turn::Html]),
        ("04", &[Turn::Late]),
        ("05", &[Turn::Twice]),
        ("06", &[Turn::Refuse("503")]),
        ("07", &[Turn::Never, Turn::Html]),
    ] {
        axis.plan("sendEdoc", turns);
        let package = paper_of(&a, &a1_code, &["H41.01"], number).await;
        assert!(a1.send(&a1_code, &package).await.is_ok());
        until(number, async || line(&a, "quoc-gia").await["waiting"] == 0).await;
        let taken = axis.taken();
        assert_eq!(the_line_that_was_added(&package, taken.last().unwrap()), "truc.h98");
    }
    let log = messages(&a, "quoc-gia").await;
    assert!(log.iter().all(|m| m["state"] == "sent"), "{log:?}");
    let ids: Vec<&str> = log.iter().map(|m| m["peerDocId"].as_str().unwrap()).collect();
    assert_eq!(ids, ["truc-0", "truc-1", "truc-2", "truc-3", "truc-4", "truc-5", "truc-6"]);
    assert_eq!(axis.taken().len(), 7);
    assert!(axis.calls("sendEdoc") >= 7 + 6, "each failure was tried again");
    // Refused for good: once, and the sender sees why.
    axis.plan("sendEdoc", &[Turn::Refuse("18")]);
    let calls = axis.calls("sendEdoc");
    let sent = a1.send(&a1_code, &paper_of(&a, &a1_code, &["H41.01"], "08").await).await;
    until("refused", async || line(&a, "quoc-gia").await["messages"]["refused"] == 1).await;
    let rows = a1.call("getSentEdocList", &[("docId", sent.doc_id())]).await.list();
    assert_eq!(rows[0]["receiveStatus"], "fail");
    assert_eq!(axis.calls("sendEdoc"), calls + 1);
    let refused = messages(&a, "quoc-gia").await.pop().unwrap();
    assert_eq!(refused["reason"], "peer.18: Khong nhan");
    a.must(&["peer", "resend", refused["id"].as_str().unwrap()]).await;
    until("sent again", async || axis.taken().len() == 8).await;

    // In: lists that are error pages, packages that are cut or changed, acknowledgements that are lost.
    let paper = Paper::new(&a, "tu-xa").await;
    let from_afar = paper.packed(&a, "H41.01", &[&a2_code, "H99.99"], "50").await;
    axis.plan("getReceivedEdocList", &[Turn::Html, Turn::Html, Turn::Half]);
    axis.plan("getEdoc", &[Turn::Damaged, Turn::Half, Turn::Html, Turn::Never]);
    axis.plan("updateStatus", &[Turn::Html, Turn::Html]);
    axis.offer("d-50", "edoc", &from_afar);
    assert_eq!(a2.take(&a2.wait_for("edoc", 1).await[0]).await, from_afar);
    until("acknowledged", async || axis.acknowledged() == [("d-50".to_owned(), "done".to_owned())]).await;
    assert!(a2.received("edoc").await.is_empty(), "fetched again and again, and there once");
    // Who speaks for another, what is no package, and what is secret: acknowledged with a no, and nobody has it.
    let forged = paper.packed(&a, &a1_code, &[&a2_code], "51").await;
    let secret = String::from_utf8(paper.packed(&a, "H41.01", &[&a2_code], "52").await).unwrap();
    let secret = secret.replacen("<edXML:Subject>", "<edXML:Subject>[MẬT] ", 1);
    for (id, package) in
        [("d-51", &forged[..]), ("d-52", secret.as_bytes()), ("d-53", b"<html>trang loi</html>")]
    {
        axis.offer(id, "edoc", package);
    }
    until("all refused", async || {
        let words = axis.acknowledged();
        ["d-51", "d-52", "d-53"].iter().all(|id| words.contains(&((*id).to_owned(), "fail".to_owned())))
    })
    .await;
    assert!(a2.received("edoc").await.is_empty());
    let log = messages(&a, "quoc-gia").await;
    let reason =
        |id: &str| log.iter().find(|m| m["peerDocId"] == id).unwrap()["reason"].as_str().unwrap().to_owned();
    assert!(reason("d-51").starts_with("vxp.not-your-agency"), "{}", reason("d-51"));
    assert!(reason("d-52").starts_with("secrecy.refused"), "{}", reason("d-52"));
    assert!(reason("d-53").starts_with("edxml."), "{}", reason("d-53"));
    // An administrator sees what was set aside; of a state secret nothing was kept (RULES R12).
    let aside = a.must(&["quarantine", "packages", "--peer", "quoc-gia", "--json"]).await;
    let aside: Vec<Value> = serde_json::from_str(&aside).unwrap();
    let kept = |code: &str| {
        aside.iter().find(|row| row["code"].as_str().unwrap().starts_with(code)).unwrap()["kept"].clone()
    };
    assert_eq!(
        (kept("edxml."), kept("secrecy.refused")),
        (Value::from(true), Value::from(false)),
        "{aside:?}"
    );
    assert!(aside.iter().all(|row| !row["vi"].as_str().unwrap().is_empty()), "{aside:?}");
    // The secret document's sender was told, the forger's victim was not (RULES E41).
    until("told", async || axis.taken().len() == 9).await;
    let told = String::from_utf8(axis.taken().pop().unwrap()).unwrap();
    assert!(
        told.contains("<edXML:StatusCode>02<") && told.contains("52/SNV-VP") && told.contains("H41.01"),
        "{told}"
    );
    a.stop().await;
}
