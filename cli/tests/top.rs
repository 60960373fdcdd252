//! `plasma top`, on screens.

mod common;

use common::screen::Screen;
use common::{Sandbox, pattern};

/// A store with objects, and a screen of this size that shows it.
fn top(test: &str, size: (u16, u16), args: &str) -> Option<(Sandbox, Screen)> {
    let sandbox = Sandbox::new();
    for (name, len) in [("small", 1_000), ("large", 3 << 20), ("middle", 1 << 20)] {
        sandbox.put(name, &pattern(len));
    }
    let script = format!("$P top {args}; echo \"ended $?\"; stty -a; read end");
    let screen = Screen::open(test, &sandbox, size, &script)?;
    Some((sandbox, screen))
}

/// The names of the objects, in the order of the screen.
fn order(text: &str) -> Vec<&str> {
    let names = ["small", "large", "middle"];
    let rows = text.lines().skip_while(|line| !line.contains("HELD BY"));
    rows.filter_map(|row| row.split_whitespace().find(|word| names.contains(word))).collect()
}

#[test]
fn everything_fits_the_smallest_usual_screen() {
    let Some((sandbox, screen)) = top("everything_fits_the_smallest_usual_screen", (80, 24), "")
    else {
        return;
    };
    let mut writer = sandbox.start(&["put", "-", "-n", "half"]);
    writer.write(b"1");
    // The screen may be read while it is being drawn.
    let all = ["1 being written", "4 objects", "1 client ", " half ", "q quit", "largest 3.0 MiB"];
    let text = screen.until("picture", |text| all.iter().all(|words| text.contains(words)));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 24, "{text}");
    assert!(lines[0].starts_with(&sandbox.store()) && lines[0].contains("mode 0600"), "{text}");
    assert!(lines[1].contains("of 64.0 MiB used, 8%") && lines[1].contains("fragmented"), "{text}");
    assert!(lines[2].starts_with("3 sealed, 1 being written, 0 deleted"), "{text}");
    assert!(lines[3].contains("sealed/s"), "{text}");
    assert!(lines[4].contains("largest 3.0 MiB, large; oldest"), "{text}");
    assert!(lines[5].contains("heap"), "{text}");
    assert!(lines[6].contains('\u{2588}'), "no map of the heap in\n{text}");
    assert!(text.contains("4 objects") && text.contains("1 client "), "{text}");
    assert!(text.contains(&format!("{} plasma", writer.pid())), "{text}");
    assert!(lines[23].contains("q quit"), "{text}");
    writer.end().ok();
    screen.shows("4 sealed, 0 being written");
}

#[test]
fn other_screens_show_what_there_is_room_for() {
    let name = "other_screens_show_what_there_is_room_for";
    let Some((_sandbox, wide)) = top(name, (160, 50), "") else { return };
    let whole = |text: &str| {
        text.contains("3 objects") && text.lines().last().is_some_and(|l| l.contains("q quit"))
    };
    let text = wide.until("picture", whole);
    assert!(text.contains("COMMAND") && text.contains("heap"), "{text}");
    let Some((_sandbox, small)) = top(name, (40, 10), "") else { return };
    let text = small.until("picture", whole);
    assert!(!text.contains("heap"), "{text}");
    let Some((_sandbox, tiny)) = top(name, (10, 2), "") else { return };
    tiny.shows("/dev");
    tiny.press(&["q"]);
    tiny.until("end", |text| !text.contains("/dev"));
}

#[test]
fn keys_sort_filter_and_delete() {
    let Some((sandbox, screen)) = top("keys_sort_filter_and_delete", (100, 30), "") else { return };
    let in_order = |head: &str, names: &[&str]| {
        screen.until(head, |text| text.contains(head) && order(text) == names);
    };
    in_order("SIZE\u{25bc}", &["large", "middle", "small"]);
    screen.press(&["s"]);
    in_order("AGE\u{25bc}", &["small", "large", "middle"]);
    screen.press(&["r"]);
    in_order("AGE\u{25b2}", &["middle", "large", "small"]);

    screen.press(&["/", "l", "a", "Enter"]);
    in_order("1 of 3 objects", &["large"]);
    screen.press(&["/", "Escape"]);
    screen.until("other objects", |text| !text.contains("of 3 objects"));

    screen.press(&["d"]);
    screen.shows("no object is selected");
    screen.press(&["Home"]);
    screen.shows("\u{25b6}");
    screen.press(&["d"]);
    screen.shows("Delete middle? y/n");
    screen.press(&["n"]);
    screen.shows("middle was not deleted");
    screen.press(&["d", "y"]);
    screen.shows("deleted middle");
    sandbox.run(&["get", "middle"]).fails(3, &["middle"]);

    screen.press(&["?"]);
    screen.shows("reverse the order");
    screen.press(&["x", "p"]);
    screen.shows("PAUSED");
    screen.press(&["p", "q"]);
    screen.shows("ended 0");
}

#[test]
fn clients_that_are_stopped_or_dead_are_shown() {
    let name = "clients_that_are_stopped_or_dead_are_shown";
    let Some((sandbox, screen)) = top(name, (80, 24), "-i 100ms") else { return };
    let mut writer = sandbox.start(&["put", "-"]);
    writer.write(b"1");
    sandbox.until(&["stat"], |stat| stat["objects_writing"] == 1);
    writer.signal("STOP");
    let row = format!("{} stopped", writer.pid());
    screen.shows(&row);
    writer.signal("KILL");
    screen.shows(&format!("{} dead", writer.pid()));
}

#[test]
fn the_terminal_is_as_before_however_it_ends() {
    let name = "the_terminal_is_as_before_however_it_ends";
    let restored = |screen: &Screen, ended: &str| {
        let text = screen.until("end", |text| text.contains(ended) && text.contains("icanon"));
        assert!(!text.contains("-icanon") && !text.contains("-echo "), "{text}");
        assert!(!text.contains("q quit"), "the other screen is still there:\n{text}");
    };
    let Some((_sandbox, screen)) = top(name, (100, 50), "") else { return };
    screen.shows("3 objects");
    screen.press(&["q"]);
    restored(&screen, "ended 0");

    let Some((sandbox, screen)) = top(name, (100, 50), "") else { return };
    screen.shows("3 objects");
    sandbox.run(&["destroy"]).ok();
    restored(&screen, "was removed");

    let Some((_sandbox, screen)) = top(name, (100, 50), "--crash 2>/dev/null") else { return };
    restored(&screen, "ended 1");
}

#[test]
fn a_signal_ends_it_and_restores_the_terminal() {
    let sandbox = Sandbox::new();
    let name = "a_signal_ends_it_and_restores_the_terminal";
    let script = "$P top; echo \"ended $?\"; stty -a; read end";
    let Some(screen) = Screen::open(name, &sandbox, (100, 50), script) else { return };
    screen.shows("0 objects");
    let stat = sandbox.until(&["stat"], |stat| stat["clients"][0]["pid"].is_number());
    let pid = stat["clients"][0]["pid"].to_string();
    assert!(std::process::Command::new("kill").arg(&pid).status().unwrap().success());
    let text = screen.until("end", |text| text.contains("ended 143") && text.contains("icanon"));
    assert!(!text.contains("-icanon"), "{text}");
}

#[test]
fn it_ends_with_its_terminal() {
    // The command must not read the end of a closed terminal forever.
    let name = "it_ends_with_its_terminal";
    let sandbox = Sandbox::new();
    let Some(screen) = Screen::open(name, &sandbox, (100, 50), "exec $P top") else { return };
    screen.shows("0 objects");
    let stat = sandbox.until(&["stat"], |stat| stat["clients"][0]["pid"].is_number());
    let pid = stat["clients"][0]["pid"].to_string();
    drop(screen);
    let process = std::path::Path::new("/proc").join(pid);
    let end = std::time::Instant::now() + common::HANG;
    while process.exists() {
        assert!(std::time::Instant::now() < end, "{process:?} is still there");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn without_a_terminal_it_says_what_else_there_is() {
    let sandbox = Sandbox::new();
    sandbox.run(&["top"]).fails(2, &["terminal", "plasma stat"]);
}

#[test]
fn rates_are_counted() {
    let name = "rates_are_counted";
    let Some((sandbox, screen)) = top(name, (80, 24), "--interval 200ms") else { return };
    screen.shows("0 sealed/s (0 B/s), 0 deleted/s");
    screen.until("rate", |text| {
        sandbox.put("come", &pattern(10_000));
        sandbox.run(&["rm", "come"]).ok();
        let rates = text.lines().find(|line| line.contains("sealed/s")).unwrap_or("0 sealed");
        !rates.starts_with("0 sealed") && !rates.contains("(0 B/s)") && !rates.contains(" 0 del")
    });
}
