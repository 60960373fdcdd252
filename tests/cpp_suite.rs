//! The C++ tests of plasma.hpp: each file of `tests/cpp`, as C++17, and as C++20 without exceptions
//! and RTTI. A new file is one line in the list below.

#[path = "common/compiled.rs"]
mod compiled;
#[path = "common/sources.rs"]
mod sources;

use compiled::Program;

macro_rules! cpp_tests {
    ($($name:ident),* $(,)?) => {
        const LISTED: &[&str] = &[$(stringify!($name)),*];

        mod cpp17 {
            $(#[test]
            fn $name() {
                super::run(stringify!($name), "17", &["-std=c++17"]);
            })*
        }

        mod cpp20_without_exceptions {
            $(#[test]
            fn $name() {
                let flags = ["-std=c++20", "-fno-exceptions", "-fno-rtti"];
                super::run(stringify!($name), "20", &flags);
            })*
        }
    };
}

cpp_tests! {
    arguments,
    buffers,
    clients,
    lists_and_events,
    many,
    ranges,
}

#[test]
fn every_cpp_file_is_in_the_list() {
    let found = sources::named("tests/cpp", "cpp");
    assert_eq!(found, LISTED, "tests/cpp/*.cpp and the list in tests/cpp_suite.rs differ");
}

fn run(test: &str, kind: &str, flags: &[&str]) {
    let (source, name) = (&format!("tests/cpp/{test}.cpp"), &format!("{test}-{kind}"));
    Program { compiler: "c++", flags, source, name }.test();
}
