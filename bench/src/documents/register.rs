//! The register of all agencies of the country, searched as people search.

use std::fmt::Write as _;
use std::time::Duration;

use tests::{ALL_SCOPES, ApiClient, Engine, Program};
use tokio::time::Instant;

/// The one that has another name now.
const RENAMED: u64 = 40;

/// What is asked for.
const ASKED: [(&str, &str); 6] = [
    ("by code", "/agencies?q=H37.00500"),
    ("by name, with marks", "/agencies?q=Ủy+ban+nhân+dân+xã+số+500"),
    ("by name, without", "/agencies?q=uy+ban+nhan+dan+xa+so+500"),
    ("by two common words", "/agencies?q=nhan+dan"),
    ("by a former name", "/agencies?q=ten+cu+cua+mot+xa"),
    ("one, by its code", "/agencies/H37.00500"),
];

pub(super) async fn measure(engine: Engine, agencies: u64, lasts: Duration) {
    let program = Program::demo_of(engine, "H99", &[super::UNHURRIED]).await;
    let mut table = String::from("code,name\n");
    for number in 0..agencies {
        let kind = ["Ủy ban nhân dân xã số", "Sở Nội vụ tỉnh số", "Trường tiểu học số", "Trạm y tế xã số"];
        let kind = kind[(number % 4) as usize];
        let name = match number {
            RENAMED => "Tên cũ của một xã".to_owned(),
            _ => format!("{kind} {}", number / 4),
        };
        let _ = writeln!(table, "H37.{number:05},{name}");
    }
    let file = program.data.join("danh-muc.csv");
    std::fs::write(&file, table).expect("a table");
    let began = Instant::now();
    imported(&program, &file).await;
    println!("{engine:?}: a register of {agencies} taken in {:.1} s", began.elapsed().as_secs_f64());
    program.must(&["agency", "rename", &format!("H37.{RENAMED:05}"), "--name", "Xã mang tên mới"]).await;
    let client = ApiClient::new(&program, program.systems().0, ALL_SCOPES).await;
    println!(
        "\n| {engine:?}, {agencies} agencies | p50 ms | p99 ms | CPU-ms |\n| --- | ---: | ---: | ---: |"
    );
    for (name, path) in ASKED {
        let times = super::ask(&program, &client, path, lasts / ASKED.len() as u32).await;
        println!("| {name} | {:.1} | {:.1} | {:.2} |", times.p50, times.p99, times.cpu);
    }
    println!();
}

/// A large table takes longer than a command of the stories may.
async fn imported(program: &Program, file: &std::path::Path) {
    let config = program.config();
    let status = tokio::process::Command::new(tests::binary())
        .arg("--config")
        .arg(config)
        .args(["agency", "import"])
        .arg(file)
        .stdout(std::process::Stdio::null())
        .status()
        .await
        .expect("the program runs");
    assert!(status.success(), "{status}");
}
