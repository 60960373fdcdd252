//! The heap in letters, or in colours on a terminal.

use crate::heap::{Cell, Use, cells, stretches, totals};
use crate::limbo::Limbo;
use crate::output::{Out, safe};
use crate::table::colours;
use crate::units::size;
use plasma::HeapMap;
use std::io::{self, Write};

const COLUMNS: usize = 64;
const ROWS: usize = 16;

/// Draw it in rows, each with the offset of its first byte, with a legend and the holders of deleted
/// objects.
pub fn write(out: &mut Out, path: &str, map: &HeapMap, limbo: &Limbo) -> io::Result<()> {
    let colours = colours();
    let per_row = map.capacity / ROWS as u64;
    writeln!(out, "{}: {} in rows of {}", safe(path), size(map.capacity), size(per_row))?;
    for (i, row) in cells(map, COLUMNS * ROWS).chunks(COLUMNS).enumerate() {
        let row: String = row.iter().map(|cell| drawn(cell, colours)).collect();
        writeln!(out, "{:>10} |{row}|", size(map.capacity / ROWS as u64 * i as u64))?;
    }
    let totals = totals(&stretches(map));
    let full = |used| Cell { used, eighths: 8 };
    for (used, bytes) in totals.into_iter().filter(|(_, bytes)| *bytes > 0) {
        writeln!(out, "{:>10}  {} {}", size(bytes), drawn(&full(used), colours), used.words())?;
    }
    if let Some(held) = limbo.words() {
        writeln!(out, "            {held}")?;
    }
    if !colours {
        writeln!(out, "            small letters: less than half of it")?;
    }
    Ok(())
}

fn drawn(cell: &Cell, colours: bool) -> String {
    let letter = letter(cell.used);
    match (colours, cell.used) {
        (_, Use::Unbacked) => letter.to_string(),
        (true, Use::Free) => "\x1b[2m\u{b7}\x1b[0m".to_owned(),
        (true, used) => format!("\x1b[{}m{}\x1b[0m", colour(used), shade(cell)),
        (false, Use::Free) => letter.to_string(),
        (false, _) if cell.eighths < 4 => letter.to_ascii_lowercase().to_string(),
        (false, _) => letter.to_string(),
    }
}

fn letter(used: Use) -> char {
    match used {
        Use::Sealed => 'S',
        Use::Leased => 'L',
        Use::Writing => 'W',
        Use::Deleted => 'D',
        Use::Metadata => 'M',
        Use::Leaving => 'G',
        Use::Free => '.',
        Use::Unbacked => ' ',
    }
}

/// The number of the terminal's colour.
fn colour(used: Use) -> u8 {
    match used {
        Use::Sealed => 34,
        Use::Leased => 32,
        Use::Writing => 33,
        Use::Deleted => 31,
        Use::Metadata => 36,
        _ => 35,
    }
}

/// A letter or shade: fuller cells are darker.
pub fn shade(cell: &Cell) -> char {
    match cell.eighths {
        0..=2 => '\u{2591}',
        3..=5 => '\u{2592}',
        6..=7 => '\u{2593}',
        _ => '\u{2588}',
    }
}
