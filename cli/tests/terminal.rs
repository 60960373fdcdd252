//! Differences on a terminal: questions, the progress bar, short ids, ^C.

mod common;

use common::Sandbox;
use common::screen::Screen;

#[test]
fn destroy_asks_on_a_terminal() {
    let sandbox = Sandbox::new();
    let name = "destroy_asks_on_a_terminal";
    let script = "$P destroy; echo first $?; $P destroy; echo second $?; read end";
    let Some(screen) = Screen::open(name, &sandbox, (100, 20), script) else {
        return;
    };
    let text = screen.shows("[y/N]");
    assert!(text.contains("with 0 objects (0 B), used by 0 other clients"), "{text}");
    screen.press(&["n", "Enter"]);
    screen.shows("first 1");
    sandbox.run(&["stat"]).ok();
    screen.until("second question", |text| text.matches("[y/N]").count() == 2);
    screen.press(&["y", "Enter"]);
    screen.shows("second 0");
    sandbox.run(&["stat"]).fails(4, &["there is no store"]);
}

#[test]
fn what_takes_long_shows_how_far_it_is() {
    let sandbox = Sandbox::new();
    let name = "what_takes_long_shows_how_far_it_is";
    let fifo = sandbox.path("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let mut source = std::fs::OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    let script = "$P put fifo -n x > id; echo ended $?; read end";
    let script = format!("cd {}; {script}", sandbox.directory.display());
    let Some(screen) = Screen::open(name, &sandbox, (80, 10), &script) else { return };
    // Send a piece from time to time, until it is slow enough for a bar.
    let text = screen.until("bar", |text| {
        std::io::Write::write_all(&mut source, &[1; 1024]).unwrap();
        text.contains("/s")
    });
    assert!(text.contains("fifo") && text.contains("KiB"), "{text}");
    drop(source);
    let text = screen.shows("ended 0");
    assert!(!text.contains("/s"), "the bar stays:\n{text}");
}

#[test]
fn what_is_not_text_is_not_written_to_a_terminal() {
    let sandbox = Sandbox::new();
    let name = "what_is_not_text_is_not_written_to_a_terminal";
    sandbox.put("text", b"some text\n");
    sandbox.put("binary", b"\0\x01\x02");
    let script = "$P get text; $P get binary; echo ended $?; read end";
    let Some(screen) = Screen::open(name, &sandbox, (100, 20), script) else { return };
    let text = screen.shows("ended 2");
    assert!(text.contains("some text\n") && text.contains("-o FILE"), "{text}");
}

#[test]
fn tables_fit_the_terminal() {
    let sandbox = Sandbox::new();
    sandbox.put(&"long-".repeat(40), b"1");
    let script = "$P ls; echo ended $?; read end";
    let Some(screen) = Screen::open("tables_fit_the_terminal", &sandbox, (80, 20), script) else {
        return;
    };
    let text = screen.shows("ended 0");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[1].ends_with('\u{2026}') && lines[2] == "ended 0", "{text}");
    assert!(lines[1].split(' ').next().is_some_and(|id| id.len() == 12), "{text}");
}

#[test]
fn an_interrupt_from_the_terminal_comes_once() {
    let sandbox = Sandbox::empty();
    let name = "an_interrupt_from_the_terminal_comes_once";
    let command = "trap \"echo got\" INT; echo ready; \
                   until test \"$line\" = over; do read line; done; exit 3";
    let script = format!("trap : INT; $P run -- sh -c '{command}'; echo ended $?; read end");
    let Some(screen) = Screen::open(name, &sandbox, (100, 20), &script) else { return };
    screen.shows("ready");
    screen.press(&["C-c"]);
    screen.shows("got");
    screen.press(&["over", "Enter"]);
    let text = screen.shows("ended 3");
    assert_eq!(text.matches("got").count(), 1, "{text}");
}
