//! What the program has used so far, from the kernel's books.

use std::time::Duration;

/// CPU time and memory of a process.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    /// User and system time.
    pub(crate) cpu: Duration,
    /// Resident memory, MiB.
    pub(crate) memory_mib: f64,
}

impl Cost {
    /// Of a running process.
    pub(crate) fn of(pid: u32) -> Self {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a running process");
        // The name in brackets may hold blanks; what follows it does not. utime and stime are fields 14 and 15, in
        // ticks of 10 ms on every Linux this runs on.
        let after_name = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
        let ticks: u64 =
            after_name.split_whitespace().skip(11).take(2).map(|t| t.parse().unwrap_or(0u64)).sum();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
        let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
        let kib: f64 = kib.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0.0);
        Self { cpu: Duration::from_millis(ticks * 10), memory_mib: kib / 1024.0 }
    }
}
