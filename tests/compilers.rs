//! Every C and C++ compiler accepts the headers without a warning.
#![cfg(not(loom))]

#[path = "common/skip.rs"]
mod skip;
#[path = "common/sources.rs"]
mod sources;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{env, fs};

const GNU: &[&str] =
    &["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Wshadow"];
/// Every warning of clang except a few: that C++ is not C++98, that the compiler pads, that
/// declarations stand between statements, that C is not C99, that a small class is defined only in
/// a header, and that `@retval PLASMA_OK` has no further words.
const CLANG: &[&str] = &[
    "-Weverything",
    "-Wno-c++98-compat",
    "-Wno-c++98-compat-pedantic",
    "-Wno-padded",
    "-Wno-declaration-after-statement",
    "-Wno-weak-vtables",
    "-Wno-documentation",
    "-Wno-pre-c11-compat",
    // Only in newer versions: that a pointer has no bounds.
    "-Wno-unknown-warning-option",
    "-Wno-unsafe-buffer-usage",
];
const C: &[&str] = &["c99", "c11", "c17", "c2x"];
const CPP: &[&str] = &["c++11", "c++14", "c++17", "c++20"];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns a program that initializes every struct, and includes the header twice.
fn beginnings() -> String {
    let mut out = String::from("#include <plasma.h>\n#include <plasma.h>\n\n");
    out += "int main(void)\n{\n    uint32_t sizes = 0;\n";
    let header = read("include/plasma.h");
    let begun = header.lines().filter_map(|line| line.strip_prefix("#define "));
    for (at, begin) in begun.filter_map(|line| line.strip_suffix("_INIT \\")).enumerate() {
        let name = begin.to_lowercase() + "_t";
        let _ = writeln!(out, "    {name} s{at} = {begin}_INIT;\n    sizes += s{at}.struct_size;");
    }
    out + "    return PLASMA_VERSION_NUM > 0 && sizes == 1184 ? 0 : 1;\n}\n"
}

/// Returns the program in the comment at the top of a header.
fn example(header: &str) -> String {
    let header = read(header);
    let (_, example) = header.split_once("* Example\n").unwrap();
    let lines = example.lines().skip(2).take_while(|line| {
        let text = line.trim_start_matches([' ', '*']);
        !text.starts_with("Caveats") && !text.starts_with("With exceptions")
    });
    let lines = lines.map(|line| line.strip_prefix(" *     ").unwrap_or_default());
    lines.fold(String::new(), |text, line| text + line + "\n")
}

/// Returns the compiler of `$variable`, or the one of this name; `None` if it is not installed.
fn find(variable: &str, name: &str) -> Option<String> {
    let compiler = env::var(variable).unwrap_or_else(|_| name.to_owned());
    let version = Command::new(&compiler).arg("--version").stdout(Stdio::null()).status();
    version.is_ok_and(|status| status.success()).then_some(compiler)
}

fn run(compiler: &str, flags: &[&str], file: &str, source: &str) -> Output {
    let name = Path::new(compiler).file_name().expect("the name of a compiler");
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compilers").join(name);
    fs::create_dir_all(&directory).unwrap();
    let path = directory.join(file);
    fs::write(&path, source).unwrap();
    let mut command = Command::new(compiler);
    command.args(["-fsyntax-only", "-I"]);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("include"));
    command.args(flags).arg(&path).output().unwrap()
}

/// Compile a source with warnings as errors.
fn compile(compiler: &str, flags: &[&str], file: &str, source: &str) {
    let output = run(compiler, &[flags, &["-Werror"]].concat(), file, source);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{compiler} {flags:?} {file}:\n{error}");
}

/// Returns the output of the compiler for a source that it has to refuse.
fn refuse(compiler: &str, flags: &[&str], file: &str, source: &str) -> String {
    let output = run(compiler, flags, file, source);
    assert!(!output.status.success(), "{compiler} {flags:?} takes {file}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Compile with each standard.
fn compile_as(compiler: &str, standards: &[&str], flags: &[&str], file: &str, source: &str) {
    for standard in standards {
        let standard = format!("-std={standard}");
        compile(compiler, &[&[standard.as_str()], flags].concat(), file, source);
    }
}

fn c_takes_the_header(compiler: &str, warnings: &[&str]) {
    let flags = [warnings, &["-Wstrict-prototypes", "-Wpedantic"]].concat();
    compile_as(compiler, C, &flags, "header.c", &beginnings());
    // The frozen numbers and sizes, where the language has static assertions.
    compile_as(compiler, &C[1..], &flags, "frozen.c", &read("tests/abi/frozen.c"));
    compile_as(compiler, C, &flags, "example.c", &example("include/plasma.h"));
}

fn cpp_takes_the_headers(compiler: &str, warnings: &[&str]) {
    let flags = [warnings, &["-Wpedantic"]].concat();
    compile_as(compiler, CPP, &flags, "header.cpp", &beginnings());
    let frozen = read("tests/abi/frozen.c").replace("_Static_assert", "static_assert");
    compile_as(compiler, CPP, &flags, "frozen.cpp", &frozen);
    let (twice, tests) = ("#include <plasma.hpp>\n#include <plasma.hpp>\n", "tests/cpp");
    let includes = concat!("-I", env!("CARGO_MANIFEST_DIR"), "/tests/cpp");
    for (standard, more) in [("c++17", &[][..]), ("c++20", &["-fno-exceptions", "-fno-rtti"])] {
        let flags = [&flags, more, &[includes]].concat();
        compile_as(compiler, &[standard], &flags, "example.cpp", &example("include/plasma.hpp"));
        // Templates are checked where they are instantiated; the tests instantiate all.
        for test in sources::named(tests, "cpp") {
            let source = twice.to_owned() + &read(&format!("{tests}/{test}.cpp"));
            compile_as(compiler, &[standard], &flags, &format!("{test}.cpp"), &source);
        }
    }
    for part in sources::named("include/plasma", "hpp") {
        let alone = format!("#include <plasma/{part}.hpp>\n");
        compile_as(compiler, &["c++17"], &flags, &format!("{part}-alone.cpp"), &alone);
    }
}

#[test]
fn gcc_takes_the_header_as_c() {
    c_takes_the_header(&find("CC", "gcc").expect("a C compiler"), GNU);
}

#[test]
fn gpp_takes_the_headers() {
    cpp_takes_the_headers(&find("CXX", "g++").expect("a C++ compiler"), GNU);
}

#[test]
fn clang_takes_the_headers_with_every_warning() {
    let (Some(c), Some(cpp)) = (find("CLANG", "clang"), find("CLANGXX", "clang++")) else {
        return skip::skip("clang_takes_the_headers_with_every_warning", "there is no clang");
    };
    c_takes_the_header(&c, CLANG);
    cpp_takes_the_headers(&cpp, CLANG);
}

#[test]
fn an_ignored_status_is_a_warning() {
    let compiler = find("CXX", "g++").expect("a C++ compiler");
    let body = "client.Interrupt();";
    let source = |body: &str| {
        format!("#include <plasma.hpp>\nvoid use(plasma::ClientContext &client) {{ {body} }}\n")
    };
    let looked_at = source("if (!client.Interrupt().ok()) client.Disconnect();");
    compile(&compiler, &["-std=c++17"], "looked_at.cpp", &looked_at);
    let error = refuse(&compiler, &["-std=c++17", "-Werror"], "ignored.cpp", &source(body));
    assert!(error.contains("nodiscard") || error.contains("unused-result"), "{error}");
}

#[test]
fn plasma_hpp_says_that_it_needs_cpp17() {
    let compiler = find("CXX", "g++").expect("a C++ compiler");
    for header in ["plasma.hpp", "plasma/id.hpp"] {
        let source = format!("#include <{header}>\n");
        let error = refuse(&compiler, &["-std=c++14"], "old.cpp", &source);
        assert!(error.contains("plasma.hpp needs C++17"), "{error}");
    }
}
