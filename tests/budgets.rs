//! Numbers of machine instructions of calls of the C API, counted by callgrind on the release
//! `libplasma.so`, and of system calls as clients become more. Unlike times they do not depend on
//! the load of the machine. That hot calls make no system call is for `cost.rs`.
//!
//! `make library && cargo test --test budgets -- --nocapture` prints the current counts in the form
//! of the table below.

#[path = "common/ptrace.rs"]
mod ptrace;
#[path = "common/skip.rs"]
mod skip;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

/// A store with (lru) or without eviction, the caller (a function of budgets/calls.c), the function
/// of the API, and the instructions of a call, as counted on x86-64.
#[rustfmt::skip]
const COUNTED: &[(&str, &str, &str, u64)] = &[
    ("none", "by_name", "plasma_get_by_name", 489),
    ("none", "by_name", "plasma_release", 110),
    ("none", "describe", "plasma_put", 8767),
    ("none", "describe_later", "plasma_create", 1187),
    ("none", "describe_later", "plasma_seal", 598),
    ("none", "describe_later", "plasma_set_metadata", 2492),
    ("none", "forget", "plasma_delete", 946),
    ("none", "forget_batch", "plasma_delete_many", 10819),
    ("none", "get_batch", "plasma_get_many", 3488),
    ("none", "get_batch", "plasma_release_many", 1052),
    ("none", "hot", "plasma_get", 238),
    ("none", "hot", "plasma_release", 110),
    ("none", "look", "plasma_contains", 196),
    ("none", "make", "plasma_create", 1388),
    ("none", "make", "plasma_seal", 490),
    ("none", "one_of_many", "plasma_get", 234),
    ("none", "one_of_many", "plasma_release", 110),
    ("none", "put", "plasma_put", 1556),
    ("none", "put_batch", "plasma_put_many", 14128),
    ("lru", "by_name", "plasma_get_by_name", 489),
    ("lru", "by_name", "plasma_release", 145),
    ("lru", "describe", "plasma_put", 8952),
    ("lru", "describe_later", "plasma_create", 1329),
    ("lru", "describe_later", "plasma_seal", 640),
    ("lru", "describe_later", "plasma_set_metadata", 2518),
    ("lru", "forget", "plasma_delete", 1008),
    ("lru", "forget_batch", "plasma_delete_many", 11835),
    ("lru", "get_batch", "plasma_get_many", 3485),
    ("lru", "get_batch", "plasma_release_many", 1620),
    ("lru", "hot", "plasma_get", 237),
    ("lru", "hot", "plasma_release", 145),
    ("lru", "look", "plasma_contains", 196),
    ("lru", "make", "plasma_create", 1524),
    ("lru", "make", "plasma_seal", 532),
    ("lru", "one_of_many", "plasma_get", 233),
    ("lru", "one_of_many", "plasma_release", 145),
    ("lru", "put", "plasma_put", 1733),
    ("lru", "put_batch", "plasma_put_many", 16642),
];

/// The functions of budgets/calls.c that use the API.
#[rustfmt::skip]
const USES: &[&str] = &[
    "hot", "one_of_many", "by_name", "look", "make", "put", "forget", "replace", "describe",
    "describe_later", "put_batch", "get_batch", "forget_batch", "make_large",
];

/// Calls of a function of budgets/calls.c.
type Calls = (&'static str, &'static [&'static str]);

/// The calls on a batch of 16 objects, the calls on one of them, and the most that the former may
/// take of the latter, in percent. The times are lower, because a batch has fewer atomic operations and
/// waits for its cache lines at once.
const BATCHES: &[(Calls, Calls, u64)] = &[
    (("put_batch", &["plasma_put_many"]), ("put", &["plasma_put"]), 70),
    (
        ("get_batch", &["plasma_get_many", "plasma_release_many"]),
        ("hot", &["plasma_get", "plasma_release"]),
        95,
    ),
    (("forget_batch", &["plasma_delete_many"]), ("forget", &["plasma_delete"]), 85),
];

const BATCH: u64 = 16;

/// The most that a put may cost more in a full store of a hundred times as many objects.
const GROWTH_PERCENT: u64 = 40;

/// Tolerance for other compilers, and for chance: where hashes put objects.
const SLACK_PERCENT: u64 = 10;

type Counts = BTreeMap<(String, String), u64>;

#[test]
fn calls_keep_within_their_instructions() {
    if cfg!(not(target_arch = "x86_64")) {
        return skip::skip("budgets", "the counts are of x86-64");
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        return skip::skip("budgets", "there is no valgrind");
    }
    let program = compile("calls");
    let stores = ["none", "lru"].map(|eviction| (eviction, count(&program, &[eviction])));
    let _ = fs::remove_file(&program);
    let mut missed = Vec::new();
    for (eviction, counts) in &stores {
        for ((user, function), count) in counts {
            println!("    (\"{eviction}\", \"{user}\", \"{function}\", {count}),");
            let row =
                COUNTED.iter().find(|row| (row.0, row.1, row.2) == (*eviction, user, function));
            let budget = row.map_or(0, |row| row.3 + row.3 * SLACK_PERCENT / 100);
            if *count > budget {
                missed.push(format!("{eviction}, {user}: {function}: {count}, not {budget}"));
            }
        }
    }
    for (eviction, counts) in &stores {
        let sum = |(user, functions): &Calls| -> u64 {
            let count = |name: &&str| counts[&((*user).to_owned(), (*name).to_owned())];
            functions.iter().map(count).sum()
        };
        for (batch, single, percent) in BATCHES {
            let (user, many, one) = (batch.0, sum(batch), sum(single));
            println!("{eviction}, {user}: {} for each object, and {one} alone", many / BATCH);
            if many * 100 > one * BATCH * percent {
                missed.push(format!("{eviction}, {user}: {many}, and {one} for one object"));
            }
        }
    }
    assert!(missed.is_empty(), "more instructions than their budgets: {missed:#?}");
    assert_eq!(stores.iter().map(|(_, counts)| counts.len()).sum::<usize>(), COUNTED.len());
}

/// Objects with a name or metadata own two extents. A put that needed both once found that no
/// victim was large enough, and looked through the whole table.
#[test]
fn puts_that_evict_cost_the_same_among_many_objects() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return skip::skip("budgets", "there is no valgrind");
    }
    let program = compile("evict");
    let put = |objects: &str, kind: &str| {
        let counts = count(&program, &[objects, kind]);
        let cost = counts[&("replace".to_owned(), "plasma_put".to_owned())];
        println!("{objects} objects, {kind}: {cost}");
        cost
    };
    for kind in ["plain", "named", "keyed"] {
        let (few, many) = (put("500", kind), put("50000", kind));
        assert!(many <= few + few * GROWTH_PERCENT / 100, "{kind}: {many}, and {few} among few");
    }
    let _ = fs::remove_file(&program);
}

/// A create that needs the memory of many objects once scanned and sorted the table for each few of
/// them, and each create among leased objects scanned the whole table.
#[test]
fn large_creates_cost_no_more_for_each_object_among_many() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return skip::skip("budgets", "there is no valgrind");
    }
    let program = compile("evict_large");
    let create = |objects: u64, kind: &str| {
        let counts = count(&program, &[&objects.to_string(), kind]);
        counts[&("make_large".to_owned(), "plasma_create".to_owned())]
    };
    let each = |objects: u64| create(objects, "part") / (objects / 5);
    let (few, many) = (each(5000), each(50_000));
    println!("a fifth of the capacity: {few} for each object among 5,000, {many} among 50,000");
    assert!(
        many <= few + few * GROWTH_PERCENT / 100,
        "{many} for each object, and {few} among few"
    );
    let (few, many) = (create(5000, "leased"), create(50_000, "leased"));
    println!("256 objects among leased ones: {few} among 5,000, {many} among 50,000");
    assert!(many <= few + few * GROWTH_PERCENT / 100, "{many} among leases, and {few} among few");
    let _ = fs::remove_file(&program);
}

/// Each client once cost the others a descriptor, and system calls in each scan of all leases: a put
/// of 1 MiB beside 1,000 clients took nine times as long as alone, and a connect 130 times.
#[test]
#[cfg(target_arch = "x86_64")]
fn clients_cost_each_other_no_system_calls_but_questions() {
    let program = compile("clients");
    let [alone, hundred, thousand] = ["1", "100", "1000"].map(|clients| {
        let counts = count_calls(&program, clients);
        println!("{clients} clients: {counts:?}");
        assert_eq!(counts.len(), 7);
        counts
    });
    let _ = fs::remove_file(&program);
    let [connect, put_large, put_small, object_info, stats, list_clients] = [0, 1, 2, 3, 4, 5];
    // It asks about 16 of them, in eight files.
    assert!(hundred[connect] <= alone[connect] + 60 && thousand[connect] <= hundred[connect] + 5);
    for same in [put_large, put_small, object_info] {
        assert!(thousand[same] <= alone[same] + 5, "{same}: {thousand:?}, and {alone:?} alone");
    }
    // These ask about each, by one call, and whether each process is stopped.
    for each in [stats, list_clients] {
        assert!(thousand[each] <= alone[each] + 1000 + 150, "{each}: {thousand:?}");
    }
}

/// What a store takes as it is made once grew with the objects that it may have.
#[test]
#[cfg(target_arch = "x86_64")]
fn a_store_is_made_and_takes_its_first_object_in_as_many_calls_whatever_its_size() {
    let program = compile("first");
    let [small, default, large] = ["1000", "1048576", "1073741824"].map(|objects| {
        let counts = count_calls(&program, objects);
        println!("{objects} objects: {counts:?}");
        counts
    });
    let _ = fs::remove_file(&program);
    for (at, most) in [(0, 350), (1, 80)] {
        let counts = [&small, &default, &large].map(|counts| counts[at]);
        assert!(counts.iter().all(|count| *count <= counts[0] + 5), "{counts:?}");
        assert!(counts[0] <= most, "{counts:?}");
    }
}

/// Returns the numbers of system calls between the marks of a program.
#[cfg(target_arch = "x86_64")]
fn count_calls(program: &Path, clients: &str) -> Vec<u64> {
    let name = format!("plasma-budgets-clients-{clients}-{}", std::process::id());
    let store = Path::new("/dev/shm").join(name);
    let mut command = Command::new(program);
    command.arg(&store).arg(clients).env_remove("LD_LIBRARY_PATH");
    let traced = ptrace::Traced::start(&mut command).expect("a traced program");
    let mut counts: Vec<u64> = Vec::new();
    while let Some(call) = traced.next_call() {
        match counts.last_mut() {
            _ if call == libc::SYS_getppid => counts.push(0),
            Some(count) => *count += 1,
            None => {}
        }
    }
    drop(traced);
    let _ = fs::remove_dir_all(&store);
    counts
}

/// Returns the instructions of a call, by caller and function.
fn count(program: &Path, arguments: &[&str]) -> Counts {
    let name = format!("plasma-budgets-{}-{}", arguments.join("-"), std::process::id());
    let (store, profile) = (Path::new("/dev/shm").join(&name), scratch(&name));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--dump-line=no", "--compress-strings=no"])
        .arg("--compress-pos=no")
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(program)
        .arg(&store)
        .args(arguments)
        // Cargo's library path could contain a library that an older build left in target/debug.
        .env_remove("LD_LIBRARY_PATH")
        .output();
    let _ = fs::remove_dir_all(&store);
    must(output.unwrap());
    let text = fs::read_to_string(&profile).expect("what callgrind wrote");
    let _ = fs::remove_file(&profile);
    parse(&text)
}

/// Parses callgrind's output: a caller is in a line `fn=`, the function that it calls in `cfn=`, the
/// number of calls in `calls=`. The next line ends with the instructions that all these calls took, including the
/// functions that they called.
fn parse(profile: &str) -> Counts {
    let (mut caller, mut called) = ("", "");
    let mut sums: BTreeMap<(&str, &str), (u64, u64)> = BTreeMap::new();
    let mut lines = profile.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("fn=") {
            caller = name;
        } else if let Some(name) = line.strip_prefix("cfn=") {
            called = name;
        } else if let Some(calls) = line.strip_prefix("calls=") {
            let cost = lines.next().and_then(|line| line.split(' ').next_back());
            let (all_calls, all_costs) = sums.entry((caller, called)).or_default();
            *all_calls += calls.split(' ').next().unwrap().parse::<u64>().expect("calls");
            *all_costs += cost.unwrap().parse::<u64>().expect("a cost");
        }
    }
    sums.retain(|(caller, called), _| USES.contains(caller) && called.starts_with("plasma_"));
    let means = sums.into_iter().map(|((caller, called), (calls, costs))| {
        ((caller.to_owned(), called.to_owned()), costs / calls)
    });
    means.collect()
}

/// Linked with immediate binding, so that no call of the library includes the search for its
/// symbol.
fn compile(source: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let library =
        env::var_os("PLASMA_LIB_DIR").map_or_else(|| root.join("target/release"), PathBuf::from);
    let program = scratch(&format!("{source}-{}", std::process::id()));
    let output = Command::new("cc")
        .args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1", "-Wl,-z,now"])
        .arg("-I")
        .arg(root.join("include"))
        .arg(root.join(format!("tests/budgets/{source}.c")))
        .arg("-o")
        .arg(&program)
        .arg("-L")
        .arg(&library)
        .arg("-lplasma")
        .arg(format!("-Wl,-rpath,{}", library.display()))
        .output();
    must(output.unwrap());
    program
}

fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn must(output: Output) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {error}", output.status);
}
