//! docs/guide/command.md describes the program as it is.

mod common;

use common::Sandbox;
use std::collections::BTreeSet;

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/guide/command.md");
    std::fs::read_to_string(path).unwrap()
}

/// The code between backticks in a text.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The subcommands that `plasma --help` lists.
fn subcommands(sandbox: &Sandbox) -> BTreeSet<String> {
    let help = sandbox.run(&["--help"]).ok();
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let lines = list.lines().take_while(|line| !line.is_empty());
    let names = lines
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned));
    names.filter(|name| name != "help").collect()
}

#[test]
fn each_subcommand_has_its_row_and_no_other_has() {
    let (page, sandbox) = (page(), Sandbox::empty());
    let (table, _) = page.split_once("\n## ").unwrap();
    let firsts = table.lines().filter_map(|line| line.strip_prefix("| `")?.split(" |").next());
    let rows: BTreeSet<String> = firsts
        .flat_map(|first| first.split(", "))
        .filter_map(|name| name.trim_matches('`').split_whitespace().next())
        .map(|name| name.trim_matches('`').to_owned())
        .collect();
    assert_eq!(rows, subcommands(&sandbox));
}

#[test]
fn each_option_it_names_is_one_of_that_subcommand() {
    let (page, sandbox) = (page(), Sandbox::empty());
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let mut cells = row.trim_matches('|').splitn(2, " | ");
        let (first, text) = (cells.next().unwrap(), cells.next().unwrap());
        let name = |code: &str| code.split_whitespace().next().unwrap().to_owned();
        let names: Vec<String> = code(first).map(name).collect();
        let help = |name: &String| sandbox.run(&[name, "--help"]).ok();
        let help: String = names.iter().map(help).collect();
        for option in code(text).filter(|code| code.starts_with('-')) {
            let option = option.split_whitespace().next().unwrap();
            let is_there = |line: &str| line.split([' ', ',']).any(|word| word == option);
            assert!(help.lines().any(is_there), "{option} of {names:?} is not in\n{help}");
        }
    }
}

#[test]
fn its_exit_codes_are_those_of_the_help() {
    let page = page();
    let cells = |line: &str| {
        let mut cells = line.trim().strip_prefix("| ")?.strip_suffix(" |")?.splitn(2, " | ");
        Some((cells.next()?.parse::<u8>().ok()?, cells.next()?.replace('`', "")))
    };
    let documented: Vec<_> = page.lines().filter_map(cells).collect();
    let help = Sandbox::empty().run(&["--help"]).ok();
    let (_, list) = help.split_once("Exit codes:\n").unwrap();
    let lines = list.lines().take_while(|line| !line.is_empty());
    let told = lines.map(|line| {
        let (code, text) = line.trim().split_once(' ').unwrap();
        (code.parse().unwrap(), text.trim().to_owned())
    });
    // Commas depend on the lines of the page.
    let plain = |(code, text): (u8, String)| (code, text.replace([',', ':'], ""));
    assert_eq!(
        documented.into_iter().map(plain).collect::<Vec<_>>(),
        told.map(plain).collect::<Vec<_>>()
    );
}
