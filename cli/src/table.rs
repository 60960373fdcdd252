//! Columns of text for people.

use crate::output::{Out, for_people};
use std::io::{self, Write};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How a column is aligned.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

/// A table whose last column may be cut to the width of the terminal.
pub struct Table {
    heads: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(heads: &[(&'static str, Align)]) -> Self {
        Self { heads: heads.to_vec(), rows: Vec::new() }
    }

    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Write the table, with bold heads on a terminal.
    pub fn write(&self, out: &mut Out) -> io::Result<()> {
        let heads: Vec<String> = self.heads.iter().map(|(head, _)| (*head).to_owned()).collect();
        let widths: Vec<usize> = (0..heads.len())
            .map(|i| self.rows.iter().chain([&heads]).map(|row| row[i].width()).max().unwrap_or(0))
            .collect();
        let room = if for_people() { columns() } else { usize::MAX };
        let (bold, plain) = if colours() { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        writeln!(out, "{bold}{}{plain}", self.line(&heads, &widths, room))?;
        for row in &self.rows {
            writeln!(out, "{}", self.line(row, &widths, room))?;
        }
        Ok(())
    }

    fn line(&self, cells: &[String], widths: &[usize], room: usize) -> String {
        let mut line = String::new();
        for (i, (cell, (_, align))) in cells.iter().zip(&self.heads).enumerate() {
            if i > 0 {
                line.push_str("  ");
            }
            let fill = " ".repeat(widths[i].saturating_sub(cell.width()));
            match align {
                Align::Right => line.extend([fill.as_str(), cell]),
                Align::Left => line.extend([cell.as_str(), &fill]),
            }
        }
        cut(line.trim_end(), room)
    }
}

/// At most `room` columns of `text`, with an ellipsis if it is cut.
pub fn cut(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let mut left = room.saturating_sub(1);
    let fits = |c: &char| {
        let width = c.width().unwrap_or(0);
        let fits = width <= left;
        left = left.saturating_sub(width);
        fits
    };
    let mut text: String = text.chars().take_while(fits).collect();
    text.push('\u{2026}');
    text
}

/// Whether to write colours: on a terminal, unless `$NO_COLOR` is set.
pub fn colours() -> bool {
    for_people() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stdout());
    match size.map_or(0, |size| size.ws_col) {
        0 => 80,
        columns => columns.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cutting_counts_columns() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab\u{2026}");
        assert_eq!(cut("\u{4f60}\u{597d}\u{4f60}", 4), "\u{4f60}\u{2026}");
    }
}
