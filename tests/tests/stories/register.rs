//! The register of agencies by command: taken in, searched, changed for a day to come, shown as it was known.

use serde_json::Value;
use tests::{Engine, Program};

use crate::on_both_engines;

on_both_engines! {
    a_register_is_kept_by_command => a_register_is_kept_by_command,
}

const TABLE: &str = "\
code,code102,name,parent,valid_from,valid_to,successor,decision
H98,000.00.00.H98,Ủy ban nhân dân tỉnh Thử,,2021-01-01,,,
H98.02,000.00.02.H98,Sở Y tế tỉnh Thử,H98,2021-01-01,,,1/QĐ-UBND
H98.30,,Ủy ban nhân dân xã Tân Hòa,H98,2021-01-01,,,
H98.31,,Ủy ban nhân dân xã Tân Bình,H98,2021-01-01,,,
H98.99,,,H98,,,,
";

async fn json(program: &Program, arguments: &[&str]) -> Value {
    let mut arguments = arguments.to_vec();
    arguments.push("--json");
    serde_json::from_str(&program.must(&arguments).await).unwrap()
}

async fn a_register_is_kept_by_command(engine: Engine) {
    let program = Program::demo(engine).await;
    let file = program.data.join("register.csv");
    std::fs::write(&file, TABLE).unwrap();
    let file = file.to_str().unwrap();
    let dry = json(&program, &["agency", "import", file, "--dry-run"]).await;
    assert_eq!(
        (&dry["counts"]["add"], &dry["counts"]["refused"], &dry["applied"]["added"]),
        (&4.into(), &1.into(), &0.into()),
        "{dry}"
    );
    assert!(dry["rows"][0]["said"][0]["vi"].is_string() && dry["rows"][0]["line"] == 6, "{dry}");
    // One line is wrong, so it is no success; the others are there all the same, and once.
    for added in [4, 0] {
        let taken = program.command(&["agency", "import", file, "--json"]).await;
        assert_eq!(taken.status.code(), Some(1));
        let taken: Value = serde_json::from_slice(&taken.stdout).unwrap();
        assert_eq!(taken["applied"]["added"], added, "{taken}");
    }

    let found = json(&program, &["agency", "search", "tan", "hoa", "ubnd"]).await;
    assert_eq!(found["hits"][0]["agency"]["code"], "H98.30", "{found}");
    let nothing = program.command(&["agency", "search", "không", "có", "đâu"]).await;
    assert_eq!(nothing.status.code(), Some(1));

    let changed = json(
        &program,
        &[
            "agency",
            "rename",
            "H98.02",
            "--name",
            "Sở Y tế và Dân số",
            "--from",
            "2035-01-01",
            "--decision",
            "2/QĐ-UBND",
        ],
    )
    .await;
    assert_eq!(changed["changed"], 1, "{changed}");
    program.must(&["agency", "code", "H98.02", "H98.22", "--from", "2035-01-01"]).await;
    program.must(&["agency", "merge", "H98.30", "H98.31", "--into", "H98.30", "--decision", "3/NQ"]).await;
    program.must(&["agency", "focal", "H98.30", "--at", "H98"]).await;
    let shown = json(&program, &["agency", "show", "H98.02"]).await;
    assert_eq!(
        (&shown["agency"]["name"], &shown["history"][1]["decision"]),
        (&"Sở Y tế tỉnh Thử".into(), &"2/QĐ-UBND".into()),
        "{shown}"
    );
    let later = json(&program, &["agency", "show", "H98.22", "--on", "2035-01-01"]).await;
    assert_eq!(
        (&later["agency"]["name"], &later["agency"]["code"]),
        (&"Sở Y tế và Dân số".into(), &"H98.22".into()),
        "{later}"
    );
    // What was known before it was taken in: nothing.
    let unknown =
        program.command(&["agency", "show", "H98.02", "--on", "2026-01-01", "--known", "2022-01-01"]).await;
    assert!(!unknown.status.success());
    let closed = json(&program, &["agency", "show", "H98.31"]).await;
    assert_eq!(
        (&closed["agency"]["active"], &closed["successors"][0]),
        (&false.into(), &"H98.30".into()),
        "{closed}"
    );
    for wrong in [
        &["agency", "merge", "H98.02", "--into", "H98.31"][..],
        &["agency", "close", "H97.77"],
        &["agency", "rename", "H98.02", "--name", "Sở", "--from", "hôm qua"],
        &["agency", "code", "H98.02", "H98.30"],
        &["system", "allow", "khong.co", "--may-manage-units"],
    ] {
        let refused = program.command(wrong).await;
        assert!(!refused.status.success(), "{wrong:?}");
        assert!(String::from_utf8_lossy(&refused.stderr).contains(" / "), "{wrong:?}: both languages");
    }
    // The feed of what changed, from a version on (RULES R70).
    let all = program.must(&["agency", "list", "--json"]).await;
    let version: Value = serde_json::from_str(all.lines().last().unwrap()).unwrap();
    program.must(&["agency", "split", "H98.30", "--into", "H98", "--into", "H98.02"]).await;
    let news = program.must(&["agency", "list", "--after", &version["version"].to_string(), "--json"]).await;
    let first: Value = serde_json::from_str(news.lines().next().unwrap()).unwrap();
    assert_eq!(
        (news.lines().count(), &first["code"], &first["active"]),
        (2, &"H98.30".into(), &false.into()),
        "{news}"
    );
}
