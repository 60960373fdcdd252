//! The machine: /dev/shm, the kernel, huge pages, containers, logind.

use super::finding::{Finding, Machine};
use crate::units::size;
use std::os::unix::fs::MetadataExt;

/// The size that Docker gives a container by default.
const DOCKER_DEFAULT: u64 = 64 << 20;

/// The number of files that creating and opening a store takes.
const FEW_FILES: u64 = 16;

pub fn examine(machine: &Machine<'_>) -> Vec<Finding> {
    let mut findings = shm(machine);
    findings.extend([kernel(machine), huge_pages(machine)]);
    findings.extend(container(machine));
    findings.extend(remove_ipc(machine));
    findings
}

fn in_container(machine: &Machine<'_>) -> bool {
    machine.has("/.dockerenv") || machine.has("/run/.containerenv")
}

fn shm(machine: &Machine<'_>) -> Vec<Finding> {
    let enlarge = match in_container(machine) {
        true => "start the container with --shm-size=4g",
        false => "mount -o remount,size=4G /dev/shm",
    };
    let path = machine.path("/dev/shm");
    let (Ok(about), Ok(fs)) = (std::fs::metadata(&path), rustix::fs::statvfs(&path)) else {
        let mend = "mkdir -p /dev/shm && mount -t tmpfs -o mode=1777 tmpfs /dev/shm";
        return vec![Finding::problem("/dev/shm", "there is no /dev/shm, where stores live", mend)];
    };
    let mut findings = Vec::new();
    let (all, free) = (fs.f_blocks * fs.f_frsize, fs.f_bavail * fs.f_frsize);
    let room = format!("{} of {} are free", size(free), size(all));
    findings.push(if all <= DOCKER_DEFAULT {
        Finding::problem("/dev/shm", format!("{room}: too small for most stores"), enlarge)
    } else if free < all / 10 {
        let mend =
            format!("see what fills it: du -sh /dev/shm/* /dev/shm/plasma-*/*; or {enlarge}");
        Finding::problem("/dev/shm", format!("{room}: nearly full"), mend)
    } else {
        Finding::ok("/dev/shm", room)
    });
    // 0 of 0: the file system does not count files.
    if fs.f_files > 0 && fs.f_favail < FEW_FILES {
        let what = format!("{} of {} files are left (df -i)", fs.f_favail, fs.f_files);
        let what = format!("{what}: no store can be created, though bytes are free");
        let mend = "mount -o remount,nr_inodes=1M /dev/shm; or remove files there";
        findings.push(Finding::problem("/dev/shm", what, mend));
    }
    if fs.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
        let mend = "mount -o remount,rw /dev/shm";
        findings.push(Finding::problem("/dev/shm", "it is mounted read-only", mend));
    }
    let mode = about.mode() & 0o7777;
    if mode != 0o1777 {
        let what = format!("its mode is {mode:04o}, not 1777: some users cannot create stores");
        findings.push(Finding::problem("/dev/shm", what, "chmod 1777 /dev/shm"));
    }
    findings.extend(own_directory(machine));
    findings
}

/// The directory of this user's stores.
fn own_directory(machine: &Machine<'_>) -> Option<Finding> {
    let uid = rustix::process::geteuid().as_raw();
    let path = plasma::directory_of_words().ok()?;
    let about = std::fs::symlink_metadata(machine.path(&path)).ok()?;
    let mode = about.mode() & 0o7777;
    Some(if about.uid() != uid || !about.is_dir() {
        let what = format!("{path} belongs to uid {}, not to you ({uid})", about.uid());
        let mend = format!("as root: mv {path} {path}.foreign; until then give stores as paths");
        Finding::problem("permissions", what, mend)
    } else if mode & 0o077 != 0 {
        let what = format!("{path} has mode {mode:04o}: others can read it");
        Finding::problem("permissions", what, format!("chmod 700 {path}"))
    } else {
        Finding::ok("permissions", format!("{path} is yours alone"))
    })
}

fn kernel(machine: &Machine<'_>) -> Finding {
    let release = machine.read("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim();
    match version(release) {
        Some(version) if version < (5, 16) => Finding::note(
            "kernel",
            format!("Linux {release} has no futex_waitv: a wait for several objects costs more"),
            "update to Linux 5.16 or newer",
        ),
        _ => Finding::ok("kernel", format!("Linux {release}")),
    }
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn huge_pages(machine: &Machine<'_>) -> Finding {
    let path = "/sys/kernel/mm/transparent_hugepage/shmem_enabled";
    let text = machine.read(path).unwrap_or_default();
    let chosen = text.split('[').nth(1).and_then(|rest| rest.split(']').next());
    match chosen {
        None => Finding::ok("huge pages", "this kernel has no huge pages for shared memory"),
        Some("deny") => Finding::note(
            "huge pages",
            "the kernel denies them to shared memory: --huge-pages has no effect",
            format!("echo never > {path}"),
        ),
        // MADV_COLLAPSE, by which stores ask, works with each setting but deny.
        Some(_) => Finding::ok("huge pages", "stores created with --huge-pages get them"),
    }
}

fn container(machine: &Machine<'_>) -> Option<Finding> {
    in_container(machine).then(|| {
        Finding::note(
            "container",
            "this is a container: its /dev/shm is its own",
            "to share stores: --ipc=shareable and --ipc=container:NAME, or a volume in /dev/shm",
        )
    })
}

/// logind deletes the files of a user in /dev/shm when the last session ends.
fn remove_ipc(machine: &Machine<'_>) -> Option<Finding> {
    if !machine.has("/run/systemd/system") {
        return None;
    }
    let uid = rustix::process::getuid().as_raw();
    let users = machine.read("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    });
    let name = name.unwrap_or("USER");
    Some(if uid < 1000 {
        Finding::ok("RemoveIPC", "system users keep their stores when they log out")
    } else if machine.has(&format!("/var/lib/systemd/linger/{name}")) {
        Finding::ok("RemoveIPC", format!("{name} lingers: stores outlive the last logout"))
    } else if removes(machine) {
        Finding::note(
            "RemoveIPC",
            format!("logind deletes the stores of {name} when the last session ends"),
            format!("loginctl enable-linger {name}; or RemoveIPC=no in /etc/systemd/logind.conf"),
        )
    } else {
        Finding::ok("RemoveIPC", "it is off: stores outlive the last logout")
    })
}

/// Whether logind is set to remove them; the last setting wins, and the default is yes.
fn removes(machine: &Machine<'_>) -> bool {
    let mut files = vec![machine.path("/etc/systemd/logind.conf")];
    for directory in ["/usr/lib/systemd/logind.conf.d", "/etc/systemd/logind.conf.d"] {
        let entries = std::fs::read_dir(machine.path(directory)).into_iter().flatten().flatten();
        let mut entries: Vec<_> = entries.map(|entry| entry.path()).collect();
        entries.sort();
        files.extend(entries);
    }
    let texts = files.iter().filter_map(|path| std::fs::read_to_string(path).ok());
    let mut removes = true;
    for text in texts {
        for value in text.lines().filter_map(|line| line.trim().strip_prefix("RemoveIPC=")) {
            removes = matches!(value.trim(), "yes" | "true" | "on" | "1");
        }
    }
    removes
}
