//! The keys and their effects.

use super::view::{Mode, View};
use plasma::Client;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The next step after a key.
#[derive(PartialEq, Eq)]
pub enum Next {
    Stay,
    Quit,
}

/// Rows of a page.
const PAGE: isize = 10;

pub fn press(view: &mut View, client: &Client, key: KeyEvent) -> Next {
    if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
        return Next::Quit;
    }
    if key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
        return Next::Stay;
    }
    view.message.clear();
    match std::mem::replace(&mut view.mode, Mode::Browse) {
        Mode::Browse => return browse(view, key.code),
        Mode::Filter => filter(view, key.code),
        Mode::Delete(id, name) => {
            view.message = match key.code {
                KeyCode::Char('y' | 'Y') => match client.delete(&id) {
                    Ok(()) => format!("deleted {name}"),
                    Err(error) => format!("{name} was not deleted: {error}"),
                },
                _ => format!("{name} was not deleted"),
            };
        }
        Mode::Help => {}
    }
    Next::Stay
}

fn browse(view: &mut View, key: KeyCode) -> Next {
    match key {
        KeyCode::Char('q') | KeyCode::Esc => return Next::Quit,
        KeyCode::Char('s') => view.next_sort(),
        KeyCode::Char('r') => {
            view.reverse = !view.reverse;
            view.arrange();
        }
        KeyCode::Char('/') => view.mode = Mode::Filter,
        KeyCode::Char('p') | KeyCode::Char(' ') => view.paused = !view.paused,
        KeyCode::Char('d') | KeyCode::Delete => ask(view),
        KeyCode::Char('?') | KeyCode::Char('h') => view.mode = Mode::Help,
        KeyCode::Down | KeyCode::Char('j') => view.step(1),
        KeyCode::Up | KeyCode::Char('k') => view.step(-1),
        KeyCode::PageDown => view.step(PAGE),
        KeyCode::PageUp => view.step(-PAGE),
        KeyCode::Home => view.step(isize::MIN),
        KeyCode::End => view.step(isize::MAX),
        _ => {}
    }
    Next::Stay
}

fn filter(view: &mut View, key: KeyCode) {
    view.mode = Mode::Filter;
    match key {
        KeyCode::Enter => view.mode = Mode::Browse,
        KeyCode::Esc => {
            view.filter.clear();
            view.mode = Mode::Browse;
        }
        KeyCode::Backspace => drop(view.filter.pop()),
        KeyCode::Char(c) => view.filter.push(c),
        _ => {}
    }
    view.arrange();
}

fn ask(view: &mut View) {
    match view.chosen() {
        Some(object) => {
            let (id, name) = (object.info.id, crate::objects::name(&object.info));
            view.mode = Mode::Delete(id, name);
        }
        None => view.message = "no object is selected; the arrow keys select one".to_owned(),
    }
}
