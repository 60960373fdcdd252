//! The C tests: each file of `tests/c`, as strict C99. How they are built and run, also under
//! sanitizers and valgrind, is in `common/compiled.rs`.
//!
//! A new file is one line in the list below.

#[path = "common/compiled.rs"]
mod compiled;
#[path = "common/sources.rs"]
mod sources;

use compiled::Program;

macro_rules! c_tests {
    ($($name:ident),* $(,)?) => {
        const LISTED: &[&str] = &[$(stringify!($name)),*];

        $(#[test]
        fn $name() {
            run(stringify!($name));
        })*
    };
}

c_tests! {
    bad_buffers,
    bad_null,
    bad_objects,
    bad_structs,
    big,
    block,
    cgroup,
    close_all,
    check_store,
    connect_address,
    connect_hostile,
    connect_options,
    connect_race,
    connect_space,
    descriptors,
    ephemeral,
    errors,
    event_fd,
    events,
    evict,
    fork,
    fork_beside,
    fork_children,
    full,
    hostile_kernel,
    hostile_names,
    hostile_reader,
    ids,
    in_flight,
    interrupt,
    kernel,
    kill,
    limits,
    lock,
    low_descriptors,
    manage,
    messages,
    metadata,
    names,
    namespaces,
    out_of_memory,
    permissions,
    quota,
    read,
    reap,
    remove,
    resize,
    rlimits,
    small_mounts,
    space,
    stamps,
    stats,
    strangers,
    threads,
    unreadable,
    write,
}

#[test]
fn every_c_file_is_in_the_list() {
    let mut listed: Vec<&str> = LISTED.to_vec();
    listed.sort_unstable();
    let found = sources::named("tests/c", "c");
    assert_eq!(found, listed, "tests/c/*.c and the list in tests/c_suite.rs differ");
}

fn run(name: &str) {
    let source = &format!("tests/c/{name}.c");
    Program { compiler: "cc", flags: &["-std=c99"], source, name }.test();
}
