//! The map of the heap in coloured blocks; fuller parts are darker.

use crate::heap::{Use, cells};
use plasma::HeapMap;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

/// The map, which fills an area row by row.
pub struct Map<'a>(pub &'a HeapMap);

impl Widget for Map<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let columns = usize::from(area.width);
        let cells = cells(self.0, columns * usize::from(area.height));
        for (row, line) in cells.chunks(columns.max(1)).enumerate() {
            for (column, cell) in line.iter().enumerate() {
                let symbol = match cell.used {
                    Use::Free => '\u{b7}',
                    Use::Unbacked => ' ',
                    _ => crate::commands::map::shade(cell),
                };
                let at = (area.x + column as u16, area.y + row as u16);
                if let Some(target) = buffer.cell_mut(at) {
                    target.set_char(symbol).set_style(style(cell.used));
                }
            }
        }
    }
}

/// The legend of the colours, as far as it fits.
pub fn legend() -> Line<'static> {
    let uses = [Use::Sealed, Use::Leased, Use::Writing, Use::Deleted];
    let words = ["sealed", "leased", "writing", "deleted"];
    let mut spans = vec![Span::raw(" heap ")];
    for (used, word) in uses.into_iter().zip(words) {
        spans.push(Span::styled("\u{2588}", style(used)));
        spans.push(Span::raw(format!("{word} ")));
    }
    spans.push(Span::styled("\u{b7}", style(Use::Free)));
    spans.push(Span::raw("free "));
    Line::from(spans)
}

fn style(used: Use) -> Style {
    let colour = match used {
        Use::Sealed => Color::Blue,
        Use::Leased => Color::Green,
        Use::Writing => Color::Yellow,
        Use::Deleted => Color::Red,
        Use::Metadata => Color::Cyan,
        Use::Leaving => Color::Magenta,
        Use::Free | Use::Unbacked => Color::DarkGray,
    };
    Style::new().fg(colour)
}
