//! Connections that stay open for hours end when whoever opened them may not be here any more: one row for each reason.

use std::collections::BTreeMap;
use std::process::Command;

use tests::{Account, Engine, Program};

use crate::on_both_engines;
use crate::push::Script;
use crate::sign_in::Issuer;

on_both_engines! {
    m20_m25_a_long_connection_ends_with_its_right => a_right_ends,
}

/// Changes a row behind the program's back, as another node or a command would.
pub(crate) fn sql(program: &Program, statement: &str) {
    let config = std::fs::read_to_string(program.config()).expect("a configuration");
    let database = config.lines().find_map(|line| line.strip_prefix("database = ")).expect("a database");
    let done = match database.trim_matches('"') {
        "sqlite" => {
            let file = program.data.join("congvan.db");
            let script = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None).execute(sys.argv[2])";
            Command::new("python3").args(["-c", script]).arg(file).arg(statement).status()
        }
        url => Command::new("psql").args([url, "-qc", statement]).status(),
    };
    assert!(done.is_ok_and(|status| status.success()), "{statement}");
}

/// Opens everything that stays open for somebody.
async fn open(program: &Program, who: &Account, token: Option<&str>) -> Script {
    let root = program.data.join("root.pem");
    std::fs::write(&root, program.root_pem()).expect("a file");
    let (imaps, https) = (program.ports.imaps.to_string(), program.ports.https.to_string());
    let mut arguments =
        vec![&*imaps, &*https, root.to_str().expect("a plain path"), &*who.address, &*who.password];
    arguments.extend(token);
    let mut script = Script::start("long_connections.py", &arguments);
    assert_eq!(script.line().await, "waits", "{}", program.log());
    script
}

/// How each of them ended.
async fn ends(mut script: Script) -> BTreeMap<String, String> {
    let mut ends = BTreeMap::new();
    loop {
        let line = script.line().await;
        if line == "done" {
            return ends;
        }
        let end: serde_json::Value = serde_json::from_str(&line).expect("a line of JSON");
        let text = |name: &str| end[name].as_str().expect("a text").to_owned();
        ends.insert(text("door"), text("said"));
    }
}

/// The program with an agency that keeps IMAP closed, a single sign-on, and a short interval.
async fn program(engine: Engine) -> (Program, Issuer, [Account; 3]) {
    let mut program = Program::demo(engine).await;
    let issuer = Issuer::new(&program.data);
    let (ours, theirs) = program.systems();
    let (ours, theirs) = (ours.agency.clone(), theirs.agency.clone());
    let who = |agency: &str, role: &str| program.account(agency, role).clone();
    let people = [who(&theirs, "clerk"), who(&theirs, "leader"), who(&ours, "clerk")];
    program.stop().await;
    let config = std::fs::read_to_string(program.config()).expect("a configuration");
    let changed = config
        .replace("look_again_seconds = 60", "look_again_seconds = 1")
        .replace("closed_to = []", &format!("closed_to = [\"{ours}\"]"));
    assert_ne!(changed, config);
    std::fs::write(program.config(), crate::sign_in::with_single_sign_on(&changed)).expect("a configuration");
    program.start().await;
    (program, issuer, people)
}

async fn a_right_ends(engine: Engine) {
    let (program, issuer, [an, binh, closed]) = program(engine).await;
    let account =
        |who: &Account| format!("(SELECT account_id FROM address WHERE address_folded = '{}')", who.address);
    let web_ends = |ended: &BTreeMap<String, String>, code: &str| {
        assert!(
            ended["events"].starts_with("event: over\ndata: {") && ended["events"].contains(code),
            "{ended:?}"
        );
        assert_eq!(ended["socket"], format!("1008 {code}"), "{ended:?}");
    };
    let imap_ends = |ended: &BTreeMap<String, String>, code: &str, words: &str| {
        for door in ["idle", "notify"] {
            let said = &ended[door];
            assert!(said.starts_with(&format!("* BYE [{code}] ")) && said.contains(words), "{ended:?}");
        }
    };

    // Locked (RULES M20).
    let waits = open(&program, &binh, None).await;
    sql(&program, &format!("UPDATE account SET state = 'locked' WHERE account_id = {}", account(&binh)));
    let ended = ends(waits).await;
    imap_ends(&ended, "CONTACTADMIN", "locked");
    web_ends(&ended, "sign_in_disabled");

    // Another password (RULES M25).
    let waits = open(&program, &an, None).await;
    program.must(&["account", "password", &an.address]).await;
    let ended = ends(waits).await;
    imap_ends(&ended, "EXPIRED", "password has changed");
    web_ends(&ended, "sign_in_password_changed");

    // A token whose time is over, a minute's leeway included.
    let waits = open(&program, &an, Some(&issuer.token(&an.address, -50))).await;
    imap_ends(&ends(waits).await, "EXPIRED", "single sign-on");

    // The protocol is closed to the agency.
    let waits = open(&program, &an, Some(&issuer.token(&an.address, 300))).await;
    let moved = format!(
        "UPDATE account SET agency_id = (SELECT agency_id FROM account WHERE account_id = {}) WHERE account_id = {}",
        account(&closed),
        account(&an)
    );
    sql(&program, &moved);
    imap_ends(&ends(waits).await, "CONTACTADMIN", "does not offer");
    assert!(!program.log().contains("panicked"), "{}", program.log());
}
