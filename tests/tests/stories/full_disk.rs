//! The disk is full. What was promised stays, what cannot be kept is refused as "later", and when there is room again work goes
//! on without anybody's help.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tests::{Engine, Exchange, Paper, Program};

/// The disk. Ours: the demonstration takes a third of it.
const DISK: &str = "size=96m";
/// Packages before it is full.
const BEFORE: usize = 10;
/// Packages until the last free pages of the log are used up; each takes some.
const SENT_MAX: u32 = 2_000;

/// A disk of its own below the program's data, until it is dropped.
struct Disk(PathBuf);

impl Disk {
    /// `None` where nobody may mount one.
    fn below(data: &Path) -> Option<Self> {
        let away = data.with_extension("away");
        std::fs::rename(data, &away).unwrap();
        std::fs::create_dir(data).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", DISK, "none"]).arg(data).output();
        let is_mounted = mounted.is_ok_and(|output| output.status.success());
        let copied = Command::new("cp").arg("-a").arg(away.join(".")).arg(data).status();
        assert!(copied.is_ok_and(|status| status.success()), "the data is larger than the disk");
        is_mounted.then(|| Self(data.to_owned()))
    }

    /// Takes every byte that is left.
    fn fill(&self) {
        let mut ballast = std::fs::File::create(self.0.join("ballast")).unwrap();
        for size in [1 << 20, 4096, 1] {
            while ballast.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn number_of(package: &str) -> String {
    package.split("<edXML:CodeNumber>").nth(1).and_then(|rest| rest.split('<').next()).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_breaks_no_promise() {
    let mut program = Program::demo(Engine::Sqlite).await;
    let (first, second) = (program.systems().0.clone(), program.systems().1.clone());
    let paper = Paper::new(&program, "day-dia").await;
    let paper = paper.signed_by(&program, "leader1").await.signed_by(&program, "seal1").await;
    let template = paper.packed(&program, &first.agency, &[&second.agency], "99999").await;
    let template = String::from_utf8(template).unwrap();
    // One that does not fit into memory alone: it needs room for a spool and for a blob.
    let annex = program.data.join("phu-luc.bin");
    std::fs::write(&annex, crate::large_packages::noise(4_000_000)).unwrap();
    let large = paper.packed_with(&program, Some(&annex), &first.agency, &[&second.agency], "77777").await;
    program.stop().await;
    let Some(disk) = Disk::below(&program.data) else {
        println!("not told: nobody may mount a disk here");
        return;
    };
    program.start().await;
    let sender = Exchange::new(&program, &first);
    let mut promised = Vec::new();
    let refused = loop {
        if promised.len() == BEFORE {
            disk.fill();
        }
        let number = (10_000 + promised.len()).to_string();
        let package = tests::renumbered(&template, "99999", &number);
        let answer = sender.send(&first.agency, package.as_bytes()).await;
        if !answer.is_ok() {
            assert_eq!(answer.code(), "503", "{answer:?}");
            assert!(answer.description().contains(" / "), "in both languages: {answer:?}");
            break package;
        }
        promised.push((number, answer.doc_id().to_owned()));
        assert!((promised.len() as u32) < SENT_MAX, "the disk is never full");
    };
    // It can still be read, and says again what it promised.
    let (number, doc_id) = promised.last().cloned().unwrap();
    let again = sender.send(&first.agency, tests::renumbered(&template, "99999", &number).as_bytes()).await;
    assert_eq!(again.doc_id(), doc_id);
    assert_eq!(sender.send(&first.agency, refused.as_bytes()).await.code(), "503", "it is still full");
    assert_eq!(sender.send(&first.agency, &large).await.code(), "503", "there is no room to take it in");
    disk.make_room();
    let kept = sender.send(&first.agency, refused.as_bytes()).await;
    assert!(kept.is_ok(), "{kept:?}\n{}", program.log());
    promised.push((number_of(&refused), kept.doc_id().to_owned()));
    let kept = sender.send(&first.agency, &large).await;
    assert!(kept.is_ok(), "{kept:?}\n{}", program.log());
    promised.push(("77777".to_owned(), kept.doc_id().to_owned()));
    // Full once more, and the power goes.
    disk.fill();
    program.kill().await;
    disk.make_room();
    program.start().await;
    // Whoever asks again hears the same as the first time.
    for (number, doc_id) in promised.iter().filter(|(number, _)| number != "77777") {
        let again =
            sender.send(&first.agency, tests::renumbered(&template, "99999", number).as_bytes()).await;
        assert_eq!(again.doc_id(), doc_id, "{number}");
    }
    let receiver = Exchange::new(&program, &second);
    let mut found = BTreeMap::new();
    loop {
        let waiting = receiver.received("edoc").await;
        if waiting.is_empty() {
            break;
        }
        for delivery in &waiting {
            let package = receiver.take(delivery).await;
            let number = number_of(std::str::from_utf8(&package).unwrap());
            let sent = if number == "77777" {
                large.clone()
            } else {
                tests::renumbered(&template, "99999", &number).into_bytes()
            };
            assert!(package == sent, "{number} came out as it went in");
            *found.entry(number).or_insert(0) += 1;
        }
    }
    let expected: BTreeMap<String, i32> = promised.iter().map(|(number, _)| (number.clone(), 1)).collect();
    assert_eq!(found, expected, "each once, and nothing that was refused");
    println!("{} packages were accepted around a full disk", found.len());
    // The disk is small on purpose; everything else is as it must be.
    let found = program.command(&["doctor", "--deep", "--all", "--json"]).await;
    let found: serde_json::Value = serde_json::from_slice(&found.stdout).unwrap();
    let others =
        found["findings"].as_array().unwrap().iter().filter(|one| one["code"] != "disk-space").count();
    assert_eq!(others, 0, "{found}");
    program.stop().await;
    program.must(&["ledger", "check"]).await;
    program.must(&["ledger", "audit"]).await;
    drop(disk);
}
