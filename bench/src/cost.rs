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
    /// Of processes and all that descend from them; of those that have ended, their parents keep count.
    pub(crate) fn of_families(masters: &[u32]) -> Self {
        let mut all = Self { cpu: Duration::ZERO, memory_mib: 0.0 };
        for pid in families(masters) {
            // Whoever ended meanwhile is in its parent's books.
            let Some((ticks, pages)) = books(pid) else { continue };
            all.cpu += Duration::from_millis(ticks * 10);
            all.memory_mib += pages as f64 * 4096.0 / (1024.0 * 1024.0);
        }
        all
    }

    /// Memory of processes and all that descend from them, KiB; a page that several share counts once in all (PSS).
    pub(crate) fn proportional_kib(masters: &[u32]) -> u64 {
        let of = |pid: u32| {
            let books = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
            let line = books.lines().find_map(|line| line.strip_prefix("Pss:"))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        families(masters).into_iter().filter_map(of).sum()
    }

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

/// The fields of `/proc/PID/stat` after the name, which may hold blanks.
fn fields(pid: u32) -> Option<Vec<u64>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    Some(after_name.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect())
}

/// Ticks of 10 ms that a process and its ended children used (fields 14 to 17), and its resident pages (field 24).
fn books(pid: u32) -> Option<(u64, u64)> {
    let fields = fields(pid)?;
    Some((fields.get(11..15)?.iter().sum(), *fields.get(21)?))
}

fn families(masters: &[u32]) -> Vec<u32> {
    let listed = std::fs::read_dir("/proc").expect("the kernel's books").flatten();
    let pids: Vec<u32> = listed.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    let parent = |pid: u32| fields(pid).and_then(|fields| u32::try_from(*fields.get(1)?).ok());
    let parents: std::collections::HashMap<u32, u32> =
        pids.iter().filter_map(|pid| Some((*pid, parent(*pid)?))).collect();
    let descends = |pid: &u32| {
        let mut at = *pid;
        // No family is deeper than this.
        for _ in 0..64 {
            if masters.contains(&at) {
                return true;
            }
            let Some(parent) = parents.get(&at).filter(|parent| **parent > 1) else { return false };
            at = *parent;
        }
        false
    };
    pids.iter().copied().filter(descends).collect()
}
