//! The contents of the screen, and the choices made by keys.

use super::rates::Rates;
use super::snapshot::Snapshot;
use crate::commands::ls::{Sort, sort};
use crate::failure::Result;
use crate::objects::Object;
use plasma::{Client, ObjectId, StoreFacts};
use ratatui::widgets::TableState;

/// The mode of the keys.
pub enum Mode {
    Browse,
    /// The user types the filter.
    Filter,
    /// The user is asked whether to delete this object.
    Delete(ObjectId, String),
    Help,
}

/// The state of the screen.
pub struct View {
    pub path: String,
    pub facts: StoreFacts,
    pub now: Snapshot,
    pub rates: Rates,
    pub mode: Mode,
    pub filter: String,
    pub sort: Sort,
    pub reverse: bool,
    pub paused: bool,
    /// The result of the last key, shown until the next update.
    pub message: String,
    pub table: TableState,
    selected: Option<ObjectId>,
}

/// The order in which `s` selects them.
const SORTS: [Sort; 6] = [Sort::Size, Sort::Age, Sort::Use, Sort::Leases, Sort::Name, Sort::State];

impl View {
    pub fn new(client: &Client) -> Result<Self> {
        let mut view = Self {
            path: client.address().to_string_lossy().into_owned(),
            facts: client.facts()?,
            now: Snapshot::take(client)?,
            rates: Rates::new(client)?,
            mode: Mode::Browse,
            filter: String::new(),
            sort: Sort::Size,
            reverse: false,
            paused: false,
            message: String::new(),
            table: TableState::default(),
            selected: None,
        };
        view.arrange();
        Ok(view)
    }

    /// Take a new snapshot of the store.
    pub fn update(&mut self, client: &Client) -> Result<()> {
        if !self.paused {
            self.now = Snapshot::take(client)?;
            self.rates.count(client)?;
            self.arrange();
        }
        Ok(())
    }

    /// Sort, and keep the selection on its object.
    pub fn arrange(&mut self) {
        sort(&mut self.now.objects, self.sort);
        if self.reverse {
            self.now.objects.reverse();
        }
        let shown = self.shown();
        let at = shown.iter().position(|object| Some(object.info.id) == self.selected);
        let last = shown.len().checked_sub(1);
        let at = at.or(self.table.selected()).and_then(|at| last.map(|last| at.min(last)));
        self.select(at);
    }

    /// The objects that pass the filter.
    pub fn shown(&self) -> Vec<&Object> {
        let glob = format!("*{}*", self.filter);
        let passes = |object: &&Object| {
            self.filter.is_empty()
                || crate::glob::matches(&glob, &object.info.name)
                || object.info.id.to_hex().starts_with(&self.filter)
        };
        self.now.objects.iter().filter(passes).collect()
    }

    pub fn select(&mut self, at: Option<usize>) {
        self.table.select(at);
        self.selected = self.chosen().map(|object| object.info.id);
    }

    /// Move the selection by a number of rows.
    pub fn step(&mut self, by: isize) {
        let last = self.shown().len().saturating_sub(1);
        let from = self.table.selected();
        let to = from.map_or(0, |from| from.saturating_add_signed(by).min(last));
        self.select(Some(to));
    }

    /// The selected object.
    pub fn chosen(&self) -> Option<&Object> {
        self.table.selected().and_then(|at| self.shown().get(at).copied())
    }

    pub fn next_sort(&mut self) {
        let at = SORTS.iter().position(|sort| *sort == self.sort).unwrap_or(0);
        self.sort = SORTS[(at + 1) % SORTS.len()];
        self.arrange();
    }
}
