//! Ephemeral stores whose last client was killed: run, stores, reap --all.
//!
//! Each test runs as a user of its own, whose stores no other test uses; that needs root.

mod common;

use common::{Ran, Running, Sandbox, is_root, pattern, skip};
use serde_json::Value;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A user without any stores, and the command as this user runs it.
struct User {
    uid: u32,
    sandbox: Sandbox,
}

impl User {
    fn new(test: &str) -> Option<User> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        if !is_root() {
            skip(test, "only root can become another user");
            return None;
        }
        let uid = 1_000_000 + std::process::id() * 16 + NEXT.fetch_add(1, Ordering::Relaxed);
        let sandbox = Sandbox::empty();
        sandbox.binary();
        Some(User { uid, sandbox })
    }

    fn directory(&self) -> String {
        format!("/dev/shm/plasma-{}", self.uid)
    }

    /// All names in it.
    fn stores(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory()).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.sandbox.path("plasma"));
        command.args(args).uid(self.uid);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        Ran::new(self.command(args), b"")
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.run(&[args, &["--json"]].concat()).ok()).unwrap()
    }

    fn start(&self, args: &[&str]) -> Running {
        self.sandbox.start_as(self.command(args))
    }

    /// A command that runs with a store of its own, and the path of that.
    fn start_run(&self) -> (Running, String) {
        let mut run = self.start(&["run", "sh", "-c", "echo $PLASMA_STORE; read end; true"]);
        let store = run.line();
        assert!(store.starts_with(&self.directory()), "{store}");
        (run, store)
    }

    /// The store of a run that was killed, when its command, which never connected, has ended too.
    fn abandon(&self) -> String {
        let (run, store) = self.start_run();
        run.signal("KILL");
        run.end();
        assert!(exists(&store), "{store} has gone by itself");
        store
    }

    /// The store that `plasma stores` lists at this address.
    fn listed(&self, store: &str) -> Value {
        let stores = self.json(&["stores"]);
        let found = stores.as_array().unwrap().iter().find(|row| row["store"] == store);
        found.unwrap_or_else(|| panic!("{store} is not in {stores:#}")).clone()
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.directory());
    }
}

fn exists(path: &str) -> bool {
    std::path::Path::new(path).exists()
}

#[test]
fn a_run_whose_command_and_all_its_processes_are_killed_leaves_no_store() {
    let Some(user) = User::new("a_run_whose_command_is_killed") else { return };
    let plasma = user.sandbox.path("plasma");
    // The writer dies in the middle of an object, the shell right after it.
    let script = format!(
        "exec 3<&0; {plasma} put - <&3 & \
         until {plasma} stat --json | grep -q '\"objects_writing\":1'; do :; done; \
         kill -KILL $! $$"
    );
    let ran = user.start(&["run", "sh", "-c", &script]).ended();
    assert_eq!(ran.code(), Some(128 + 9), "{}", ran.stderr());
    assert_eq!(user.stores(), [""; 0]);
}

#[test]
fn the_store_of_a_run_that_was_killed_goes_with_the_next_run() {
    let Some(user) = User::new("the_store_of_a_run_that_was_killed") else { return };
    let (run, used) = user.start_run();
    let abandoned = user.abandon();
    user.run(&["run", "true"]).ok();
    assert!(!exists(&abandoned), "{abandoned} is left");
    assert!(exists(&used), "{used} was in use");
    run.end().ok();
    assert_eq!(user.stores(), [""; 0]);
}

#[test]
fn reap_all_removes_abandoned_stores_and_no_others() {
    let Some(user) = User::new("reap_all_removes_abandoned_stores") else { return };
    user.run(&["create", "-s", "kept", "-c", "1M"]).ok();
    let (run, used) = user.start_run();
    let old = user.abandon();
    assert_eq!(user.listed(&old)["state"], "abandoned");
    assert_eq!(user.listed(&used)["state"], "used");
    assert_eq!(user.listed(&used)["ephemeral"], true);
    let text = user.run(&["stores"]).ok();
    assert!(text.contains("1 abandoned store: plasma reap --all"), "{text}");

    let reaped = user.json(&["reap", "--all"]);
    let removed = reaped.as_array().unwrap().iter().filter(|row| row["removed"] == true);
    let removed: Vec<_> = removed.map(|row| row["store"].as_str().unwrap()).collect();
    assert_eq!(removed, [&old]);
    assert!(!exists(&old) && exists(&used));
    let stores = user.json(&["stores"]);
    assert_eq!(stores.as_array().unwrap().len(), 2, "{stores:#}");
    run.end().ok();

    let old = user.abandon();
    let text = user.run(&["reap", "--all"]).ok();
    assert!(text.contains(&format!("{old}: removed, since its last client was killed")), "{text}");
    assert_eq!(user.run(&["stores"]).ok().lines().count(), 2);
}

#[test]
fn reap_all_takes_back_what_the_dead_left_in_each_store() {
    let Some(user) = User::new("reap_all_takes_back") else { return };
    let stores = ["one", "two"].map(|word| format!("{}/{word}", user.directory()));
    for store in &stores {
        let word = store.rsplit('/').next().unwrap();
        user.run(&["create", "-s", word, "-c", "1M"]).ok();
        let mut writer = user.start(&["put", "-", "-s", store]);
        writer.write(&pattern(50_000));
        let stat = ["stat", "-s", store, "--json"];
        while !user.run(&stat).ok().contains("\"objects_writing\":1") {}
        writer.signal("KILL");
        writer.end();
        assert_eq!(user.listed(store)["dead_clients"], 1);
    }
    // A store that cannot be read does not keep the others from being reaped.
    let strange = format!("{}/a", user.directory());
    std::fs::create_dir(&strange).unwrap();
    std::fs::write(format!("{strange}/index"), "no index").unwrap();
    std::os::unix::fs::chown(&strange, Some(user.uid), None).unwrap();
    std::os::unix::fs::chown(format!("{strange}/index"), Some(user.uid), None).unwrap();
    assert_eq!(user.listed(&strange)["state"], "unreadable");
    let ran = user.run(&["reap", "--all", "--json"]);
    ran.fails(1, &[&strange]);
    let reaped: Value = serde_json::from_str(&ran.stdout()).unwrap();
    for store in &stores {
        let row = reaped.as_array().unwrap().iter().find(|row| row["store"] == *store).unwrap();
        assert_eq!((&row["reaped_clients"], &row["removed"]), (&1.into(), &false.into()));
        assert_eq!(user.listed(store)["dead_clients"], 0);
    }
    user.run(&["reap", "--all", "-s", "one"]).fails(2, &["--store"]);
}
