//! The heap as a picture.

use super::Names;
use crate::heap::{Stretch, Use, stretches, totals};
use crate::objects::state;
use crate::units::{now_us, size, span, timestamp};
use plasma::HeapMap;
use std::fmt::Write;

const LEFT: f64 = 90.0;
const WIDTH: f64 = 960.0;
const TOP: f64 = 84.0;
const ROW: f64 = 22.0;
const BAR: f64 = 18.0;
const LEGEND_COLUMNS: [f64; 4] = [0.0, 250.0, 500.0, 730.0];

/// A part narrower than this is merged with its neighbours of the same colour.
const THIN: f64 = 0.4;

/// Shades of age: an upper bound in seconds, its text, and the colours of objects that are not held and
/// of objects that are held.
const AGES: [(i64, &str, &str, &str); 4] = [
    (60, "under a minute", "#9ecae9", "#a1d99b"),
    (3600, "under an hour", "#5b9bd5", "#5cb85c"),
    (86400, "under a day", "#2f6db3", "#2e8b45"),
    (i64::MAX, "older", "#143d73", "#14592a"),
];

/// A rectangle of one row, to be written.
struct Piece {
    row: usize,
    from: f64,
    to: f64,
    fill: &'static str,
    title: String,
}

/// Draw the map.
pub fn draw(path: &str, map: &HeapMap, names: &Names) -> String {
    let now = now_us();
    let stretches = stretches(map);
    let rows = rows(map.capacity);
    let height = TOP + rows as f64 * ROW + 136.0;
    let total_width = LEFT + WIDTH + 30.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{total_width}\" height=\"{height}\" \
         viewBox=\"0 0 {total_width} {height}\" font-family=\"system-ui, sans-serif\" \
         font-size=\"12\" fill=\"#222\">\n<defs><pattern id=\"none\" width=\"6\" height=\"6\" \
         patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><rect width=\"6\" \
         height=\"6\" fill=\"#f6f6f6\"/><rect width=\"1.5\" height=\"6\" fill=\"#ddd\"/>\
         </pattern></defs>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    head(&mut svg, path, map, &stretches, now);
    for row in 0..rows {
        let y = TOP + row as f64 * ROW;
        let offset = size((map.capacity as f64 / rows as f64 * row as f64) as u64);
        text(&mut svg, LEFT - 8.0, y + 13.0, "end", "#666", &offset);
    }
    pieces(&mut svg, map, &stretches, names, rows, now);
    legend(&mut svg, &stretches, now, TOP + rows as f64 * ROW + 24.0);
    svg.push_str("</svg>\n");
    svg
}

/// The number of rows, which is small for a small heap.
fn rows(capacity: u64) -> usize {
    match capacity >> 20 {
        0..=3 => 8,
        4..=63 => 16,
        _ => 32,
    }
}

fn head(svg: &mut String, path: &str, map: &HeapMap, stretches: &[Stretch<'_>], now: i64) {
    let free: Vec<u64> = free_runs(stretches);
    let (sum, most) = (free.iter().sum::<u64>(), free.iter().max().copied().unwrap_or(0));
    let line = format!(
        "{} of {} used; {} free in {} pieces, the largest {}; {}",
        size(map.capacity - sum),
        size(map.capacity),
        size(sum),
        free.len(),
        size(most),
        timestamp(now).split('.').next().unwrap_or_default().replace('T', " at ") + " UTC"
    );
    let name = escaped(path);
    let _ = writeln!(svg, "<title>{name}</title>");
    let _ = writeln!(svg, "<text x=\"{LEFT}\" y=\"34\" font-size=\"18\">{name}</text>");
    text(svg, LEFT, 58.0, "start", "#444", &line);
}

/// Joins adjacent free parts into one piece, whether backed by memory or not.
fn free_runs(stretches: &[Stretch<'_>]) -> Vec<u64> {
    let both_free = |a: &Stretch<'_>, b: &Stretch<'_>| a.block.is_none() && b.block.is_none();
    let free = stretches.chunk_by(both_free).filter(|run| run[0].block.is_none());
    free.map(|run| run.iter().map(|stretch| stretch.size).sum()).collect()
}

fn pieces(
    svg: &mut String,
    map: &HeapMap,
    stretches: &[Stretch<'_>],
    names: &Names,
    rows: usize,
    now: i64,
) {
    let mut last: Option<Piece> = None;
    let per_row = map.capacity as f64 / rows as f64;
    for stretch in stretches {
        let (fill, title) = (fill(stretch, now), title(stretch, names, now));
        let (from, to) = (stretch.offset as f64, (stretch.offset + stretch.size) as f64);
        let mut row = (from / per_row) as usize;
        let mut at = from;
        while at < to && row < rows {
            let (begin, end) = (per_row * row as f64, (per_row * (row + 1) as f64).min(to));
            let x = |offset: f64| (offset - begin) / per_row * WIDTH;
            let piece = Piece { row, from: x(at), to: x(end), fill, title: title.clone() };
            last = match last.take() {
                Some(mut old) if joins(&old, &piece) => {
                    old.to = piece.to;
                    old.title = "several objects".to_owned();
                    Some(old)
                }
                old => {
                    old.iter().for_each(|old| rectangle(svg, old));
                    Some(piece)
                }
            };
            (at, row) = (end, row + 1);
        }
    }
    last.iter().for_each(|last| rectangle(svg, last));
}

fn joins(old: &Piece, new: &Piece) -> bool {
    let thin = |piece: &Piece| piece.to - piece.from < THIN;
    old.row == new.row && old.fill == new.fill && thin(old) && thin(new)
}

fn rectangle(svg: &mut String, piece: &Piece) {
    let (x, y) = (LEFT + piece.from, TOP + piece.row as f64 * ROW);
    let width = (piece.to - piece.from).max(0.05);
    // A thin white line separates neighbours.
    let gap = if width > 4.0 { 0.6 } else { 0.0 };
    let _ = writeln!(
        svg,
        "<rect x=\"{x:.2}\" y=\"{y:.0}\" width=\"{:.2}\" height=\"{BAR}\" fill=\"{}\"><title>{}\
         </title></rect>",
        width - gap,
        piece.fill,
        escaped(&piece.title)
    );
}

fn fill(stretch: &Stretch<'_>, now: i64) -> &'static str {
    let (.., sealed, leased) = AGES[age(stretch, now)];
    match stretch.used {
        Use::Sealed => sealed,
        Use::Leased => leased,
        other => plain(other),
    }
}

/// The index in [`AGES`].
fn age(stretch: &Stretch<'_>, now: i64) -> usize {
    let seconds = stretch.block.map_or(0, |block| (now - block.create_time_us) / 1_000_000);
    AGES.iter().position(|(under, ..)| seconds < *under).unwrap_or(AGES.len() - 1)
}

/// The colours that do not depend on age.
fn plain(used: Use) -> &'static str {
    match used {
        Use::Sealed => AGES[1].2,
        Use::Leased => AGES[1].3,
        Use::Writing => "#f0a830",
        Use::Deleted => "#d9534f",
        Use::Metadata => "#8e7cc3",
        Use::Leaving => "#b08d57",
        Use::Free => "#e9e9e9",
        Use::Unbacked => "url(#none)",
    }
}

fn title(stretch: &Stretch<'_>, names: &Names, now: i64) -> String {
    let place = format!("{} at {}", size(stretch.size), stretch.offset);
    let Some(block) = stretch.block.filter(|_| stretch.used != Use::Leaving) else {
        return format!("{}: {place}", stretch.used.words());
    };
    let name = names.get(&(block.id, block.create_time_us));
    let name = name.map_or_else(|| block.id.to_hex(), Clone::clone);
    let what = if block.metadata { "metadata, " } else { "" };
    let pinned = if block.pinned { ", pinned" } else { "" };
    let age = span(now - block.create_time_us);
    let leases = crate::output::count(block.lease_count.into(), "lease");
    format!("{name}: {what}{}{pinned}, {age} old, {leases}, {place}", state(block.state))
}

fn legend(svg: &mut String, stretches: &[Stretch<'_>], now: i64, y: f64) {
    let bytes = |used| totals(stretches).into_iter().find(|(u, _)| *u == used).map_or(0, |t| t.1);
    let of_age = |used, old| {
        let all = stretches.iter().filter(|s| s.used == used && age(s, now) == old);
        size(all.map(|stretch| stretch.size).sum())
    };
    let mut entry = |column: usize, line: usize, fill: &str, words: &str| {
        let (x, y) = (LEFT + LEGEND_COLUMNS[column], y + line as f64 * 24.0);
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"{y}\" width=\"16\" height=\"16\" fill=\"{fill}\" \
             stroke=\"#bbb\" stroke-width=\"0.5\"/>"
        );
        text(svg, x + 24.0, y + 12.5, "start", "#222", words);
    };
    for (line, (_, words, sealed, leased)) in AGES.into_iter().enumerate() {
        for (column, fill, used) in [(0, sealed, Use::Sealed), (1, leased, Use::Leased)] {
            let words = format!("{}, {words} ({})", used.words(), of_age(used, line));
            entry(column, line, fill, &words);
        }
    }
    let others = [
        (2, 0, Use::Writing),
        (2, 1, Use::Deleted),
        (2, 2, Use::Metadata),
        (2, 3, Use::Leaving),
        (3, 0, Use::Free),
        (3, 1, Use::Unbacked),
    ];
    for (column, line, used) in others {
        let words = format!("{} ({})", used.words(), size(bytes(used)));
        entry(column, line, plain(used), &words);
    }
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, fill: &str, words: &str) {
    let _ = writeln!(
        svg,
        "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" fill=\"{fill}\">{}</text>",
        escaped(words)
    );
}

/// Text escaped for XML; characters that XML cannot hold are shown as escapes.
fn escaped(text: &str) -> String {
    let text = crate::output::safe(text);
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
