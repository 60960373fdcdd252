//! Compiles and runs the content of the README: the programs, the commands, the CMakeLists.txt.
#![cfg(not(loom))]

#[path = "common/skip.rs"]
mod skip;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the directory in which `make build` leaves the libraries.
fn libraries() -> PathBuf {
    let dir =
        env::var_os("PLASMA_LIB_DIR").map_or_else(|| root().join("target/release"), PathBuf::from);
    assert!(dir.join("libplasma.so").exists(), "{}: run `make build` first", dir.display());
    dir
}

/// Returns the blocks of a language below a heading.
fn blocks(heading: &str, language: &str) -> Vec<String> {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, section) = readme
        .split_once(&format!("\n## {heading}\n"))
        .unwrap_or_else(|| panic!("README.md has no heading {heading:?}"));
    let section = section.split("\n## ").next().unwrap();
    let begin = format!("```{language}\n");
    let blocks = section.split(&begin).skip(1);
    blocks.map(|block| block.split_once("```").unwrap().0.to_owned()).collect()
}

/// Returns the only such block.
fn block(heading: &str, language: &str) -> String {
    let mut blocks = blocks(heading, language);
    assert_eq!(blocks.len(), 1, "blocks of {language} below {heading:?}");
    blocks.remove(0)
}

/// A directory with the programs of the README, where its commands find the files that they name.
struct Reader {
    directory: PathBuf,
    /// The expected output of hello.c and hello.cpp, except for the store's name.
    said: [&'static str; 2],
}

impl Reader {
    fn new(name: &str) -> Reader {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme").join(name);
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(directory.join("target")).unwrap();
        symlink(root().join("include"), directory.join("include")).unwrap();
        symlink(libraries(), directory.join("target/release")).unwrap();
        fs::write(directory.join("hello.c"), block("A program", "c")).unwrap();
        fs::write(directory.join("hello.cpp"), block("Use it from C++", "cpp")).unwrap();
        let said = ["hello from shared memory (25 bytes in ", "4000 bytes of float32\n"];
        Reader { directory, said }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        // Cargo's library path could contain a library that an older build left in target/debug.
        command.current_dir(&self.directory).env_remove("LD_LIBRARY_PATH");
        command
    }

    fn run(&self, command: &mut Command) -> String {
        let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {}\n{said}{error}", output.status);
        said
    }

    /// Runs a line of shell that makes `hello`, and then `hello`.
    fn make_hello(&self, line: &str, variables: &[(&str, String)]) {
        self.run(self.command("sh").envs(variables.to_vec()).args(["-euc", line]));
        let hello = self.directory.join("hello");
        self.run_hello(&hello, line.contains("hello.cpp"), variables);
        fs::remove_file(hello).unwrap();
    }

    fn run_hello(&self, hello: &Path, is_cpp: bool, variables: &[(&str, String)]) {
        let store = format!("/dev/shm/plasma-readme-{}-{is_cpp}", std::process::id());
        let mut command = self.command(hello.to_str().unwrap());
        let said = self.run(command.envs(variables.to_vec()).env("PLASMA_STORE", store));
        assert!(said.starts_with(self.said[usize::from(is_cpp)]), "{said}");
    }

    /// Installs Plasma by CMake, which takes the build of `make build`.
    fn install(&self) -> PathBuf {
        let (build, prefix) = (self.directory.join("build"), self.directory.join("prefix"));
        let libraries = libraries().canonicalize().unwrap();
        let cargo = format!("-DPLASMA_CARGO_DIR={}", libraries.parent().unwrap().display());
        let mut configure = self.command("cmake");
        configure.arg("-S").arg(root()).arg("-B").arg(&build).arg(cargo);
        configure.args(["-DBUILD_TESTING=OFF", "-DPLASMA_BUILD_EXAMPLES=OFF"]);
        configure.args(["-DPLASMA_BUILD_TOOLS=OFF", "-DPLASMA_BUILD_MANUAL=OFF"]);
        self.run(configure.arg("-DCMAKE_INSTALL_LIBDIR=lib"));
        self.run(self.command("cmake").arg("--build").arg(&build));
        self.run(self.command("cmake").arg("--install").arg(&build).arg("--prefix").arg(&prefix));
        prefix
    }
}

fn is_here(tool: &str) -> bool {
    let version = Command::new(tool).arg("--version").stdout(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

#[test]
fn the_programs_are_compiled_as_it_says() {
    let reader = Reader::new("plain");
    for heading in ["Use it from C", "Use it from C++"] {
        for line in block(heading, "sh").lines() {
            reader.make_hello(line, &[]);
        }
    }
}

#[test]
fn cmake_and_pkg_config_find_what_cmake_installed() {
    let test = "cmake_and_pkg_config_find_what_cmake_installed";
    if !is_here("cmake") {
        return skip::skip(test, "there is no cmake");
    }
    let reader = Reader::new("installed");
    let prefix = reader.install();
    let program = block("Use it with CMake", "cmake");
    let of_static = program.replace("plasma::plasma)", "plasma::plasma_static)");
    assert_ne!(program, of_static);
    for (kind, text) in [("shared", &program), ("static", &of_static)] {
        let user = reader.directory.join(kind);
        fs::create_dir(&user).unwrap();
        fs::copy(reader.directory.join("hello.c"), user.join("hello.c")).unwrap();
        fs::write(user.join("CMakeLists.txt"), text).unwrap();
        let mut configure = reader.command("cmake");
        configure.arg("-S").arg(&user).arg("-B").arg(user.join("build"));
        reader.run(configure.env("CMAKE_PREFIX_PATH", &prefix));
        reader.run(reader.command("cmake").arg("--build").arg(user.join("build")));
        reader.run_hello(&user.join("build/hello"), false, &[]);
    }

    if !is_here("pkg-config") {
        return skip::skip(test, "there is no pkg-config");
    }
    let libraries = prefix.join("lib");
    let found = [
        ("PKG_CONFIG_PATH", libraries.join("pkgconfig").display().to_string()),
        ("LD_LIBRARY_PATH", libraries.display().to_string()),
    ];
    for line in block("Use it with pkg-config", "sh").lines() {
        reader.make_hello(line, &found);
    }
}
