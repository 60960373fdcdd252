//! The limits of this process: memory of its group, files, addresses.

use super::finding::{Finding, Machine};
use crate::units::size;

/// Room that barely suffices.
const LITTLE: u64 = 64 << 20;

/// The command that lifts the limit on file sizes.
pub const FILE_SIZE: &str = "ulimit -f unlimited";

/// A client of a store has a file of nearly this size.
const CLIENT_FILE: u64 = 9 << 20;

/// Descriptors that a client of a busy store may need.
const DESCRIPTORS: u64 = 1024;

pub fn examine(machine: &Machine<'_>) -> Vec<Finding> {
    let mut findings = vec![group(machine)];
    findings.extend(limits(machine));
    findings
}

/// The tightest limit of the memory groups around this process.
fn group(machine: &Machine<'_>) -> Finding {
    let text = machine.read("/proc/self/cgroup").unwrap_or_default();
    let limits = text.lines().flat_map(|line| limits_of(machine, line));
    let Some((room, max, file)) = limits.min_by_key(|(room, ..)| *room) else {
        return Finding::ok("memory group", "no limit");
    };
    let what = format!("{} of {} are left", size(room), size(max));
    if room >= LITTLE {
        return Finding::ok("memory group", what);
    }
    let more = (max * 2).max(1 << 30);
    let mend =
        format!("echo {more} > {file}; or docker update --memory, or systemctl set-property");
    Finding::problem("memory group", format!("{what}: stores can barely grow"), mend)
}

/// The room, the limit and its file for each group up to the root. `line` is a line of
/// /proc/self/cgroup: number, controllers, path.
fn limits_of(machine: &Machine<'_>, line: &str) -> Vec<(u64, u64, String)> {
    let mut fields = line.splitn(3, ':');
    let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next())
    else {
        return Vec::new();
    };
    let (base, max_file, now_file) = match controllers {
        "" => ("/sys/fs/cgroup", "memory.max", "memory.current"),
        all if all.split(',').any(|one| one == "memory") => {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes")
        }
        _ => return Vec::new(),
    };
    let mut limits = Vec::new();
    let mut path = path.trim_matches('/');
    loop {
        let group = if path.is_empty() { base.to_owned() } else { format!("{base}/{path}") };
        let number = |file| machine.read(&format!("{group}/{file}"))?.trim().parse::<u64>().ok();
        // Without a limit the file has "max", or a number near the largest.
        if let (Some(max), Some(now)) = (number(max_file), number(now_file))
            && max < 1 << 60
        {
            limits.push((max.saturating_sub(now), max, format!("{group}/{max_file}")));
        }
        if path.is_empty() {
            return limits;
        }
        path = path.rsplit_once('/').map_or("", |(outer, _)| outer);
    }
}

fn limits(machine: &Machine<'_>) -> Vec<Finding> {
    let text = machine.read("/proc/self/limits").unwrap_or_default();
    let soft = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let mut findings = Vec::new();
    if let Some(files) = soft("Max open files").filter(|files| *files < DESCRIPTORS) {
        findings.push(Finding::note(
            "limits",
            format!("{files} open files: too few for a store with many clients"),
            format!("ulimit -n {DESCRIPTORS}"),
        ));
    }
    if let Some(bytes) = soft("Max file size") {
        let what = match bytes < CLIENT_FILE {
            true => "no store can be created or opened",
            false => "larger stores cannot be created",
        };
        let what = format!("files of at most {}: {what}", size(bytes));
        findings.push(Finding::problem("limits", what, FILE_SIZE));
    }
    if let Some(bytes) = soft("Max address space") {
        let what = format!("{} of addresses: a client maps a store twice", size(bytes));
        findings.push(Finding::note("limits", what, "ulimit -v unlimited"));
    }
    if findings.is_empty() {
        findings.push(Finding::ok("limits", "files, file size and addresses suffice"));
    }
    findings
}
