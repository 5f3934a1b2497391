//! Judging signatures: documents per second of one core's time, with warm caches, beside what others need for the same
//! files and what the arithmetic alone costs.
//!
//! The files are made with the program's own commands; judging is measured in the library, where the doors' own cost is
//! out of the picture. Rates are per second of CPU time, so that a busy machine measures the same.

mod cms;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use certs::trust::{Hierarchy, Purpose, TrustStore};
use mail::Timestamp;
use signer::{Evidence, Input, Policy, Verdict};
use tests::{Engine, Paper, Program};

use crate::cost::Cost;

/// One file and how it is judged.
struct Case {
    name: &'static str,
    file: PathBuf,
    /// Bytes that are hashed.
    size: usize,
    /// Signatures and timestamps whose arithmetic cannot be remembered from one file to the next.
    checks: u32,
}

/// Prints a row for every kind of document.
pub(crate) async fn measure(lasts: Duration) {
    let program = Program::demo(Engine::Sqlite).await;
    let root = program.data.join("pki/root.pem");
    let raw = Raw::measure();
    println!("| document | congvan, per CPU-second | pyHanko | ratio | share of raw arithmetic |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    for case in cases(&program).await {
        let ours = rate(&case, &root, lasts);
        let floor = raw.rate(case.size, case.checks);
        let theirs = pyhanko(&case.file, &root, lasts);
        println!(
            "| {} | {ours:.0} | {theirs:.1} | {:.0}× | {:.0} % of {floor:.0} |",
            case.name,
            ours / theirs,
            100.0 * ours / floor
        );
    }
    // Others judge a CMS in a process of its own, whose start would be measured: only the arithmetic stands beside ours.
    let signed = cms::signed(unix_now());
    let ours = per_cpu_second(lasts, || {
        let judged = signer::judge(signed.input.clone(), &signed.policy, &signed.evidence, signed.now);
        assert_eq!(judged.verdict(), Verdict::Valid, "{:?}", judged.report());
    });
    let floor = raw.rate(cms::SIZE, cms::CHECKS);
    println!("| CMS 100 KB, detached | {ours:.0} | – | – | {:.0} % of {floor:.0} |", 100.0 * ours / floor);
}

async fn cases(program: &Program) -> Vec<Case> {
    let scan = program.data.join("scan.pdf");
    std::fs::write(&scan, scanned_page()).expect("a file");
    let one = Paper { path: scan }.signed_by(program, "leader1").await;
    let two = one.signed_by(program, "seal1").await;
    let case = |name, paper: &Paper, checks| {
        let size = std::fs::metadata(&paper.path).expect("a signed file").len();
        Case { name, file: paper.path.clone(), size: usize::try_from(size).expect("a small file"), checks }
    };
    // A signature and its timestamp each.
    vec![
        case("PDF 200 KB, one PAdES-LT signature", &one, 2),
        case("PDF 200 KB, two PAdES-LT signatures", &two, 4),
    ]
}

/// Our rate on one file.
fn rate(case: &Case, root: &Path, lasts: Duration) -> f64 {
    let mut trust = TrustStore::new();
    let pem = std::fs::read(root).expect("the demonstration's root");
    let purposes = [Purpose::Document, Purpose::Timestamp];
    trust.add_bundle(&pem, &purposes, Hierarchy::PublicService, "bench").expect("a root");
    let policy = Policy { trust, ..Policy::default() };
    let bytes: Arc<[u8]> = std::fs::read(&case.file).expect("a signed file").into();
    let now = mail::Timestamp::from_secs(unix_now());
    per_cpu_second(lasts, || judge(bytes.clone().into(), &policy, now))
}

/// How often work is done in a second of this process's time, once it is warm.
fn per_cpu_second(lasts: Duration, work: impl Fn()) -> f64 {
    for _ in 0..20 {
        work();
    }
    let (mut count, before) = (0u32, Cost::of(std::process::id()));
    loop {
        for _ in 0..10 {
            work();
        }
        count += 10;
        let used = Cost::of(std::process::id()).cpu - before.cpu;
        if used >= lasts {
            return f64::from(count) / used.as_secs_f64();
        }
    }
}

fn judge(input: Input, policy: &Policy, now: Timestamp) {
    let judged = signer::judge(input, policy, &Evidence::default(), now);
    assert_eq!(judged.verdict(), Verdict::Valid, "{:?}", judged.report());
}

fn unix_now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_secs()).expect("before the year 292 billion")
}

/// pyHanko's rate on the same file, measured inside its own process so that its start does not count.
fn pyhanko(file: &Path, root: &Path, lasts: Duration) -> f64 {
    let bin = std::env::var("CONGVAN_PYHANKO").expect("CONGVAN_PYHANKO: scripts/test-tools says where");
    let output = Command::new(Path::new(&bin).join("python"))
        .args(["-c", include_str!("pyhanko_rate.py")])
        .args([file, root])
        .arg(lasts.as_secs().to_string())
        .output()
        .expect("pyHanko runs");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)))
}

/// What `openssl speed` says of this machine.
struct Raw {
    rsa_2048_verified: f64,
    sha_256_bytes: f64,
}

impl Raw {
    fn measure() -> Self {
        let run = |arguments: &[&str]| {
            let fixed = ["speed", "-mr", "-seconds", "2"];
            let output = Command::new("openssl").args(fixed).args(arguments).output();
            String::from_utf8_lossy(&output.expect("openssl runs").stdout).into_owned()
        };
        // `+F2:index:bits:signatures per second:verifications per second`
        let rsa = run(&["rsa2048"]);
        let line = rsa.lines().find(|line| line.starts_with("+F2:")).expect("a line about RSA");
        let rsa_2048_verified = line.rsplit(':').next().and_then(|n| n.parse().ok()).expect("a rate");
        // `+F:index:name:bytes per second`
        let sha = run(&["-bytes", "16384", "-evp", "sha256"]);
        let line = sha.lines().find(|line| line.starts_with("+F:")).expect("a line about SHA-256");
        let sha_256_bytes = line.rsplit(':').next().and_then(|n| n.parse().ok()).expect("bytes");
        Self { rsa_2048_verified, sha_256_bytes }
    }

    /// Documents per second if only the arithmetic were done: the file hashed once, each signature verified.
    fn rate(&self, bytes: usize, checks: u32) -> f64 {
        1.0 / (bytes as f64 / self.sha_256_bytes + f64::from(checks) / self.rsa_2048_verified)
    }
}

/// A page with a picture of 200 KB that does not compress, as a scanner makes them.
fn scanned_page() -> Vec<u8> {
    let picture = crate::packages::noise(200 * 1000);
    let mut file = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    let objects: [&[u8]; 4] = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</XObject<</I 5 0 R>>>>/Contents 4 0 R>>",
        b"<</Length 26>>\nstream\n500 0 0 400 40 40 cm /I Do\nendstream",
    ];
    for (number, object) in objects.iter().enumerate() {
        places.push(file.len());
        file.extend(format!("{} 0 obj\n", number + 1).bytes());
        file.extend(*object);
        file.extend(b"\nendobj\n");
    }
    places.push(file.len());
    let header =
        "<</Type/XObject/Subtype/Image/Width 500/Height 400/ColorSpace/DeviceGray/BitsPerComponent 8";
    file.extend(format!("5 0 obj\n{header}/Length {}>>\nstream\n", picture.len()).bytes());
    file.extend(picture);
    file.extend(b"\nendstream\nendobj\n");
    let xref = file.len();
    file.extend(b"xref\n0 6\n0000000000 65535 f \n");
    for place in places {
        file.extend(format!("{place:010} 00000 n \n").bytes());
    }
    file.extend(format!("trailer\n<</Size 6/Root 1 0 R>>\nstartxref\n{xref}\n%%EOF\n").bytes());
    file
}
