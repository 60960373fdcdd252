//! The sweep passes every line of the source that changes a store, and nothing else changes one.

use super::sweep::PASSED;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Calls that change words of shared memory, or bytes of the heap.
const STORES: &[&str] = &[
    ".store(",
    ".compare_exchange(",
    ".fetch_add(",
    ".fetch_or(",
    ".fetch_max(",
    ".swap(",
    ".advance(",
    ".set_id(",
    ".change(Lifecycle",
    ".condemn(",
    ".pardon(",
    ".copy_from(",
    ".copy_from_own(",
    ".fill_zero(",
    ".write_parts(",
    ".read_from(",
];

/// Functions of `src/sys` that change files or wake others.
const CHANGES: &[&str] = &[
    "file::tmpfile_at(",
    "file::link_tmpfile(",
    "file::unlink_at(",
    "file::remove_dir_at(",
    "file::make_dir_at(",
    "file::rename_noreplace(",
    "file::set_len(",
    "file::reserve(",
    "file::write_at(",
    "file_copy::send(",
    "file::punch_hole(",
    "file::set_mode(",
    "file::set_owner(",
    "lock::try_write_lock(",
    "lock::try_write_lock_byte(",
    "lock::try_read_lock_byte(",
    "lock::unlock(",
    "futex::wake_all(",
    "futex::wake_low_half(",
    "libc::O_CREAT",
];

/// The system calls in `src/sys`; shortly before each there is a point.
const SYSTEM_CALLS: &[&str] = &[
    "libc::openat(",
    "libc::linkat(",
    "libc::unlinkat(",
    "libc::mkdirat(",
    "libc::fchmodat(",
    "SYS_renameat2",
    "libc::ftruncate(",
    "libc::fallocate(",
    "libc::pwritev(",
    "libc::sendfile(",
    "libc::fchmod(",
    "libc::fchown(",
    "libc::F_OFD_SETLK",
    "libc::FUTEX_WAKE ",
];
const NEAR: usize = 16;

/// Wrappers whose point is that of the caller: they are no places themselves.
const WRAPPERS: &[(&str, &[&str])] = &[
    ("src/sync/mod.rs", &[""]),
    ("src/layout/extent.rs", &["self.wide[i].store(", "self.low[i].store("]),
    (
        "src/layout/record.rs",
        &[".compare_exchange(old.0", "self.word.store(", "self.id[", "self.id_tail.store("],
    ),
    ("src/protocols/writer_lock/mod.rs", &[".compare_exchange(from.raw()"]),
    (
        "src/protocols/lifecycle.rs",
        &[".compare_exchange(from", ".fetch_max(gone", ".change(Lifecycle::Gone, Lifecycle::Live)"],
    ),
    ("src/segment/heap.rs", &["copy_from(self", "copy_from_own(self", "file::write_at("]),
];

/// Words that only this process sees.
const PRIVATE: &[(&str, &[&str])] = &[
    ("src/store/handles/writers.rs", &[""]),
    ("src/store/handles/hint.rs", &[""]),
    ("src/store/handles/table.rs", &[""]),
    ("src/protocols/lease/entry.rs", &[""]),
    ("src/protocols/lease/quota.rs", &["self.held."]),
    ("src/segment/written.rs", &[""]),
    ("src/subscription.rs", &[""]),
    ("src/protocols/events/subscribers.rs", &["self.0."]),
    ("src/id.rs", &[""]),
    ("src/store/session.rs", &["self.gone.", "self.links_seen_us.", "self.creates."]),
    ("src/store/connection/leave.rs", &["self.left."]),
    ("src/store/call.rs", &[""]),
    ("src/store/calls.rs", &[""]),
    ("src/store/memory/allowance.rs", &[""]),
    ("src/store/memory/bare_buckets.rs", &[""]),
    ("src/store/memory/reclaim.rs", &["self.paid.", "self.scans."]),
    ("src/store/memory/evict.rs", &["self.fold_turn."]),
    ("src/store/memory/windows.rs", &["turn.store("]),
    ("src/protocols/lease/quota.rs", &[""]),
    ("src/sync/once.rs", &[""]),
    ("src/protocols/writer_lock/mod.rs", &["self.pause."]),
    ("src/protocols/wake/spin.rs", &["self.limit."]),
    ("src/segment/wake.rs", &["part.fetch_or("]),
    ("src/store/wait/watcher.rs", &["session.waiting."]),
    ("src/store/connection/own_slot.rs", &["self.mapped."]),
];

/// Damage from outside is mended in a recovery, and a death there is followed by another recovery.
const MENDED: &str = "damage from outside, mended in a recovery: tests/mend.rs";

/// A death here leaves a count that the next waiter or the next client of the slot finds.
const LOST_WAKE: &str = "what a sealer left that was killed amid its wakes: waits.rs";

/// Places that no operation here passes, and why.
const NOT_PASSED: &[(&str, &str, &str)] = &[
    ("src/protocols/lifecycle.rs", "compare_exchange(now, Lifecycle::Live", MENDED),
    ("src/store/recovery/header.rs", "word.store(value", MENDED),
    ("src/store/recovery/header.rs", "reserved.store(there", MENDED),
    ("src/store/recovery/header.rs", "blocks_reserved.store(FIRST_BLOCKS", MENDED),
    ("src/store/recovery/buckets.rs", "growth.reserved.store(count", MENDED),
    ("src/store/recovery/buckets.rs", "mask.store(count", MENDED),
    ("src/store/recovery/buckets.rs", "word.store(0", MENDED),
    ("src/store/recovery/reserved.rs", "bits.store(bits.load(Acquire)", MENDED),
    (
        "src/segment/remove.rs",
        ".pardon(",
        "the way back when a directory cannot be renamed (a bind mount)",
    ),
    ("src/segment/remove.rs", "unlink_at(Some(dir), files::REMOVE)", "the same way back"),
    ("src/protocols/wake/mod.rs", "announcing.compare_exchange(was, 0", LOST_WAKE),
    ("src/store/connection/join.rs", "announcing.store(0", LOST_WAKE),
    (
        "src/protocols/wake/mod.rs",
        "announcing.store(now.wrapping_add(more)",
        "where a process has one thread, which no test has: the fetch_add beside it is passed",
    ),
    (
        "src/segment/remove.rs",
        "try_write_lock(segment.index_fd.get()?)?.then_some(None)",
        "where there is no room for a file: tests/c/room/full.c",
    ),
    (
        "src/segment/remove.rs",
        "file::set_owner(",
        "root removes another user's store: one more call on a file without a name",
    ),
    (
        "src/protocols/lifecycle.rs",
        "clearing.store(",
        "readers of other users: tests/planted_names.rs",
    ),
    (
        "src/store/clients/reap.rs",
        "file::remove_dir_at(",
        "names that a reader of another user planted: tests/planted_names.rs",
    ),
    (
        "src/protocols/lifecycle.rs",
        "compare_exchange(now, Lifecycle::Live",
        "recovery after a death in CLOSING: what follows the kills of `leave an ephemeral store as the last`",
    ),
    (
        "src/protocols/members/mod.rs",
        "slot.tenant.compare_exchange(before, serial",
        "an undertaker after a dead one: what follows the kills of `join when the dead have taken every place`",
    ),
    (
        "src/segment/members.rs",
        "self.header.beacon.store(ino",
        "one more word of a copied store that admits readers of other users",
    ),
    (
        "src/store/objects/content.rs",
        "file::punch_hole(",
        "a put where the file system has no room: tests/c/room/full.c",
    ),
    (
        "src/store/session.rs",
        ".condemn(",
        "somebody deleted the store's files: one exchange, and nothing is freed from then on",
    ),
];

struct SourcePlace {
    name: String,
    code: String,
}

fn is_in(list: &[(&str, &[&str])], file: &str, code: &str) -> bool {
    list.iter().any(|(f, parts)| *f == file && parts.iter().any(|part| code.contains(part)))
}

/// Returns the files of the library without their tests: path and lines.
fn shipped() -> Vec<(String, Vec<String>)> {
    fn walk(dir: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("src/models") {
                    walk(&path, found);
                }
            } else {
                found.push(path.to_str().unwrap().to_owned());
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    walk(&root.join("src"), &mut paths);
    paths.sort();
    let tests = [
        "tests", "loom", "threads", "explore", "model", "fixture", "testing", "golden", "modelled",
    ];
    let is_test =
        |path: &str| tests.contains(&Path::new(path).file_stem().unwrap().to_str().unwrap());
    let files = paths.iter().filter(|path| !is_test(path)).map(|path| {
        let text = fs::read_to_string(path).unwrap();
        let lines: Vec<String> = text
            .lines()
            .take_while(|line| *line != "mod tests {")
            .map(|line| line.split("//").next().unwrap().to_owned())
            .collect();
        (path[root.to_str().unwrap().len() + 1..].to_owned(), lines)
    });
    files.collect()
}

/// Returns the places in the source that change shared memory or files.
fn places() -> Vec<SourcePlace> {
    let mut found = Vec::new();
    for (file, lines) in shipped() {
        for (i, line) in lines.iter().enumerate() {
            let calls = STORES.iter().chain(CHANGES).any(|call| line.contains(call));
            let elsewhere = file.starts_with("src/sys/") || file.starts_with("src/ffi/");
            if calls && !elsewhere && !is_in(WRAPPERS, &file, line) && !is_in(PRIVATE, &file, line)
            {
                found.push(SourcePlace {
                    name: format!("{file}:{}", i + 1),
                    code: line.trim().to_owned(),
                });
            }
        }
    }
    found
}

#[test]
fn every_place_where_a_store_is_changed_is_passed() {
    super::run_each_unharmed();
    let passed = PASSED.lock().clone();
    let passed: BTreeSet<&str> = passed.keys().map(|p| p.split_once(" at ").unwrap().1).collect();
    // The flags of an open are set in the lines above it.
    let flags = |place: &SourcePlace| place.code.contains("libc::O_CREAT");
    let near = |place: &SourcePlace| {
        let (file, line) = place.name.split_once(':').unwrap();
        let line: u32 = line.parse().unwrap();
        let end = if flags(place) { line + 2 } else { line };
        (line..=end).any(|line| passed.contains(&*format!("{file}:{line}")))
    };
    let places = places();
    assert!(places.len() > 150, "{}", places.len());
    let reason = |place: &SourcePlace| {
        let same = |(file, code, _): &&(&str, &str, &str)| {
            place.name.starts_with(file) && place.code.contains(code)
        };
        NOT_PASSED.iter().find(same)
    };
    let missed: Vec<String> = places
        .iter()
        .filter(|place| !near(place) && reason(place).is_none())
        .map(|place| format!("{}: {}", place.name, place.code))
        .collect();
    println!("{} places in the source, {} passed", places.len(), places.len() - missed.len());
    assert!(missed.is_empty(), "places that no operation passes:\n{}", missed.join("\n"));
}

#[test]
fn a_point_stands_before_each_system_call_that_changes_a_store() {
    let mut wrong = Vec::new();
    for (file, lines) in shipped() {
        for (i, line) in lines.iter().enumerate() {
            if !SYSTEM_CALLS.iter().any(|call| line.contains(call)) {
                continue;
            }
            let near = &lines[i.saturating_sub(NEAR)..i];
            if !file.starts_with("src/sys/")
                || !near.iter().any(|line| line.contains("kill_point("))
            {
                wrong.push(format!("{file}:{}: {}", i + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "no point before:\n{}", wrong.join("\n"));
}
