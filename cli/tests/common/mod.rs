//! The common parts of the tests of the command: a sandbox for each test, the real binary, screens.
#![allow(dead_code)] // each test binary uses a part

pub mod screen;

use serde_json::Value;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// No step of these tests takes this long; a longer wait hangs.
pub const HANG: Duration = Duration::from_secs(60);

/// The binary under test.
pub const PLASMA: &str = env!("CARGO_BIN_EXE_plasma");

/// A directory of the test with a store in it; dropping it removes both.
pub struct Sandbox {
    pub directory: PathBuf,
}

impl Sandbox {
    /// Without a store.
    pub fn empty() -> Sandbox {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory = PathBuf::from(format!("/dev/shm/plasma-cli-{}-{n}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        Sandbox { directory }
    }

    /// With a store of 64 MiB.
    pub fn new() -> Sandbox {
        Sandbox::with(&["--capacity", "64M"])
    }

    /// With a store made with these options.
    pub fn with(options: &[&str]) -> Sandbox {
        let sandbox = Sandbox::empty();
        sandbox.run(&[&["create"], options].concat()).ok();
        sandbox
    }

    pub fn store(&self) -> String {
        self.path("store")
    }

    /// A path in the directory.
    pub fn path(&self, name: &str) -> String {
        self.directory.join(name).to_str().unwrap().to_owned()
    }

    /// A file with these bytes.
    pub fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// A copy of the binary that other users can run, too.
    ///
    /// Another process makes the copy: if this one did, a child that another test forks would inherit
    /// the file open for writing, and the copy could not be run.
    pub fn binary(&self) -> String {
        let path = self.path("plasma");
        let shell = format!("cp {PLASMA} {path} && chmod 755 . {path}");
        let mut command = Command::new("sh");
        command.args(["-c", &shell]).current_dir(&self.directory);
        assert!(command.status().unwrap().success());
        path
    }

    /// The names in the directory, in order.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.directory).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The command, about the store of this sandbox, without input.
    pub fn command(&self, args: &[&str]) -> Command {
        self.about_store(Command::new(PLASMA), args)
    }

    fn about_store(&self, mut command: Command, args: &[&str]) -> Command {
        command.args(args).env("PLASMA_STORE", self.store()).current_dir(&self.directory);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::new(self.command(args), b"")
    }

    pub fn run_with(&self, args: &[&str], input: &[u8]) -> Ran {
        Ran::new(self.command(args), input)
    }

    /// Start it, input and output in pipes.
    pub fn start(&self, args: &[&str]) -> Running {
        // A shell without job control starts background commands with some signals ignored.
        let mut command = Command::new("env");
        command.args(["--default-signal=HUP,INT,QUIT,TERM,USR1", PLASMA]);
        Running(Some(self.about_store(command, args).stdin(Stdio::piped()).spawn().unwrap()))
    }

    /// The command as a daemon might start it: descriptors 0, 1 and 2 are closed.
    pub fn command_without_streams(&self, args: &[&str]) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$0\" \"$@\" <&- >&- 2>&-", PLASMA]);
        command.args(args).env("PLASMA_STORE", self.store());
        command
    }

    /// Start another command about the store of this sandbox, input and output in pipes.
    pub fn start_as(&self, mut command: Command) -> Running {
        command.env("PLASMA_STORE", self.store()).stdin(Stdio::piped());
        Running(Some(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()))
    }

    /// The value that it writes with `--json`.
    pub fn json(&self, args: &[&str]) -> Value {
        let out = self.run(&[args, &["--json"]].concat()).ok();
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error} in {out}"))
    }

    /// Put these bytes under a name; returns the id.
    pub fn put(&self, name: &str, bytes: &[u8]) -> String {
        self.run_with(&["put", "-", "--name", name], bytes).ok().trim().to_owned()
    }

    /// Poll until the value meets a condition.
    pub fn until(&self, args: &[&str], mut holds: impl FnMut(&Value) -> bool) -> Value {
        let end = Instant::now() + HANG;
        loop {
            let seen = self.json(args);
            if holds(&seen) {
                return seen;
            }
            assert!(Instant::now() < end, "{args:?} stays {seen:#}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// How a run of the command ended.
pub struct Ran {
    pub output: Output,
    what: String,
}

impl Ran {
    pub fn new(mut command: Command, input: &[u8]) -> Ran {
        let what = format!("{command:?}");
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // It may end without reading all of it.
        std::thread::spawn(move || drop(stdin.write_all(&input)));
        Ran { output: wait(child, &what), what }
    }

    pub fn stdout(&self) -> String {
        String::from_utf8(self.output.stdout.clone()).unwrap()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    pub fn code(&self) -> Option<i32> {
        self.output.status.code()
    }

    /// It must have succeeded and written nothing to stderr.
    pub fn ok(&self) -> String {
        assert_eq!(self.code(), Some(0), "{}: {}", self.what, self.stderr());
        assert_eq!(self.stderr(), "", "{}", self.what);
        self.stdout()
    }

    /// It must have failed with this code and one line on stderr, which has all these words.
    pub fn fails(&self, code: i32, words: &[&str]) {
        let stderr = self.stderr();
        assert_eq!(self.code(), Some(code), "{}: {stderr}", self.what);
        assert!(stderr.starts_with("plasma: ") && stderr.ends_with('\n'), "{stderr:?}");
        assert_eq!(stderr.lines().count(), 1, "{}: {stderr}", self.what);
        for word in words {
            assert!(stderr.contains(word), "{}: {word:?} is not in {stderr}", self.what);
        }
    }
}

/// A running command; dropping it kills the command.
pub struct Running(Option<Child>);

impl Running {
    pub fn pid(&self) -> i32 {
        self.0.as_ref().unwrap().id() as i32
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.child().stdin.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// Close its input.
    pub fn close(&mut self) {
        drop(self.child().stdin.take());
    }

    pub fn signal(&self, signal: &str) {
        let args = [format!("-{signal}"), self.pid().to_string()];
        assert!(Command::new("kill").args(args).status().unwrap().success());
    }

    /// One line of its output.
    pub fn line(&mut self) -> String {
        let (mut line, mut byte) = (Vec::new(), [0]);
        let stdout = self.child().stdout.as_mut().unwrap();
        while stdout.read(&mut byte).unwrap() == 1 && byte != *b"\n" {
            line.push(byte[0]);
        }
        String::from_utf8(line).unwrap()
    }

    /// Close its input and wait for its end.
    pub fn end(mut self) -> Ran {
        self.close();
        self.ended()
    }

    /// Wait for its end, its input open.
    pub fn ended(mut self) -> Ran {
        let what = format!("process {}", self.pid());
        let input = self.child().stdin.take();
        let output = self.0.take().map(|child| wait(child, &what)).unwrap();
        drop(input);
        Ran { output, what }
    }

    fn child(&mut self) -> &mut Child {
        self.0.as_mut().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn wait(child: Child, what: &str) -> Output {
    let pid = child.id();
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || send.send(child.wait_with_output()));
    match receive.recv_timeout(HANG) {
        Ok(output) => output.unwrap(),
        Err(_) => {
            let threads = threads_below(pid);
            let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
            panic!("{what} hangs: {threads}");
        }
    }
}

/// The threads of a process and of its children, and the place in the kernel where each one is.
fn threads_below(pid: u32) -> String {
    let mut lines = String::new();
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    for task in tasks.flatten().map(|entry| entry.path()) {
        let read = |name| std::fs::read_to_string(task.join(name)).unwrap_or_default();
        let (comm, wchan) = (read("comm"), read("wchan"));
        lines += &format!("\n{}: {}, {wchan}", task.display(), comm.trim());
        let children = read("children");
        lines.extend(
            children.split_whitespace().filter_map(|it| it.parse().ok()).map(threads_below),
        );
    }
    lines
}

/// The signal that ended it.
pub fn signal_of(ran: &Ran) -> Option<i32> {
    ran.output.status.signal()
}

/// Report that `test` is skipped, and why: on stderr, and in the file `$PLASMA_SKIPS` if that is set.
pub fn skip(test: &str, reason: &str) {
    let line = format!("SKIP {test}: {reason}\n");
    eprint!("{line}");
    if let Some(log) = std::env::var_os("PLASMA_SKIPS") {
        let mut log = OpenOptions::new().append(true).create(true).open(log).unwrap();
        log.write_all(line.as_bytes()).unwrap();
    }
}

/// A file system of one test; dropping it unmounts it.
pub struct Mount(String);

impl Mount {
    /// `None` if none can be mounted.
    pub fn tmpfs(path: &str, options: &str) -> Option<Mount> {
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", options, "tmpfs", path]).stderr(Stdio::null());
        let mounted = is_root() && command.status().is_ok_and(|status| status.success());
        mounted.then(|| Mount(path.to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Bytes that differ from offset to offset.
pub fn pattern(len: usize) -> Vec<u8> {
    let block = |i: u64| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
    // Not a multiple of any size of a copy.
    let block: Vec<u8> = (0..65_537).map(block).collect();
    let mut bytes = block.repeat(len / block.len() + 1);
    bytes.truncate(len);
    bytes
}
