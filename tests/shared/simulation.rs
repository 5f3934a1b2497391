//! What the simulations of several rooms share: dice that fall the same way for the same seed, a failing seed that is said, futures that
//! are left half-way, and disks that are full.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// Which stories are told: `CONGVAN_SEED` tells one again, `CONGVAN_SEEDS` tells so many.
pub(crate) fn seeds(usually: u64) -> Vec<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    match number("CONGVAN_SEED") {
        Some(seed) => vec![seed],
        None => (1..=number("CONGVAN_SEEDS").unwrap_or(usually)).collect(),
    }
}

/// The same sequence for the same seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // splitmix64: seeds that are close give stories that are not.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    pub(crate) fn polls(&mut self) -> u32 {
        u32::try_from(self.below(24)).unwrap()
    }

    pub(crate) fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

/// Says how the story is told again when it fails.
pub(crate) struct Told(pub(crate) u64);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this story again: CONGVAN_SEED={}", self.0);
        }
    }
}

/// Polls so often; `None` when it is not done by then.
pub(crate) async fn polled<F: Future>(mut future: Pin<&mut F>, times: u32) -> Option<F::Output> {
    let mut left = times;
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

/// From now on the engine gives up whoever writes a table, the whole transaction, as it does when the disk is full.
pub(crate) fn full_disk(engine: &str, table: &str) -> String {
    match engine {
        "sqlite" => format!(
            "CREATE TRIGGER full_disk BEFORE INSERT ON {table} BEGIN SELECT RAISE(ROLLBACK, 'disk is full'); END"
        ),
        _ => format!(
            "CREATE OR REPLACE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$; \
             CREATE TRIGGER full_disk BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION full_disk()"
        ),
    }
}

/// There is room again.
pub(crate) fn room_again(engine: &str, table: &str) -> String {
    let on = if engine == "sqlite" { String::new() } else { format!(" ON {table}") };
    format!("DROP TRIGGER full_disk{on}")
}
