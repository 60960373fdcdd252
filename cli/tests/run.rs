//! `plasma run`.

mod common;

use common::{PLASMA, Sandbox};

#[test]
fn the_command_gets_a_store_of_its_own_that_goes_afterwards() {
    let sandbox = Sandbox::empty();
    let script = format!(
        "case $PLASMA_STORE in /*) ;; *) exit 9;; esac; echo hi | {PLASMA} put - -n x >&2; \
         {PLASMA} cat x; {PLASMA} stat --json >&2; echo $PLASMA_STORE"
    );
    let ran = sandbox.run(&["run", "-c", "2M", "--", "sh", "-c", &script]);
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    let out = ran.stdout();
    let (first, store) = out.trim().split_once('\n').unwrap();
    assert_eq!(first, "hi");
    assert!(!std::path::Path::new(store).exists(), "{store} is left");
    assert_ne!(store, sandbox.store());
    assert!(ran.stderr().contains("\"capacity\":2097152"), "{}", ran.stderr());
}

#[test]
fn the_store_may_be_named_and_must_be_new() {
    let sandbox = Sandbox::empty();
    let ran = sandbox.run(&["run", "-s", "./mine", "sh", "-c", "echo $PLASMA_STORE"]);
    assert_eq!(ran.ok().trim(), sandbox.path("mine"));
    assert_eq!(sandbox.names(), [""; 0]);
    sandbox.run(&["create"]).ok();
    sandbox.run(&["run", "-s", &sandbox.store(), "true"]).fails(125, &["exists"]);
    sandbox.run(&["stat"]).ok();
}

#[test]
fn its_exit_code_is_that_of_the_command() {
    let sandbox = Sandbox::empty();
    for code in [0, 1, 7, 255] {
        let ran = sandbox.run(&["run", "sh", "-c", &format!("exit {code}")]);
        assert_eq!(ran.code(), Some(code), "{}", ran.stderr());
        assert_eq!(ran.stderr(), "");
    }
    assert_eq!(sandbox.run(&["run", "sh", "-c", "kill -KILL $$"]).code(), Some(128 + 9));
    sandbox.run(&["run", "nonesuch-command"]).fails(127, &["nonesuch-command", "no such file"]);
    sandbox.run(&["run", "/etc/passwd"]).fails(126, &["/etc/passwd", "permission denied"]);
    sandbox.run(&["run"]).fails(2, &["COMMAND"]);
}

#[test]
fn signals_go_on_to_the_command() {
    let sandbox = Sandbox::empty();
    for signal in ["TERM", "INT", "HUP", "USR1"] {
        // Not one command that blocks: a shell may begin it after it has looked for signals.
        let loops = "while :; do sleep 0.01; done";
        let script = format!("trap 'echo got; exit 33' {signal}; echo ready; {loops}");
        let mut run = sandbox.start(&["run", "-s", &sandbox.store(), "--", "sh", "-c", &script]);
        assert_eq!(run.line(), "ready");
        run.signal(signal);
        let ran = run.ended();
        assert_eq!((ran.code(), ran.stdout().as_str()), (Some(33), "got\n"), "{signal}");
        assert_eq!(sandbox.names(), [""; 0], "{signal}");
    }
}

#[test]
fn a_signal_that_was_ignored_before_stays_ignored() {
    let sandbox = Sandbox::empty();
    let mut command = std::process::Command::new("sh");
    let script = format!("trap '' HUP; exec {PLASMA} run sh -c 'kill -HUP $$; echo alive'");
    command.args(["-c", &script]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    command.env("PLASMA_STORE", sandbox.store());
    assert_eq!(common::Ran::new(command, b"").ok(), "alive\n");
}

#[test]
fn what_the_command_leaves_behind_does_not_keep_the_store() {
    let sandbox = Sandbox::empty();
    // The child outlives the command, and holds an object.
    let script = format!(
        "head -c 1000000 /dev/zero | {PLASMA} put - -n x; \
         ( {PLASMA} cat x | {{ head -c 1; read line < fifo; }} ) > /dev/null 2>&1 & \
         until {PLASMA} ls --held -q | grep -q .; do :; done"
    );
    let fifo = sandbox.path("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let held = std::fs::OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    let ran = sandbox.run(&["run", "-s", &sandbox.store(), "--", "sh", "-c", &script]);
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    assert_eq!(sandbox.names(), ["fifo"]);
    std::io::Write::write_all(&mut &held, b"end\n").unwrap();
}
