//! The power is cut while mail and packages pour in. Everything that was acknowledged is there afterwards, once, and
//! every proof holds.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tests::{Engine, Exchange, Jmap, Paper, Program};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use crate::on_both_engines;

on_both_engines! {
    crash => killed_again_and_again,
}

/// What the world was promised.
#[derive(Default)]
struct Promised {
    /// Subjects of messages that got their 250.
    mails: BTreeSet<String>,
    /// Subjects of messages whose fate the sender does not know: the connection broke after the last dot.
    unsure: BTreeSet<String>,
    /// Numbers of packages that got a DocId, and the DocId.
    documents: Vec<(String, String)>,
}

pub(crate) fn kills() -> u64 {
    std::env::var("CONGVAN_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(5)
}

/// The same sequence for the same seed; printed, so that a failure can be told again.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

async fn killed_again_and_again(engine: Engine) {
    let seed = std::env::var("CONGVAN_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_122);
    println!("CONGVAN_SEED={seed} CONGVAN_KILLS={}", kills());
    let mut dice = Dice(seed);
    let mut program = Program::demo(engine).await;
    let (first, second) = (program.systems().0.clone(), program.systems().1.clone());
    let clerk = program.account(&first.agency, "clerk").clone();
    let paper = Paper::new(&program, "mat-dien")
        .await
        .signed_by(&program, "leader1")
        .await
        .signed_by(&program, "seal1")
        .await;
    let template = paper.packed(&program, &first.agency, &[&second.agency], "99999").await;
    let template = Arc::new(String::from_utf8(template).unwrap());
    let promised = Arc::new(Mutex::new(Promised::default()));
    let count = Arc::new(AtomicU64::new(0));
    for _ in 0..kills() {
        let stop = Arc::new(AtomicBool::new(false));
        let mut world = Vec::new();
        for _ in 0..4 {
            let load = (promised.clone(), count.clone(), stop.clone());
            world.push(tokio::spawn(mail_load(program.ports.smtp, clerk.address.clone(), load)));
        }
        let exchange = Exchange::new(&program, &first);
        let load = (promised.clone(), count.clone(), stop.clone());
        world.push(tokio::spawn(package_load(exchange, first.agency.clone(), template.clone(), load)));
        // The moment of the kill is what the story is about.
        tokio::time::sleep(Duration::from_millis(300 + dice.below(1_500))).await;
        program.kill().await;
        stop.store(true, Ordering::Relaxed);
        for task in world {
            task.await.unwrap();
        }
        program.start().await;
    }
    let promised = promised.lock().await;
    println!("{} mails and {} packages were acknowledged", promised.mails.len(), promised.documents.len());
    assert!(promised.mails.len() as u64 >= kills(), "the load was no load");
    every_mail_is_there_once(&program, &clerk, &promised).await;
    every_document_is_there_once(&program, &second, &promised).await;
    program.stop().await;
    every_proof_holds(&program, &promised).await;
}

type Load = (Arc<Mutex<Promised>>, Arc<AtomicU64>, Arc<AtomicBool>);

async fn mail_load(port: u16, to: String, (promised, count, stop): Load) {
    while !stop.load(Ordering::Relaxed) {
        let Ok(stream) = TcpStream::connect(("127.0.0.1", port)).await else { return };
        let (read, mut write) = stream.into_split();
        let mut read = BufReader::new(read).lines();
        let opening = ["", "EHLO load.test\r\n"];
        let mut alive = true;
        for line in opening {
            alive &= say(&mut write, &mut read, line).await == Some(2);
        }
        while alive && !stop.load(Ordering::Relaxed) {
            let subject = format!("mail-{}", count.fetch_add(1, Ordering::Relaxed));
            let envelope = [
                "MAIL FROM:<load@outside.test>\r\n".to_owned(),
                format!("RCPT TO:<{to}>\r\n"),
                "DATA\r\n".to_owned(),
            ];
            for line in &envelope {
                alive &= matches!(say(&mut write, &mut read, line).await, Some(2 | 3));
            }
            if !alive {
                break;
            }
            let message = format!(
                "Subject: {subject}\r\nMessage-ID: <{subject}@outside.test>\r\n\r\n{}\r\n.\r\n",
                "x".repeat(2_000)
            );
            match say(&mut write, &mut read, &message).await {
                Some(2) => {
                    promised.lock().await.mails.insert(subject);
                }
                _ => {
                    promised.lock().await.unsure.insert(subject);
                    alive = false;
                }
            }
        }
    }
}

/// Says something and answers the first digit of the reply's code; `None` when the other side is gone.
pub(crate) async fn say(
    write: &mut tokio::net::tcp::OwnedWriteHalf,
    read: &mut tokio::io::Lines<BufReader<tokio::net::tcp::OwnedReadHalf>>,
    text: &str,
) -> Option<u32> {
    write.write_all(text.as_bytes()).await.ok()?;
    loop {
        let line = read.next_line().await.ok()??;
        if line.as_bytes().get(3) != Some(&b'-') {
            return line.chars().next()?.to_digit(10);
        }
    }
}

async fn package_load(
    exchange: Exchange,
    from: String,
    template: Arc<String>,
    (promised, count, stop): Load,
) {
    while !stop.load(Ordering::Relaxed) {
        let number = (10_000 + count.fetch_add(1, Ordering::Relaxed)).to_string();
        let package = tests::renumbered(&template, "99999", &number);
        let Some(answer) = exchange.try_send(&from, package.as_bytes()).await else { return };
        assert!(answer.is_ok(), "{answer:?}");
        promised.lock().await.documents.push((number, answer.doc_id().to_owned()));
    }
}

async fn every_mail_is_there_once(program: &Program, clerk: &tests::Account, promised: &Promised) {
    let jmap = Jmap::sign_in(program, clerk).await;
    let mut found = std::collections::BTreeMap::new();
    for subject in jmap.all_subjects("inbox").await {
        *found.entry(subject).or_insert(0u32) += 1;
    }
    for subject in &promised.mails {
        assert_eq!(found.get(subject), Some(&1), "{subject} was acknowledged");
    }
    for (subject, times) in &found {
        assert_eq!(*times, 1, "{subject}");
        let is_ours = promised.mails.contains(subject) || promised.unsure.contains(subject);
        assert!(is_ours || !subject.starts_with("mail-"), "{subject} came from nowhere");
    }
}

async fn every_document_is_there_once(program: &Program, second: &tests::System, promised: &Promised) {
    let receiver = Exchange::new(program, second);
    let mut found = std::collections::BTreeMap::new();
    loop {
        let waiting = receiver.received("edoc").await;
        if waiting.is_empty() {
            break;
        }
        for delivery in waiting {
            let id = delivery["docId"].as_str().unwrap();
            let file = String::from_utf8(receiver.call("getEdoc", &[("docId", id)]).await.file()).unwrap();
            let number =
                file.split("<edXML:CodeNumber>").nth(1).and_then(|rest| rest.split('<').next()).unwrap();
            *found.entry(number.to_owned()).or_insert(0u32) += 1;
            assert!(receiver.call("updateStatus", &[("docid", id), ("status", "done")]).await.is_ok());
        }
    }
    for (number, _) in &promised.documents {
        assert_eq!(found.get(number), Some(&1), "document {number} was acknowledged");
    }
    assert!(found.values().all(|times| *times == 1), "{found:?}");
}

async fn every_proof_holds(program: &Program, promised: &Promised) {
    let receipt = program.data.join("proof.json");
    let receipt = receipt.to_str().unwrap();
    // Every one in the long run of `make crash` would take longer than the kills; a spread of them tells as much.
    let step = 1 + promised.documents.len() / 20;
    for (number, doc_id) in promised.documents.iter().step_by(step) {
        program.must(&["receipt", "get", doc_id, "--out", receipt]).await;
        let output = tests::run(&["receipt", "verify", receipt, "--log-key", &program.demo.log_key]).await;
        assert_eq!(
            output.status.code(),
            Some(0),
            "document {number}: {}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
    // The whole log, leaf by leaf.
    program.must(&["ledger", "check"]).await;
    // Held against the data: nothing was promised that is not there, nothing is there that was not promised.
    program.must(&["ledger", "audit"]).await;
    // And everything else against everything else.
    program.doctor().await;
}
