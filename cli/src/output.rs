//! Standard output: buffered, with errors reported, and safe for terminals.

use crate::failure::Result;
use std::borrow::Cow;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

/// The flag of commands that can write JSON.
#[derive(clap::Args)]
pub struct Json {
    /// Write JSON, for programs
    #[arg(long, display_order = 800)]
    pub json: bool,
}

/// Standard output, to be flushed at the end so that its errors are seen.
pub type Out = BufWriter<StdoutLock<'static>>;

/// Standard output.
pub fn stdout() -> Out {
    BufWriter::new(io::stdout().lock())
}

/// Whether a person reads standard output.
pub fn for_people() -> bool {
    io::stdout().is_terminal()
}

/// Write one JSON value, indented for people, otherwise in one line.
pub fn json(value: &serde_json::Value) -> Result<()> {
    let mut out = stdout();
    match for_people() {
        true => writeln!(out, "{value:#}")?,
        false => writeln!(out, "{value}")?,
    }
    Ok(out.flush()?)
}

/// Write one line.
pub fn line(line: impl std::fmt::Display) -> Result<()> {
    let mut out = stdout();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// Untrusted text made safe for a terminal: control characters are shown as escapes.
pub fn safe(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let each = |c: char| match is_unsafe(c) {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    Cow::Owned(text.chars().map(each).collect())
}

/// [`safe`] text with line breaks as spaces.
pub fn one_line(text: &str) -> String {
    safe(&text.replace('\n', " ")).into_owned()
}

/// Control characters, and those that change the direction of text.
fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text quoted so that a shell takes it for one word.
pub fn word(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:,@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("'{}'", text.replace('\'', "'\\''")))
}

/// "1 client", "2 clients".
pub fn count(n: u64, what: &str) -> String {
    match n {
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_controls_a_terminal_is_shown_and_not_sent() {
        assert_eq!(safe("plain \u{e9}"), "plain \u{e9}");
        assert_eq!(safe("a\u{1b}[2J\n"), "a\\u{1b}[2J\\n");
        assert_eq!(safe("\u{202e}txt"), "\\u{202e}txt");
        assert_eq!(one_line("a\nb"), "a b");
    }

    #[test]
    fn words_are_quoted_where_a_shell_needs_it() {
        assert_eq!(word("/dev/shm/a.b"), "/dev/shm/a.b");
        assert_eq!(word("it's"), "'it'\\''s'");
        assert_eq!(word(""), "''");
    }
}
