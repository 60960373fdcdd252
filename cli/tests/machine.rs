//! doctor, bench, map, completions, share.

mod common;

use common::{PLASMA, Sandbox, pattern};
use serde_json::Value;
use std::path::Path;

/// A directory that looks like a machine without problems.
fn machine(sandbox: &Sandbox) -> String {
    let root = sandbox.path("machine");
    let files = [
        ("proc/sys/kernel/osrelease", "6.12.0\n"),
        ("proc/self/cgroup", "0::/user/mine\n"),
        ("proc/self/limits", "Max open files  4096  4096  files\n"),
        ("sys/kernel/mm/transparent_hugepage/shmem_enabled", "always [advise] never deny\n"),
        ("sys/fs/cgroup/user/mine/memory.max", "max\n"),
        ("sys/fs/cgroup/user/mine/memory.current", "1000\n"),
        ("etc/passwd", "root:x:0:0::/root:/bin/sh\n"),
    ];
    for (path, text) in files {
        change(&root, path, text);
    }
    let shm = Path::new(&root).join("dev/shm");
    std::fs::create_dir_all(&shm).unwrap();
    mode(&shm, 0o1777);
    root
}

fn change(root: &str, path: &str, text: &str) {
    let path = Path::new(root).join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

fn doctor(sandbox: &Sandbox, root: &str) -> Vec<Value> {
    let out = sandbox.run(&["doctor", "--root", root, "--json"]).stdout();
    serde_json::from_str(&out).unwrap()
}

/// The finding at this level that has all these words in its text or its advice.
fn expect(findings: &[Value], level: &str, words: &[&str]) {
    let fits = |finding: &&Value| {
        finding["level"] == level && words.iter().all(|word| finding.to_string().contains(word))
    };
    assert!(findings.iter().any(|finding| fits(&finding)), "{level} {words:?} in {findings:#?}");
}

#[test]
fn doctor_is_content_with_a_sound_machine() {
    let sandbox = Sandbox::new();
    let root = machine(&sandbox);
    let findings = doctor(&sandbox, &root);
    assert!(findings.iter().all(|finding| finding["level"] != "problem"), "{findings:#?}");
    for about in ["/dev/shm", "kernel", "huge pages", "memory group", "limits"] {
        assert!(findings.iter().any(|finding| finding["about"] == about), "{about}");
    }
    let text = sandbox.run(&["doctor", "--root", &root]).ok();
    assert!(text.contains("ok       kernel       Linux 6.12.0\n"), "{text}");
    // The findings about this machine may be any, but each kind is there.
    let ran = sandbox.run(&["doctor"]);
    assert!(matches!(ran.code(), Some(0 | 9)), "{}", ran.stderr());
}

#[test]
fn doctor_names_what_is_wrong_and_the_command_that_mends_it() {
    let sandbox = Sandbox::new();
    let root = machine(&sandbox);
    mode(&Path::new(&root).join("dev/shm"), 0o755);
    change(&root, "proc/sys/kernel/osrelease", "5.10.0-8-amd64\n");
    change(&root, "sys/fs/cgroup/user/memory.max", "100000000\n");
    change(&root, "sys/fs/cgroup/user/memory.current", "90000000\n");
    change(&root, "sys/kernel/mm/transparent_hugepage/shmem_enabled", "always [deny]\n");
    let limits = "Max file size  1048576  1048576  bytes\nMax open files  64  64  files\n\
                  Max address space  1000000000  unlimited  bytes\n";
    change(&root, "proc/self/limits", limits);
    change(&root, ".dockerenv", "");
    let findings = doctor(&sandbox, &root);
    expect(&findings, "problem", &["0755", "chmod 1777 /dev/shm"]);
    expect(&findings, "note", &["5.10.0", "futex_waitv", "5.16"]);
    expect(&findings, "problem", &["9.5 MiB of 95.4 MiB", "> /sys/fs/cgroup/user/memory.max"]);
    expect(&findings, "note", &["denies", "echo never"]);
    expect(&findings, "problem", &["1.0 MiB", "ulimit -f unlimited"]);
    expect(&findings, "note", &["64 open files", "ulimit -n"]);
    expect(&findings, "note", &["ulimit -v unlimited"]);
    expect(&findings, "note", &["container", "--ipc"]);
    sandbox.run(&["doctor", "--root", &root]).fails(9, &["problems found"]);
    std::fs::remove_dir(Path::new(&root).join("dev/shm")).unwrap();
    expect(&doctor(&sandbox, &root), "problem", &["no /dev/shm", "mount -t tmpfs"]);
}

#[test]
fn doctor_finds_distributions_that_overwrite_ours() {
    let sandbox = Sandbox::new();
    let root = machine(&sandbox);
    let place = "usr/local/lib/python3.11/dist-packages";
    change(&root, &format!("{place}/plasma-2.1.dist-info/METADATA"), "Name: plasma\n");
    change(&root, &format!("{place}/libplasma-0.3-py3.11.egg-info/PKG-INFO"), "Name: libplasma\n");
    let about = |findings: &[Value]| findings.iter().any(|finding| finding["about"] == "Python");
    assert!(!about(&doctor(&sandbox, &root)), "ours is not there");
    change(
        &root,
        &format!("{place}/plasma_store-0.1.0.dist-info/METADATA"),
        "Name: plasma-store\n",
    );
    let mend = "pip uninstall libplasma plasma; then pip install --force-reinstall plasma-store";
    expect(&doctor(&sandbox, &root), "problem", &[place, "libplasma 0.3, plasma 2.1", mend]);
}

#[test]
fn doctor_finds_what_dead_processes_left() {
    let sandbox = Sandbox::new();
    let root = machine(&sandbox);
    let uid = rustix::process::geteuid().as_raw();
    let own = Path::new(&root).join(format!("dev/shm/plasma-{uid}"));
    std::fs::create_dir_all(own.join(".half.0123456789abcdef.tmp")).unwrap();
    mode(&own, 0o755);
    let half = own.join(".half.0123456789abcdef.tmp");
    let touched = std::process::Command::new("touch").args(["-d", "1 hour ago"]).arg(half).status();
    assert!(touched.unwrap().success());
    std::fs::create_dir(own.join("strange")).unwrap();
    std::fs::write(own.join("strange/index"), "no index").unwrap();

    let mut writer = sandbox.start(&["put", "-"]);
    writer.write(b"1");
    sandbox.until(&["stat"], |stat| stat["objects_writing"] == 1);
    writer.signal("STOP");
    sandbox.until(&["stat"], |stat| stat["clients"][0]["condition"] == "stopped");
    let findings = doctor(&sandbox, &root);
    expect(&findings, "problem", &[".half.0123456789abcdef.tmp", "rm -r"]);
    expect(&findings, "problem", &["0755", "chmod 700"]);
    expect(&findings, "problem", &["strange", "rm -r"]);
    expect(&findings, "note", &[&sandbox.store(), "is stopped", "kill -CONT"]);
    writer.signal("KILL");
    sandbox.until(&["stat"], |stat| stat["clients"][0]["condition"] == "dead");
    expect(&doctor(&sandbox, &root), "problem", &["1 dead client", "plasma reap -s"]);
    sandbox.run(&["reap"]).ok();
    expect(&doctor(&sandbox, &root), "note", &["no client uses it", "plasma destroy -s"]);
}

#[test]
fn doctor_finds_the_store_of_a_run_that_was_killed() {
    let sandbox = Sandbox::new();
    let root = machine(&sandbox);
    let own = format!("{root}/dev/shm/plasma-{}", rustix::process::geteuid().as_raw());
    std::fs::create_dir(&own).unwrap();
    mode(Path::new(&own), 0o700);
    let store = format!("{own}/job");
    let mut run = sandbox.start(&["run", "-s", &store, "--", "sh", "-c", "echo ready; read end"]);
    assert_eq!(run.line(), "ready");
    expect(&doctor(&sandbox, &root), "ok", &[&store, "used by 1 client"]);
    run.signal("KILL");
    run.end();
    let mend = format!("plasma destroy -y -s {store}");
    expect(&doctor(&sandbox, &root), "problem", &[&store, &mend]);
    sandbox.run(&["destroy", "-y", "-s", &store]).ok();
    assert!(doctor(&sandbox, &root).iter().all(|finding| finding["level"] != "problem"));
}

/// The command under a shell with a limit on file sizes, in blocks of the shell.
fn limited(sandbox: &Sandbox, blocks: u32, args: &[&str]) -> std::process::Command {
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &format!("ulimit -f {blocks}; exec \"$@\""), "sh", PLASMA]).args(args);
    command.env("PLASMA_STORE", sandbox.store());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    command
}

#[test]
fn doctor_tells_of_a_limit_on_file_sizes_under_that_limit() {
    let sandbox = Sandbox::new();
    for blocks in [0, 1] {
        let ran = common::Ran::new(limited(&sandbox, blocks, &["doctor"]), b"");
        ran.fails(9, &["found"]);
        let out = ran.stdout();
        assert!(out.contains("no store can be created or opened"), "{out}");
        assert!(out.contains("-> ulimit -f unlimited"), "{out}");
        assert!(!out.contains("rm -r"), "nothing is wrong with the store: {out}");

        // The file takes nothing or a part, so the report goes to stderr.
        let file = sandbox.path("report");
        let mut command = limited(&sandbox, blocks, &["doctor"]);
        command.stdout(std::fs::File::create(&file).unwrap());
        let ran = common::Ran::new(command, b"");
        assert_eq!(ran.code(), Some(6), "{}", ran.stderr());
        let (report, last) = ran
            .stderr()
            .trim_end()
            .rsplit_once('\n')
            .map(|(report, last)| (report.to_owned(), last.to_owned()))
            .unwrap();
        assert!(report.contains("-> ulimit -f unlimited"), "{report}");
        assert!(last.contains("standard output") && last.contains("ulimit -f"), "{last}");
    }
}

#[test]
fn a_limit_on_file_sizes_is_an_error_and_no_death() {
    let sandbox = Sandbox::new();
    sandbox.put("large", &pattern(40 << 20));
    let run = |args: &[&str]| common::Ran::new(limited(&sandbox, 32768, args), b"");
    let out = sandbox.path("out");
    run(&["get", "large", "-o", &out]).fails(6, &[&out, "ulimit -f"]);
    assert!(!Path::new(&out).exists() && sandbox.names() == ["store"], "{:?}", sandbox.names());
    let mut cat = limited(&sandbox, 32768, &["cat", "large"]);
    cat.stdout(std::fs::File::create(&out).unwrap());
    common::Ran::new(cat, b"").fails(6, &["standard output", "ulimit -f"]);
    run(&["create", "-s", &sandbox.path("other"), "-c", "40M"]).fails(6, &["ulimit -f"]);
    // A command of `run` gets the default of the signal.
    let script = format!("head -c 40000000 /dev/zero > {out}");
    let ran = run(&["run", "-c", "512k", "sh", "-c", &script]);
    assert_eq!(ran.code(), Some(128 + 25), "{}", ran.stderr());
}

#[test]
fn doctor_tells_bytes_from_files_that_are_missing() {
    let name = "doctor_tells_bytes_from_files_that_are_missing";
    let sandbox = Sandbox::new();
    let root = machine(&sandbox);
    let shm = format!("{root}/dev/shm");
    let Some(_mount) = common::Mount::tmpfs(&shm, "size=256m,nr_inodes=4,mode=1777") else {
        return common::skip(name, "a small file system cannot be mounted here");
    };
    expect(&doctor(&sandbox, &root), "problem", &["of 4 files are left", "df -i", "nr_inodes="]);
    let store = format!("{shm}/store");
    sandbox.run(&["create", "-s", &store, "-c", "1M"]).fails(6, &["df -i"]);
}

#[test]
fn doctor_tells_a_store_that_is_not_there_from_one_that_cannot_be() {
    let sandbox = Sandbox::empty();
    let root = machine(&sandbox);
    expect(&doctor(&sandbox, &root), "note", &["there is no store", "plasma create"]);
    let mut command = sandbox.command(&["doctor", "--root", &root, "--json"]);
    command.env("PLASMA_STORE", "no store!");
    let out = common::Ran::new(command, b"").stdout();
    let findings: Vec<Value> = serde_json::from_str(&out).unwrap();
    expect(&findings, "problem", &["PLASMA_STORE"]);
}

#[test]
fn logind_is_told_apart_from_one_that_keeps() {
    let sandbox = Sandbox::new();
    let root = machine(&sandbox);
    assert!(doctor(&sandbox, &root).iter().all(|finding| finding["about"] != "RemoveIPC"));
    std::fs::create_dir_all(Path::new(&root).join("run/systemd/system")).unwrap();
    let name = "logind_is_told_apart_from_one_that_keeps";
    if !common::is_root() {
        return common::skip(name, "only root can become another user");
    }
    expect(&doctor(&sandbox, &root), "ok", &["RemoveIPC", "system users"]);
    change(&root, "etc/passwd", "someone:x:54321:54321::/:/bin/sh\n");
    let binary = sandbox.binary();
    let other = || -> Vec<Value> {
        let mut command = std::process::Command::new(&binary);
        command.args(["doctor", "--root", &root, "--json"]);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        std::os::unix::process::CommandExt::uid(&mut command, 54321);
        serde_json::from_str(&common::Ran::new(command, b"").stdout()).unwrap()
    };
    expect(&other(), "note", &["someone", "loginctl enable-linger someone"]);
    change(&root, "etc/systemd/logind.conf", "[Login]\nRemoveIPC=no\n");
    expect(&other(), "ok", &["RemoveIPC", "it is off"]);
    change(&root, "etc/systemd/logind.conf.d/9.conf", "[Login]\nRemoveIPC=yes\n");
    expect(&other(), "note", &["enable-linger"]);
    change(&root, "var/lib/systemd/linger/someone", "");
    expect(&other(), "ok", &["someone lingers"]);
}

#[test]
fn map_draws_every_stretch_of_the_heap() {
    let sandbox = Sandbox::new();
    sandbox.put("held", &pattern(4 << 20));
    sandbox.put("<odd> & \"name\"\u{1}", &pattern(1 << 20));
    let reader = sandbox.start(&["cat", "held"]);
    sandbox.until(&["ls", "--held"], |list| list[0]["lease_count"] == 1);
    let mut writer = sandbox.start(&["put", "-"]);
    writer.write(b"1");
    sandbox.until(&["stat"], |stat| stat["objects_writing"] == 1);

    let out = sandbox.path("heap.svg");
    assert_eq!(sandbox.run(&["map", "-o", &out]).ok(), "");
    let svg = std::fs::read_to_string(&out).unwrap();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert!(svg.contains("held: sealed, "), "no title for the object that is held");
    assert!(svg.contains("1 lease, 4.0 MiB at "), "no word of its lease");
    assert!(svg.contains("&lt;odd&gt; &amp; &quot;name&quot;\\u{1}"), "the name is not escaped");
    for colour in ["#a1d99b", "#9ecae9", "#f0a830", "#e9e9e9", "url(#none)"] {
        // Once in the legend, and in the picture.
        assert!(svg.matches(&format!("fill=\"{colour}\"")).count() >= 2, "{colour}");
    }
    well_formed(&svg);
    assert_eq!(sandbox.run(&["map", "-o", "-"]).ok().lines().count(), svg.lines().count());

    let text = sandbox.run(&["map"]).ok();
    assert!(text.contains("4.0 MiB  L leased") && text.contains("W being written"), "{text}");
    assert!(text.contains("LLLL"), "{text}");
    let map = sandbox.json(&["map"]);
    let blocks = map["blocks"].as_array().unwrap();
    let used: u64 = blocks.iter().map(|block| block["size"].as_u64().unwrap()).sum();
    assert_eq!(used + map["free"].as_u64().unwrap(), 64 << 20);
    drop((reader, writer));
    sandbox.run(&["map", "-o", "/nonesuch/x.svg"]).fails(1, &["/nonesuch/x.svg"]);
}

/// Whether every tag that is opened is closed.
fn well_formed(xml: &str) {
    let mut open = Vec::new();
    for tag in xml.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap();
        let name = tag.split_whitespace().next().unwrap();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None if tag.ends_with('/') => {}
            None => open.push(name),
        }
    }
    assert_eq!(open, [""; 0]);
}

#[test]
fn bench_measures_and_judges_within_its_time() {
    let sandbox = Sandbox::empty();
    let begun = std::time::Instant::now();
    let numbers = sandbox.json(&["bench", "--seconds", "1"]);
    assert!(begun.elapsed() < common::HANG);
    for what in [
        "get_release_ns",
        "put_delete_ns",
        "hand_over_ns",
        "copy_bytes_per_s",
        "first_copy_bytes_per_s",
        "memcpy_bytes_per_s",
        "wake_ns",
    ] {
        assert!(numbers[what].as_f64().unwrap() > 1.0, "{what} in {numbers}");
    }
    assert!(numbers["verdict"].as_str().unwrap().ends_with('.'));
    let text = sandbox.run(&["bench", "--seconds", "1"]).ok();
    assert!(text.contains("floor: memcpy") && text.contains("% of memcpy"), "{text}");
    sandbox.run(&["bench", "--seconds", "61"]).fails(2, &["61"]);
}

#[test]
fn completions_and_manual_pages_are_made() {
    let sandbox = Sandbox::empty();
    for shell in ["bash", "zsh", "fish"] {
        assert!(sandbox.run(&["completions", shell]).ok().contains("plasma"), "{shell}");
    }
    sandbox.run(&["completions", "cmd"]).fails(2, &["cmd"]);
    let share = sandbox.path("share");
    assert_eq!(sandbox.run(&["share", &share]).ok(), "");
    let man = std::fs::read_to_string(format!("{share}/man/man1/plasma-get.1")).unwrap();
    assert!(man.contains(".TH plasma-get 1") && man.contains("ID|NAME"), "{man}");
    let main = std::fs::read_to_string(format!("{share}/man/man1/plasma.1")).unwrap();
    assert!(main.contains("permission denied") && main.contains("plasma\\-top(1)"), "{main}");
    let bash = format!("{share}/bash-completion/completions/plasma");
    let script = format!(
        ". {bash}; COMP_WORDS=(plasma des); COMP_CWORD=1; \
                          _plasma plasma des plasma; echo \"${{COMPREPLY[@]}}\""
    );
    let out = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), "destroy");
    let paths = [
        "zsh/site-functions/_plasma",
        "fish/vendor_completions.d/plasma.fish",
        "man/man1/plasma-store-server.1",
    ];
    for path in paths {
        assert!(Path::new(&share).join(path).is_file(), "{path}");
    }
    sandbox.run(&["share", "/proc/nonesuch"]).fails(1, &["/proc/nonesuch"]);
}
