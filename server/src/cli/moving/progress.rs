//! How far it is, on a terminal.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Cells of the bar.
const CELLS: u64 = 30;

/// A line that is written over and over, ten times a second at most; nothing where nobody looks.
pub(super) struct Progress {
    total: u64,
    is_shown: bool,
    begun: Instant,
    shown: Option<Instant>,
}

impl Progress {
    pub(super) fn new(total: u64) -> Self {
        Self { total, is_shown: std::io::stderr().is_terminal(), begun: Instant::now(), shown: None }
    }

    /// So much is done, of the total; so many messages.
    pub(super) fn show(&mut self, done: u64, messages: u64) {
        let is_due = self.shown.is_none_or(|shown| shown.elapsed() > Duration::from_millis(100));
        if !self.is_shown || !is_due {
            return;
        }
        self.shown = Some(Instant::now());
        let line = line(done, self.total, messages, self.begun.elapsed());
        // Whoever closed the terminal misses nothing.
        let _ = write!(std::io::stderr(), "\r{line}\x1b[K");
    }

    pub(super) fn end(&mut self) {
        if self.shown.take().is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

fn line(done: u64, total: u64, messages: u64, took: Duration) -> String {
    let done = done.min(total);
    let of_100 = (done * 100).checked_div(total).unwrap_or(100);
    let full = (done * CELLS).checked_div(total).unwrap_or(CELLS);
    let bar: String = (0..CELLS).map(|cell| if cell < full { '#' } else { '.' }).collect();
    let rate = messages * 1_000 / u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    format!("[{bar}] {of_100:>3}%  {messages} thư (messages), {rate}/s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_fills() {
        let second = Duration::from_secs(1);
        assert_eq!(line(0, 0, 0, second), format!("[{}] 100%  0 thư (messages), 0/s", "#".repeat(30)));
        assert_eq!(
            line(50, 100, 7, second),
            format!("[{}{}]  50%  7 thư (messages), 7/s", "#".repeat(15), ".".repeat(15))
        );
    }
}
