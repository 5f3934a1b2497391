//! How fast documents are judged, on one core: `cargo run --release -p signer --example judge_speed`.
//! `--only NAME` stays with one of `one-lt`, `two-lt`, `twenty-five`, `fifty` (revisions), `100-mb`. With a folder as argument the documents are
//! written there, with the certificates and lists they need, for other programs.

#![allow(clippy::print_stdout)]

#[allow(dead_code)]
#[path = "../tests/it/world.rs"]
mod world;

use signer::{Class, Evidence, Limits, judge, make};
use std::sync::Arc;
use std::time::{Duration, Instant};
use world::{NOON, World, at};

/// A page with a picture that does not compress, so that the file has about `size` bytes.
fn page(size: usize) -> Vec<u8> {
    let mut noise = Vec::with_capacity(size);
    let mut state = 0x2545_F491_4F6C_DD1Du64;
    while noise.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend_from_slice(&state.to_be_bytes());
    }
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    let mut bodies: Vec<Vec<u8>> = vec![
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>".to_vec(),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F 5 0 R>>/XObject<</I 7 0 R>>>>/Contents 4 0 R>>".to_vec(),
        b"<</Length 33>>\nstream\nBT /F 14 Tf 72 760 Td (VB) Tj ET \nendstream".to_vec(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Times-Roman>>".to_vec(),
        b"<</Producer(bench)>>".to_vec(),
    ];
    let head = format!("<</Type/XObject/Subtype/Image/Width 8/Height 8/Length {size}>>\nstream\n");
    bodies.push([head.as_bytes(), &noise[..size], b"\nendstream"].concat());
    // Fonts and the like of a page written by an office program.
    (0..60).for_each(|n| {
        bodies.push(format!("<</Type/FontDescriptor/FontName/F{n}/Flags 4/Ascent 700>>").into_bytes())
    });
    for (index, body) in bodies.iter().enumerate() {
        places.push(out.len());
        out.extend_from_slice(format!("{} 0 obj\n", index + 1).as_bytes());
        out.extend_from_slice(body);
        out.extend_from_slice(b"\nendobj\n");
    }
    let start = out.len();
    out.extend_from_slice(format!("xref\n0 {}\n0000000000 65535 f \n", places.len() + 1).as_bytes());
    places.iter().for_each(|place| out.extend_from_slice(format!("{place:010} 00000 n \n").as_bytes()));
    let size = places.len() + 1;
    out.extend_from_slice(
        format!("trailer\n<</Size {size}/Root 1 0 R/Info 6 0 R>>\nstartxref\n{start}\n%%EOF\n").as_bytes(),
    );
    out
}

fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// Time this thread spent computing: what others do on the machine does not count.
fn on_cpu() -> Duration {
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = schedule.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0);
    Duration::from_nanos(nanoseconds)
}

fn export(folder: &std::path::Path, world: &World, rows: &[(&str, Vec<u8>)]) {
    let write = |name: String, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    rows.iter().for_each(|(name, file)| write(format!("{name}.pdf"), file));
    for (name, who) in [("root", &world.root), ("ca", &world.ca)] {
        write(format!("{name}.pem"), who.certificate().to_pem().as_bytes());
    }
    for (name, crl) in ["ca", "root"].iter().zip(world.crls(NOON - 60, &[])) {
        write(format!("{name}.crl"), crl.der());
    }
}

fn main() {
    let world = World::get();
    let limits = Limits::default();
    let evidence = world.evidence(NOON + 120);
    let archived = |file: &[u8]| make::add_evidence(file, &evidence, &limits).unwrap();
    let mut arguments = std::env::args().skip(1).peekable();
    let only = arguments.next_if_eq("--only").and_then(|_| arguments.next());
    let make = |name: &str| match name {
        "one-lt" => archived(&world.sign(&page(200_000), &world.leader, NOON)),
        "two-lt" => {
            archived(&world.sign(&world.sign(&page(200_000), &world.leader, NOON), &world.seal, NOON + 60))
        }
        "twenty-five" => {
            (0..25).fold(page(200_000), |file, turn| world.sign(&file, &world.leader, NOON + turn))
        }
        "fifty" => (0..50).fold(page(200_000), |file, turn| world.sign(&file, &world.leader, NOON + turn)),
        _ => world.sign(&page(100_000_000), &world.leader, NOON),
    };
    let names = ["one-lt", "two-lt", "twenty-five", "fifty", "100-mb"].into_iter();
    let chosen = names.filter(|name| only.as_ref().is_none_or(|only| only == name));
    let rows: Vec<(&str, Vec<u8>)> = chosen.map(|name| (name, make(name))).collect();
    if let Some(folder) = arguments.next().map(std::path::PathBuf::from) {
        export(&folder, world, &rows);
    }
    let policy = world.policy();
    for (name, file) in rows {
        let known = if file.len() < 1_000_000 && name.ends_with("-lt") {
            Evidence::default()
        } else {
            evidence.clone()
        };
        let file: Arc<[u8]> = file.into();
        // The peak from here on, not that of making the documents.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        let before = resident();
        let run = || judge(file.clone(), &policy, &known, at(NOON + 3600));
        assert_eq!(run().class(), Class::Valid, "{name}: {:?}", run().report());
        let (begun, busy, mut times) = (Instant::now(), on_cpu(), 0u32);
        while begun.elapsed() < Duration::from_secs(2) {
            run();
            times += 1;
        }
        let each = (on_cpu() - busy) / times;
        let rate = 1.0 / each.as_secs_f64();
        let more = resident().saturating_sub(before);
        println!(
            "{name:12} {:>10} bytes {rate:>8.0}/s {each:>10.2?} of CPU each, peak memory +{more} KiB",
            file.len()
        );
    }
}
