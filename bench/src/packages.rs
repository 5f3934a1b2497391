//! Packages at the exchange: one signed document, sent under ever new numbers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tests::{Exchange, Paper, Program};
use tokio::time::Instant;

/// Sends packages of about `size` bytes for as long as asked; answers how many got their DocId.
pub(crate) async fn load(program: &Program, connections: usize, size: usize, lasts: Duration) -> u64 {
    let (first, second) = (program.systems().0.clone(), program.systems().1.clone());
    let paper = Paper::new(program, "tai").await;
    let paper = paper.signed_by(program, "leader1").await.signed_by(program, "seal1").await;
    // Base64 makes four bytes of three.
    let annex = program.data.join("phu-luc.txt");
    std::fs::write(&annex, noise(size * 3 / 4)).expect("an annex");
    let template = paper.packed_with(program, Some(&annex), &first.agency, &[&second.agency], "99999").await;
    let template = Arc::new(String::from_utf8(template).expect("a package is UTF-8"));
    let (count, until) = (Arc::new(AtomicU64::new(0)), Instant::now() + lasts);
    let senders: Vec<_> = (0..connections)
        .map(|_| {
            let exchange = Exchange::new(program, &first);
            let (template, count, from) = (template.clone(), count.clone(), first.agency.clone());
            tokio::spawn(async move {
                while Instant::now() < until {
                    let number = 10_000 + count.fetch_add(1, Ordering::Relaxed);
                    let package = template.replace("99999", &number.to_string());
                    let answer = exchange.try_send(&from, package.as_bytes()).await.expect("an answer");
                    assert!(answer.is_ok(), "{answer:?}");
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.expect("a sender ends");
    }
    count.load(Ordering::Relaxed)
}

/// Letters that do not compress to nothing, the same in every run.
pub(crate) fn noise(count: usize) -> Vec<u8> {
    let mut state = 20_261_122u64;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            b' ' + (state >> 58) as u8
        })
        .collect()
}
