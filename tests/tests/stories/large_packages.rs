//! A large package costs little more memory than its largest file, on its way in and on its way out, alone and with others.

use std::sync::Arc;

use tests::{ALL_SCOPES, ApiClient, Engine, Exchange, Paper, Program};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Bytes of the annex. Ours: enough to tell one copy from two.
const ANNEX: usize = 12 << 20;
/// Mebibytes for everything else: windows, segments, buffers of the connection, what the allocator keeps.
const BESIDE: u64 = 20;
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

/// On one engine: the bytes lie in files on both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e17_a_large_package_takes_the_memory_of_its_largest_file() {
    let changes = [
        // What is judged here has no signature; the memory is the same.
        ("signatures = \"required\"", "signatures = \"recorded\""),
        // Half of it is for files.
        ("packages_memory_bytes_max = 1073741824", "packages_memory_bytes_max = 67108864"),
    ];
    let program = Program::demo_of(Engine::Sqlite, "H99", &changes).await;
    let (first, second) = program.systems();
    let (sender, receiver) = (Arc::new(Exchange::new(&program, first)), Exchange::new(&program, second));
    let annex = program.data.join("phu-luc.bin");
    std::fs::write(&annex, noise(ANNEX)).unwrap();
    let paper = Paper::new(&program, "kem-phu-luc").await;
    let package = paper.packed_with(&program, Some(&annex), &first.agency, &[&second.agency], "99999").await;
    assert!(package.len() > ANNEX * 4 / 3);
    let package = String::from_utf8(package).unwrap();
    let numbered = |number: u32| package.replace("99999", &number.to_string());
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
