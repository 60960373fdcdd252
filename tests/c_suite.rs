//! The C tests: each file of the directories in `tests/c`, as strict C99. `common/compiled.rs`
//! describes how they are built and run, also under sanitizers and valgrind.
//!
//! Each directory has one subject: `api` tests each function, `bad` wrong arguments, `hostile`
//! damaged files and other users, `process` processes, threads and their deaths, `room` memory,
//! files and limits that run out. A new file is one line in the list below.

#[path = "common/compiled.rs"]
mod compiled;
#[path = "common/sources.rs"]
mod sources;

use compiled::Program;

macro_rules! c_tests {
    ($($group:ident: [$($name:ident),* $(,)?]),* $(,)?) => {
        const LISTED: &[(&str, &[&str])] =
            &[$((stringify!($group), &[$(stringify!($name)),*])),*];

        $($(#[test]
        fn $name() {
            run(stringify!($group), stringify!($name));
        })*)*
    };
}

c_tests! {
    api: [
        check_store,
        connect_address,
        connect_options,
        errors,
        event_fd,
        events,
        fail,
        ids,
        manage,
        matching,
        messages,
        metadata,
        names,
        read,
        remove,
        resize,
        stamps,
        stats,
        write,
    ],
    bad: [
        bad_buffers,
        bad_null,
        bad_objects,
        bad_structs,
    ],
    hostile: [
        connect_hostile,
        hostile_kernel,
        hostile_names,
        hostile_reader,
        permissions,
        quota,
        strangers,
        unreadable,
    ],
    process: [
        block,
        close_all,
        connect_race,
        ephemeral,
        fork,
        fork_beside,
        fork_children,
        in_flight,
        interrupt,
        kernel,
        kill,
        lock,
        namespaces,
        reap,
        threads,
    ],
    room: [
        big,
        cgroup,
        connect_space,
        descriptors,
        evict,
        full,
        limits,
        low_descriptors,
        out_of_memory,
        rlimits,
        small_mounts,
        space,
    ],
}

#[test]
fn every_c_file_is_in_the_list() {
    for (group, names) in LISTED {
        let found = sources::named(&format!("tests/c/{group}"), "c");
        assert_eq!(found, *names, "tests/c/{group}/*.c and the list in tests/c_suite.rs differ");
    }
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/c");
    let entries = std::fs::read_dir(directory).expect("the directory of the C tests");
    for entry in entries.map(|entry| entry.expect("an entry")) {
        let name = entry.file_name().into_string().expect("a name in UTF-8");
        let known = LISTED.iter().any(|(group, _)| *group == name) || name.ends_with(".h");
        assert!(known, "tests/c/{name} is neither a header nor a directory of the list");
    }
}

fn run(group: &str, name: &str) {
    let source = &format!("tests/c/{group}/{name}.c");
    Program { compiler: "cc", flags: &["-std=c99", "-Itests/c"], source, name }.test();
}
