//! Helpers of the multi-process tests: scratch directories, children that run this test binary
//! again, guards against hanging, and objects whose bytes follow from their ids.
#![allow(dead_code)] // each test binary uses a part

pub mod bystander;
pub mod model;
pub mod owner;
pub mod skip;
pub mod world;

use plasma::{Buffer, Client, ConnectOptions, CreateOptions, Eviction, ObjectId, Status};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Nothing in these tests takes this long; a longer wait is a hang.
pub const HANG: Duration = Duration::from_secs(60);

/// A directory of the test's own, removed with everything in it.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new() -> Scratch {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = PathBuf::from(format!("/dev/shm/plasma-test-{}-{n}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Scratch(path)
    }

    /// Returns the address of a store in it.
    pub fn store(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Returns the names in it.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A child process: this test binary, running one test in a role.
pub struct Child {
    process: std::process::Child,
    lines: Receiver<String>,
    what: String,
}

/// Returns the role and arguments that the parent gave this process, if it is a child.
pub fn role() -> Option<Vec<String>> {
    let role = std::env::var("PLASMA_TEST_ROLE").ok()?;
    Some(role.split('\x1f').map(str::to_owned).collect())
}

/// Starts this test binary with `test` alone, in a role.
pub fn spawn(test: &str, role: &[&str]) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command.env("PLASMA_TEST_ROLE", role.join("\x1f"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let stdout = process.stdout.take().unwrap();
    let (send, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // libtest prints the name of the test on the same line.
            if let Some(at) = line.find("@@") {
                let _ = send.send(line[at + 2..].to_owned());
            }
        }
    });
    Child { process, lines, what: format!("{test} {role:?}") }
}

/// Sends a line from the child to its parent.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(format!("@@{line}\n").as_bytes());
    let _ = out.flush();
}

/// Receives a line from the parent in the child: the next one, or the end when the parent has
/// closed it.
pub fn hear() -> Option<String> {
    let mut line = String::new();
    match std::io::stdin().lock().read_line(&mut line) {
        Ok(n) if n > 0 => Some(line.trim_end().to_owned()),
        _ => None,
    }
}

impl Child {
    pub fn pid(&self) -> i32 {
        self.process.id() as i32
    }

    /// Send a line.
    pub fn tell(&mut self, line: &str) {
        // A child that was killed does not read it.
        let _ = writeln!(self.process.stdin.as_mut().unwrap(), "{line}");
    }

    /// Returns the next line of the child; `None` when it ended.
    pub fn next(&self) -> Option<String> {
        match self.lines.recv_timeout(HANG) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("{} hangs", self.what),
        }
    }

    /// As [`Child::next`], but distinguishes a child that hangs.
    pub fn next_within(&self, time: Duration) -> Result<Option<String>, String> {
        match self.lines.recv_timeout(time) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Err(format!("{} hangs", self.what)),
        }
    }

    /// Returns a line of the child, without waiting for it.
    pub fn now(&self) -> Option<String> {
        self.lines.try_recv().ok()
    }

    /// Checks that the next line of the child is this one.
    pub fn expect(&self, line: &str) {
        assert_eq!(self.next().as_deref(), Some(line), "{}", self.what);
    }

    /// Kills it with SIGKILL, and waits until it is gone.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub fn signal(&self, signal: i32) {
        assert!(
            Command::new("kill")
                .args([format!("-{signal}"), self.pid().to_string()])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Returns the letter in `/proc/<pid>/stat`: S sleeps, T is stopped, Z is dead.
    pub fn state(&self) -> char {
        state_in(&format!("/proc/{}/stat", self.pid())).unwrap()
    }

    /// Waits until all threads of the child are in this state (see [`Child::state`]). Returns
    /// `false` when it is dead.
    pub fn wait_for_state(&self, state: char) -> bool {
        let end = Instant::now() + HANG;
        loop {
            if self.state() == 'Z' {
                return state == 'Z';
            }
            let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap();
            let stats = tasks.flatten().map(|task| task.path().join("stat"));
            let mut states = stats.filter_map(|stat| state_in(stat.to_str().unwrap()));
            if states.all(|now| now == state) {
                return true;
            }
            assert!(Instant::now() < end, "{} is not in state {state}", self.what);
            std::thread::yield_now();
        }
    }

    /// Closes its input.
    pub fn close(&mut self) {
        drop(self.process.stdin.take());
    }

    /// Closes its input and waits for its end.
    pub fn end(mut self) -> ExitStatus {
        self.close();
        let end = Instant::now() + HANG;
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "{} hangs", self.what);
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

/// Returns the letter in such a file: see [`Child::state`].
pub fn state_in(stat: &str) -> Option<char> {
    let stat = std::fs::read_to_string(stat).ok()?;
    stat[stat.rfind(')')? + 2..].chars().next()
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A small fast generator with a seed that can be printed.
#[derive(Clone)]
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// Returns an id made of a kind and a number.
pub fn id(kind: u8, number: u64) -> ObjectId {
    let mut bytes = [0; 20];
    bytes[0] = kind;
    bytes[12..].copy_from_slice(&number.to_be_bytes());
    ObjectId::new(bytes)
}

/// Returns the words of an object with this id.
fn words(id: &ObjectId) -> impl Iterator<Item = [u8; 8]> {
    let seed =
        id.as_bytes().iter().fold(7u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    let mut rng = Rng(seed);
    std::iter::repeat_with(move || rng.next().to_le_bytes())
}

/// Returns the bytes of an object with this id. Any prefix of them is correct too.
pub fn fill(id: &ObjectId, bytes: &mut [u8]) {
    let mut words = words(id);
    let (whole, rest) = bytes.as_chunks_mut();
    whole.iter_mut().zip(&mut words).for_each(|(chunk, word)| *chunk = word);
    let word = words.next().unwrap();
    rest.copy_from_slice(&word[..rest.len()]);
}

pub fn content(id: &ObjectId, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    fill(id, &mut bytes);
    bytes
}

/// Returns whether the bytes are those of this id.
pub fn is_content(id: &ObjectId, bytes: &[u8]) -> bool {
    let mut words = words(id);
    let (whole, rest) = bytes.as_chunks();
    whole.iter().zip(&mut words).all(|(chunk, word)| *chunk == word)
        && words.next().unwrap().starts_with(rest)
}

pub fn connect(address: &str) -> Client {
    Client::connect(Some(address), &ConnectOptions::default().existing(true)).unwrap()
}

/// Makes a store.
pub fn make(address: &str, capacity: u64, max_objects: u64, lru: bool) -> Client {
    let options = ConnectOptions::default()
        .exclusive(true)
        .capacity(capacity)
        .max_objects(max_objects)
        .eviction(Some(if lru { Eviction::Lru } else { Eviction::None }));
    Client::connect(Some(address), &options).unwrap()
}

/// Puts an object with the bytes of its id.
pub fn put(client: &Client, id: &ObjectId, size: usize, name: Option<&str>) {
    let options = CreateOptions::default().name(name).metadata(&[("format", b"test")]);
    client.put(id, &content(id, size), &options).unwrap();
}

/// Gets without waiting: the object, checked, if it exists.
pub fn get_checked(client: &Client, id: &ObjectId) -> Option<Buffer> {
    match client.get(id, Some(Duration::ZERO)) {
        Ok(buffer) => {
            assert!(is_content(id, &buffer), "object {id} of {} bytes is wrong", buffer.len());
            Some(buffer)
        }
        Err(error) if error.status() == Status::NotFound => None,
        Err(error) => panic!("get {id}: {error}"),
    }
}

/// Checks that the store is sound: `Client::check` finds no problem.
pub fn assert_sound(client: &Client, what: &str) {
    let report = client.check().unwrap_or_else(|error| panic!("{what}: check: {error}"));
    let problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
    assert_eq!(report.problem_count, 0, "{what}: {problems:#?}");
}
