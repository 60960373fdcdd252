//! The screen.

use super::heap::{Map, legend};
use super::view::{Mode, View};
use crate::commands::ls::Sort;
use crate::commands::stat::{fragmentation, made, percent};
use crate::objects::{condition, holders, name, state};
use crate::output::{count, safe};
use crate::table::cut;
use crate::units::{now_us, size, span};
use plasma::{ClientInfo, ObjectInfo, ObjectState};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{
    Block, Borders, Cell, Clear, HighlightSpacing, LineGauge, Paragraph, Row, Table,
};

/// Draw all that has room: the objects first, then the clients, then the heap.
pub fn draw(frame: &mut Frame<'_>, view: &mut View) {
    let height = frame.area().height;
    let map = if height >= 18 { (height / 5).clamp(3, 10) } else { 0 };
    let clients = match height {
        0..=13 => 0,
        height => (view.now.clients.len() as u16).clamp(1, height / 6) + 2,
    };
    let remarkable = u16::from(height >= 20);
    let [title, room, counts, rates, extremes, heap, objects, list, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(remarkable),
        Constraint::Length(map),
        Constraint::Min(0),
        Constraint::Length(clients),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(head(view, title.width), title);
    draw_room(frame, view, room);
    frame.render_widget(counted(view), counts);
    frame.render_widget(rated(view), rates);
    frame.render_widget(remarked(view), extremes);
    draw_heap(frame, view, heap);
    draw_objects(frame, view, objects);
    draw_clients(frame, view, list);
    frame.render_widget(below(view), foot);
    if matches!(view.mode, Mode::Help) {
        draw_help(frame);
    }
}

fn head(view: &View, width: u16) -> Line<'static> {
    let paused = if view.paused { "  PAUSED" } else { "" };
    let age = span(now_us() - view.facts.create_time_us);
    let about = format!("  {}, {age} old{paused}", made(&view.facts));
    let room = usize::from(width).saturating_sub(about.chars().count());
    let path = cut(&safe(&view.path), room.max(20));
    Line::from(vec![Span::raw(path).bold(), Span::raw(about)])
}

fn draw_room(frame: &mut Frame<'_>, view: &View, area: Rect) {
    let stats = &view.now.stats;
    let used = percent(stats.used, stats.capacity);
    let label = format!("{} of {} used, {used}%", size(stats.used), size(stats.capacity));
    let rest = format!(" {} reserved, {}% fragmented", size(stats.reserved), fragmentation(stats));
    let [gauge, right] =
        Layout::horizontal([Constraint::Min(10), Constraint::Length(rest.len() as u16)])
            .areas(area);
    let colour = if used >= 90 { Color::Red } else { Color::Blue };
    let bar = LineGauge::default()
        .ratio((stats.used as f64 / stats.capacity.max(1) as f64).clamp(0.0, 1.0))
        .label(label)
        .filled_symbol("\u{2588}")
        .unfilled_symbol("\u{2500}")
        .filled_style(Style::new().fg(colour))
        .unfilled_style(Style::new().fg(Color::DarkGray));
    frame.render_widget(bar, gauge);
    frame.render_widget(rest, right);
}

fn counted(view: &View) -> Line<'static> {
    let (stats, activity) = (&view.now.stats, &view.now.activity);
    let waiting = view.now.clients.iter().filter(|client| condition(client) == "waits").count();
    let mut text = format!(
        "{} sealed, {} being written, {} deleted; {}; {waiting} waiting",
        stats.objects_sealed,
        stats.objects_writing,
        stats.objects_deleted,
        count(stats.leases, "lease")
    );
    if activity.lock_wanted {
        text.push_str("; writers queue");
    }
    Line::from(text)
}

/// The largest and the oldest object.
fn remarked(view: &View) -> Line<'static> {
    let mut text = String::new();
    if let Some(largest) = view.now.largest() {
        text = format!("largest {}, {}", size(largest.info.data_size), short_name(&largest.info));
    }
    if let Some(oldest) = view.now.oldest() {
        let age = span(now_us() - oldest.info.create_time_us);
        text.push_str(&format!("; oldest {age}, {}", short_name(&oldest.info)));
    }
    Line::from(text)
}

fn short_name(info: &ObjectInfo) -> String {
    cut(&name(info), 24)
}

fn rated(view: &View) -> Line<'static> {
    let rate = &view.rates.last;
    let lost = if rate.lost { " or more" } else { "" };
    Line::from(format!(
        "{:.0} sealed/s ({}/s), {:.0} deleted/s, {:.0} evicted/s, {:.0} aborted/s{lost}",
        rate.sealed,
        size(rate.sealed_bytes as u64),
        rate.deleted,
        rate.evicted,
        rate.aborted
    ))
}

fn draw_heap(frame: &mut Frame<'_>, view: &View, area: Rect) {
    if area.height == 0 {
        return;
    }
    let block = Block::new().borders(Borders::TOP).title(legend()).border_style(dim());
    frame.render_widget(Map(&view.now.map), block.inner(area));
    frame.render_widget(block, area);
}

fn draw_objects(frame: &mut Frame<'_>, view: &mut View, area: Rect) {
    let narrow = area.width < 100;
    let digits = if narrow { 8 } else { 12 };
    let all = view.now.objects.len();
    let now = now_us();
    let shown = view.shown();
    let heading = match shown.len() {
        n if n == all => format!(" {all} objects "),
        n => format!(" {n} of {all} objects "),
    };
    let rows: Vec<Row<'static>> = shown
        .iter()
        .map(|object| {
            let info = &object.info;
            let pinned = info.pinned && info.state == ObjectState::Sealed;
            Row::new([
                Cell::from(info.id.to_hex()[..digits].to_owned()),
                Cell::from(if pinned { "pinned" } else { state(info.state) }),
                right(size(info.data_size)),
                right(span(now - info.create_time_us)),
                right(span(now - info.last_use_us)),
                right(info.lease_count.to_string()),
                Cell::from(safe(&info.name).into_owned()),
                Cell::from(holders(&object.holders)),
            ])
        })
        .collect();
    let widths = [
        Constraint::Length(digits as u16),
        Constraint::Length(7),
        Constraint::Length(10),
        Constraint::Length(5),
        Constraint::Length(5),
        Constraint::Length(7),
        Constraint::Fill(1),
        Constraint::Length(if narrow { 14 } else { 30 }),
    ];
    let arrow = if view.reverse { "\u{25b2}" } else { "\u{25bc}" };
    let head = |text: &str, sort: Option<Sort>| match sort {
        Some(sort) if sort == view.sort => format!("{text}{arrow}"),
        _ => text.to_owned(),
    };
    let heads = Row::new([
        Cell::from("ID"),
        Cell::from(head("STATE", Some(Sort::State))),
        right(head("SIZE", Some(Sort::Size))),
        right(head("AGE", Some(Sort::Age))),
        right(head("IDLE", Some(Sort::Use))),
        right(head("LEASES", Some(Sort::Leases))),
        Cell::from(head("NAME", Some(Sort::Name))),
        Cell::from("HELD BY"),
    ]);
    let table = Table::new(rows, widths)
        .header(heads.style(Style::new().add_modifier(Modifier::BOLD)))
        .highlight_symbol("\u{25b6}")
        .highlight_spacing(HighlightSpacing::Always)
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
        .block(Block::new().borders(Borders::TOP).title(heading).border_style(dim()));
    frame.render_stateful_widget(table, area, &mut view.table);
}

fn draw_clients(frame: &mut Frame<'_>, view: &View, area: Rect) {
    if area.height == 0 {
        return;
    }
    let clients = &view.now.clients;
    let rows = clients.iter().map(|client| {
        Row::new([
            right(client.pid.to_string()),
            Cell::from(what(client, view)),
            right(span(now_us() - client.connect_time_us)),
            right(client.lease_count.to_string()),
            right(size(client.leased_bytes)),
            right(size(client.writing_bytes)),
            Cell::from(safe(&client.comm).into_owned()),
        ])
        .style(match condition(client) {
            "dead" => Style::new().fg(Color::Red),
            "stopped" => Style::new().fg(Color::Yellow),
            _ => Style::new(),
        })
    });
    let widths = [
        Constraint::Length(8),
        Constraint::Length(14),
        Constraint::Length(5),
        Constraint::Length(6),
        Constraint::Length(10),
        Constraint::Length(10),
        Constraint::Fill(1),
    ];
    let heads = Row::new([
        right("PID".to_owned()),
        Cell::from("STATE"),
        right("AGE".to_owned()),
        right("LEASES".to_owned()),
        right("LEASED".to_owned()),
        right("WRITING".to_owned()),
        Cell::from("COMMAND"),
    ]);
    let heading = format!(" {} ", count(clients.len() as u64, "client"));
    let table = Table::new(rows, widths)
        .header(heads.style(Style::new().add_modifier(Modifier::BOLD)))
        .block(Block::new().borders(Borders::TOP).title(heading).border_style(dim()));
    frame.render_widget(table, area);
}

fn what(client: &ClientInfo, view: &View) -> String {
    let lock = view.now.activity.lock_owner == Some(client.slot);
    format!("{}{}", condition(client), if lock { ", locks" } else { "" })
}

fn below(view: &View) -> Line<'static> {
    let text = match &view.mode {
        Mode::Filter => {
            format!("Filter by name: {}\u{2581}   Enter keeps it, Esc clears it", view.filter)
        }
        Mode::Delete(_, name) => format!("Delete {name}? y/n"),
        _ if !view.message.is_empty() => view.message.clone(),
        _ if !view.filter.is_empty() => {
            format!("Filter: {}   / changes it   ? help   q quit", view.filter)
        }
        _ => "q quit  arrows select  s sort  r reverse  / filter  d delete  p pause  ? help"
            .to_owned(),
    };
    Line::from(text).style(Style::new().add_modifier(Modifier::REVERSED))
}

fn draw_help(frame: &mut Frame<'_>) {
    let lines = [
        "q, Esc      quit",
        "up, down    select an object (j, k; PageUp, PageDown, Home, End)",
        "s           sort by the next: size, age, use, leases, name, state",
        "r           reverse the order",
        "/           show only names with this text (* ? [a-z])",
        "d           delete the selected object, after a question",
        "p           pause",
        "",
        "In the map of the heap, fuller parts are darker;",
        "dots are free memory, blanks are not backed by memory.",
    ];
    let (width, height) = (70.min(frame.area().width), 12.min(frame.area().height));
    let area = frame.area();
    let area = Rect::new((area.width - width) / 2, (area.height - height) / 2, width, height);
    let text: Vec<Line<'_>> = lines.into_iter().map(Line::from).collect();
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(text).block(Block::bordered().title(" keys ")), area);
}

fn right(text: String) -> Cell<'static> {
    Cell::from(Line::from(text).right_aligned())
}

fn dim() -> Style {
    Style::new().fg(Color::DarkGray)
}
