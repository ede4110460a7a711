//! What the kernel says of a process: CPU time, memory, bytes written.

use std::path::Path;

/// Ticks of `/proc/<pid>/stat` per second; 100 on every Linux that this runs on.
const TICKS_PER_S: f64 = 100.0;

/// One look at a process.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Look {
    /// User and system time in seconds, of all living threads, from the scheduler's nanoseconds where it gives them.
    pub cpu_s: f64,
    /// Resident now and at most, MiB.
    pub rss_mib: f64,
    pub rss_peak_mib: f64,
    /// Of the resident memory what is not the program file or a library.
    pub rss_own_mib: f64,
    /// User and system time in the kernel's ticks; coarse, but ended threads count.
    pub ticks_s: f64,
    /// Bytes handed to the block layer.
    pub written: u64,
}

impl Look {
    /// CPU seconds between two looks. The threads' nanoseconds lack what threads spent that have ended in between; the ticks
    /// have it, in steps of 10 ms. So the larger counts.
    pub(crate) fn cpu_since(&self, before: &Self) -> f64 {
        (self.cpu_s - before.cpu_s).max(self.ticks_s - before.ticks_s - 2.0 / TICKS_PER_S)
    }
}

/// Looks at process `pid`.
pub(crate) fn look(pid: u32) -> Look {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
    let field = |text: &str, name: &str| -> f64 {
        let line = text.lines().find(|l| l.starts_with(name));
        line.and_then(|l| l.split_whitespace().nth(1)).and_then(|v| v.parse().ok()).unwrap_or(0.0)
    };
    let status = read("status");
    let written = field(&read("io"), "write_bytes:");
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Look {
        cpu_s: threads_cpu_s(pid).unwrap_or_else(|| ticks_s(&read("stat"))),
        rss_mib: field(&status, "VmRSS:") / 1024.0,
        rss_peak_mib: field(&status, "VmHWM:") / 1024.0,
        rss_own_mib: field(&status, "RssAnon:") / 1024.0,
        ticks_s: ticks_s(&read("stat")),
        written: written as u64,
    }
}

/// Sum of the threads' run time in the scheduler's nanoseconds; `None` where the kernel does not keep it.
fn threads_cpu_s(pid: u32) -> Option<f64> {
    let mut sum = 0.0;
    for thread in std::fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        sum += text.split_whitespace().next()?.parse::<f64>().ok()? / 1e9;
    }
    Some(sum)
}

fn ticks_s(stat: &str) -> f64 {
    let after = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<f64> = after.split_whitespace().map(|f| f.parse().unwrap_or(0.0)).collect();
    (fields.get(11).unwrap_or(&0.0) + fields.get(12).unwrap_or(&0.0)) / TICKS_PER_S
}

/// Bytes in a folder and below.
pub(crate) fn folder_bytes(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    entries
        .flatten()
        .map(|e| if e.path().is_dir() { folder_bytes(&e.path()) } else { e.metadata().map_or(0, |m| m.len()) })
        .sum()
}
