//! A large package costs little more memory than its largest file, on its way in and on its way out, alone and with others.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tests::{ALL_SCOPES, ApiClient, Axis, Engine, Exchange, Paper, Program, said};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Bytes of the annex. Ours: enough to tell one copy from two.
const ANNEX: usize = 12 << 20;
/// Mebibytes for everything else: windows, segments, buffers of the connection, what the allocator keeps.
const BESIDE: u64 = 20;
/// Bytes of the file that goes through every door.
const FILE: usize = 14 << 20;
/// Mebibytes for everything else where nothing is kept by the allocator: less than another copy of the file.
const WINDOWS: u64 = 12;
/// Packages at the same time: more than there is memory for.
const AT_ONCE: u32 = 3;

/// The most memory the program has had since it was last asked, MiB.
fn most(program: &Program) -> u64 {
    let at = format!("/proc/{}", program.pid());
    let status = std::fs::read_to_string(format!("{at}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    // From here on the highest is counted anew.
    std::fs::write(format!("{at}/clear_refs"), "5").unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

pub(crate) fn noise(bytes: usize) -> Vec<u8> {
    let mut dice = crate::crash::Dice(20_261_128);
    (0..bytes.div_ceil(4)).flat_map(|_| (dice.below(u64::MAX) as u32).to_le_bytes()).collect()
}

/// A house in which what is let go goes back to the machine, of any size: the allocator of the C library would keep as much for each thread as
/// the largest piece it has seen there, and what is asked is how much is held at once.
async fn frugal(instance: &str, changes: &[(&str, &str)]) -> Program {
    let mut program = Program::demo_of(Engine::Sqlite, instance, changes).await;
    program.stop().await;
    program.environment.push(("MALLOC_MMAP_THRESHOLD_", "131072".to_owned()));
    program.start().await;
    program
}

/// On one engine: the bytes lie in files on both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e17_a_large_package_takes_the_memory_of_its_largest_file() {
    let changes = [
        // What is judged here has no signature; the memory is the same.
        ("signatures = \"required\"", "signatures = \"recorded\""),
        // Half of it is for files.
        ("packages_memory_bytes_max = 1073741824", "packages_memory_bytes_max = 67108864"),
    ];
    let program = frugal("H99", &changes).await;
    let (first, second) = program.systems();
    let (sender, receiver) = (Arc::new(Exchange::new(&program, first)), Exchange::new(&program, second));
    let annex = program.data.join("phu-luc.bin");
    std::fs::write(&annex, noise(ANNEX)).unwrap();
    let paper = Paper::new(&program, "kem-phu-luc").await;
    let package = paper.packed_with(&program, Some(&annex), &first.agency, &[&second.agency], "99999").await;
    assert!(package.len() > ANNEX * 4 / 3);
    let package = String::from_utf8(package).unwrap();
    let numbered = |number: u32| tests::renumbered(&package, "99999", &number.to_string());
    // One small one warms everything.
    let small = paper.packed(&program, &first.agency, &[&second.agency], "10").await;
    assert!(sender.send(&first.agency, &small).await.is_ok());
    let most_of_one = ANNEX as u64 / 1024 / 1024 + BESIDE;

    let idle = most(&program);
    let sent = sender.send(&first.agency, numbered(11).as_bytes()).await;
    assert!(sent.is_ok(), "{sent:?}");
    let alone = most(&program).saturating_sub(idle);
    let others = (12..12 + AT_ONCE).map(|number| {
        let (sender, from, package) = (sender.clone(), first.agency.clone(), numbered(number));
        tokio::spawn(async move {
            // Whoever is told to come later, or waits in vain, sends the same again.
            let begun = std::time::Instant::now();
            loop {
                assert!(begun.elapsed() < std::time::Duration::from_secs(300), "there was never a place");
                match sender.try_send(&from, package.as_bytes()).await {
                    Some(answer) if answer.is_ok() => return,
                    Some(answer) => assert!(matches!(answer.code(), "429" | "503"), "{answer:?}"),
                    None => {}
                }
            }
        })
    });
    for other in others.collect::<Vec<_>>() {
        other.await.unwrap();
    }
    let together = most(&program).saturating_sub(idle);

    // And out again, byte for byte, through every door. What the allocator kept of before is not of now.
    let before = most(&program);
    let waiting = receiver.received("edoc").await;
    assert_eq!(waiting.len(), 2 + AT_ONCE as usize);
    let is_one =
        |file: &[u8]| (11..12 + AT_ONCE).any(|number| file == numbered(number).as_bytes()) || file == small;
    // One of two is large.
    for one in &waiting[..2] {
        let id = one["docId"].as_str().unwrap();
        let answer = receiver.call("getEdoc", &[("docId", id)]).await;
        let file = answer.file();
        let digest = ring::digest::digest(&ring::digest::SHA256, &file);
        let digest: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            (&answer.0["contentSha256"], &answer.0["contentLength"]),
            (&digest.into(), &file.len().into())
        );
        assert!(is_one(&file), "what came out is what went in");
    }
    let api = ApiClient::new(&program, second, ALL_SCOPES).await;
    let through_api = api.bytes(&format!("/documents/{}/package", sent.doc_id())).await;
    assert!(through_api == numbered(11).as_bytes(), "through the API too");
    let out = most(&program).saturating_sub(before);
    println!("MiB beside the idle program: one in {alone}, {AT_ONCE} in {together}, out {out}");
    assert!(alone <= most_of_one, "one package took {alone} MiB");
    // Two have a place and a file each.
    assert!(
        together <= most_of_one + BESIDE + ANNEX as u64 / 1024 / 1024,
        "{AT_ONCE} packages took {together} MiB"
    );
    assert!(out <= BESIDE, "handing one over took {out} MiB");
    program.doctor().await;
}

/// The API, with forms, uploads, ranges and files, and another axis both ways: each door takes no more than the largest file does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e17_every_door_takes_the_memory_of_the_largest_file() {
    let changes = [
        ("signatures = \"required\"", "signatures = \"recorded\""),
        ("packages_memory_bytes_max = 1073741824", "packages_memory_bytes_max = 67108864"),
        // Looking again takes memory too, in its time.
        ("look_again_seconds = 300", "look_again_seconds = 0"),
    ];
    let mut program = frugal("H98", &changes).await;
    let axis = beside(&mut program).await;
    let (first, second) = program.systems();
    let sender = ApiClient::new(&program, first, ALL_SCOPES).await;
    let receiver = ApiClient::new(&program, second, ALL_SCOPES).await;
    let annex = noise(FILE);
    let paper = Paper::new(&program, "cua-nao-cung-the").await;
    // The main document is small: judging a large one takes what judging takes, at any door.
    let main = std::fs::read(&paper.path).unwrap();
    // One small one each way warms everything.
    let warm = sent_as_form(&sender, &second.agency, "10", [&main, &main]).await;
    receiver.bytes(&format!("/documents/{warm}/files/2")).await;
    let idle = most(&program);
    let mut told = Vec::new();
    let most_of_one = FILE as u64 / 1024 / 1024 + WINDOWS;
    let mut holds = |door: &'static str| {
        let took = most(&program).saturating_sub(idle);
        told.push(format!("{door} {took}"));
        assert!(took <= most_of_one, "{door} took {took} MiB: {told:?}");
    };

    let by_form = sent_as_form(&sender, &second.agency, "11", [&main, &annex]).await;
    holds("a form");
    let uploads = [sender.upload(&main).await, sender.upload(&annex).await];
    holds("an upload");
    let mut letter = letter(&second.agency, "12");
    letter["files"] = json!([{ "upload": uploads[0], "name": "cong-van.pdf" }, { "upload": uploads[1], "name": "phu-luc.bin" }]);
    let request = sender.ask(Method::POST, "/documents").header("idempotency-key", "mot-lan");
    let by_upload = said(request.json(&letter).send().await.unwrap(), 201).await;
    holds("a description");
    let repeated = sender.ask(Method::POST, "/documents").header("idempotency-key", "mot-lan");
    assert_eq!(said(repeated.json(&letter).send().await.unwrap(), 201).await, by_upload);
    for id in [by_form.as_str(), by_upload["id"].as_str().unwrap()] {
        let path = format!("/documents/{id}/files/2");
        assert!(receiver.bytes(&path).await == annex, "what comes out is what went in");
        holds("a file");
        assert!(part_of(&receiver, &path, 5_000_000, 5_999_999).await == annex[5_000_000..6_000_000]);
        holds("a part of a file");
    }
    let path = format!("/documents/{by_form}/package");
    let package = receiver.bytes(&path).await;
    assert!(part_of(&receiver, &path, 7_000_000, 7_999_999).await == package[7_000_000..8_000_000]);
    holds("a part of a package");

    // To another axis, and from there.
    let away = sent_as_form(&sender, "H41.01", "13", [&main, &annex]).await;
    let taken = within(&program, async || axis.taken().into_iter().find(|taken| taken.len() > FILE)).await;
    holds("sending to an axis");
    let kept = sender.bytes(&format!("/documents/{away}/package")).await;
    assert_eq!(taken.len() - kept.len(), one_line(&kept, &taken), "one line more, and nothing else");
    let from_afar = String::from_utf8(package).unwrap().replace(&first.agency, "H41.01");
    axis.offer("xa-1", "edoc", from_afar.as_bytes());
    within(&program, async || {
        axis.acknowledged().contains(&("xa-1".to_owned(), "done".to_owned())).then_some(())
    })
    .await;
    holds("fetching from an axis");
    let listed = receiver.get("/documents?box=received&limit=1").await;
    let id = listed["documents"][0]["id"].as_str().unwrap().to_owned();
    assert!(receiver.bytes(&format!("/documents/{id}/package")).await == from_afar.as_bytes());
    println!("MiB beside the idle program: {}", told.join(", "));
    program.doctor().await;
}

/// Another axis, behind which is H41.01.
async fn beside(program: &mut Program) -> Axis {
    let axis = Axis::start().await;
    let url = format!("http://127.0.0.1:{}/vxp", axis.port);
    program.must(&["agency", "add", "H41.01", "--name", "Cơ quan H41.01"]).await;
    program.environment.push(("CONGVAN_PEER_SECRET", "khoa-bi-mat".to_owned()));
    let peer = ["peer", "add", "quoc-gia", "--url", &url, "--system-id", "00.98.W00"];
    program.must(&[&peer[..], &["--poll-seconds", "1", "--level-1", "H41"]].concat()).await;
    axis
}

fn letter(to: &str, number: &str) -> Value {
    json!({
        "to": [to], "number": number, "notation": "SNV-VP", "date": "2026-11-28", "typeName": "Công văn",
        "subject": "V/v phối hợp", "signer": { "position": "Giám đốc", "name": "Nguyễn Văn Giám" },
    })
}

/// Answers its id.
async fn sent_as_form(sender: &ApiClient, to: &str, number: &str, files: [&[u8]; 2]) -> String {
    let mut said_of_it = letter(to, number);
    said_of_it["files"] = json!([{ "part": "chinh" }, { "part": "tep" }]);
    let boundary = "----mot-duong-ke";
    let mut body = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"document\"\r\n\r\n{said_of_it}\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"chinh\"; filename=\"cong-van.pdf\"\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(files[0]);
    let next = "Content-Disposition: form-data; name=\"tep\"; filename=\"phu-luc.bin\"";
    body.extend_from_slice(format!("\r\n--{boundary}\r\n{next}\r\n\r\n").as_bytes());
    body.extend_from_slice(files[1]);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    let form = sender.ask(Method::POST, "/documents").body(body);
    let form = form.header("content-type", format!("multipart/form-data; boundary={boundary}"));
    said(form.send().await.unwrap(), 201).await["id"].as_str().unwrap().to_owned()
}

async fn part_of(client: &ApiClient, path: &str, first: usize, last: usize) -> Vec<u8> {
    let asked = client.ask(Method::GET, path).header("range", format!("bytes={first}-{last}"));
    let answer = asked.send().await.unwrap();
    assert_eq!(answer.status(), 206, "{path}");
    answer.bytes().await.unwrap().to_vec()
}

/// How many bytes were put into a package at one place.
fn one_line(before: &[u8], after: &[u8]) -> usize {
    let at = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let same = before.iter().rev().zip(after.iter().rev()).take_while(|(a, b)| a == b).count();
    assert!(at + same >= before.len(), "changed elsewhere too");
    after.len() - before.len()
}

/// Waits for what comes by itself.
async fn within<T>(program: &Program, look: impl AsyncFn() -> Option<T>) -> T {
    let begun = std::time::Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "it does not come\n{}", program.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Whoever finds no place in time is told so, nothing is kept of it, and the same bytes are taken when there is one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e17_who_finds_no_place_is_told_to_come_again() {
    let changes = [
        // A quarter of it is for large packages: one at a time.
        ("packages_memory_bytes_max = 1073741824", "packages_memory_bytes_max = 50331648"),
        ("request_seconds = 60", "request_seconds = 3"),
        ("signatures = \"required\"", "signatures = \"recorded\""),
    ];
    let program = Program::demo_of(Engine::Sqlite, "H99", &changes).await;
    let (first, second) = program.systems();
    let (sender, receiver) = (Exchange::new(&program, first), Exchange::new(&program, second));
    let api = ApiClient::new(&program, first, ALL_SCOPES).await;
    let annex = program.data.join("phu-luc.bin");
    std::fs::write(&annex, noise(2 << 20)).unwrap();
    let paper = Paper::new(&program, "cho-cho").await;
    let large = paper.packed_with(&program, Some(&annex), &first.agency, &[&second.agency], "05").await;
    // It has the place, and brings nothing.
    let mut slow = TcpStream::connect(("127.0.0.1", program.ports.http)).await.unwrap();
    let head = format!(
        "POST /api/v1/documents HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Type: application/xml\r\n\
         Content-Length: 16777216\r\nExpect: 100-continue\r\n\r\n",
        api.key
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut begun = [0; 12];
    slow.read_exact(&mut begun).await.unwrap();
    assert_eq!(&begun, b"HTTP/1.1 100", "it has its place, and waits for its bytes");
    let told = sender.send(&first.agency, &large).await;
    assert!(matches!(told.code(), "429" | "503") && told.description().contains(" / "), "{told:?}");
    assert!(receiver.received("edoc").await.is_empty(), "nothing was kept of it");
    drop(slow);
    // The place is free when the program has seen that the other side is gone.
    let taken = loop {
        let answer = sender.send(&first.agency, &large).await;
        if answer.is_ok() {
            break answer;
        }
        assert!(matches!(answer.code(), "429" | "503"), "{answer:?}");
    };
    assert!(!taken.doc_id().is_empty());
    assert_eq!(receiver.take(&receiver.wait_for("edoc", 1).await[0]).await, large);
}
