//! The window of consecutive blocks that costs least to evict.

use crate::error::Result;
use crate::support::fallible;
use std::collections::VecDeque;

/// A part of the heap that is free or whose object may be evicted.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    /// Its block.
    pub block: u32,
    pub start: u64,
    pub len: u64,
    /// 0 if it is free, or will be.
    pub cost: f64,
}

/// The best window so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Best {
    /// The first block, and the last one.
    pub block: u32,
    pub last: u32,
    /// Units `start .. end`.
    pub start: u64,
    pub end: u64,
    pub cost: f64,
    /// The number of pieces with a cost.
    pub objects: u64,
}

/// A window of at least `need` units that slides over pieces in the order of their addresses.
pub struct Window {
    pub need: u64,
    pieces: VecDeque<Piece>,
    len: u64,
    cost: Cost,
    pub best: Option<Best>,
}

impl Window {
    pub fn new(need: u64) -> Self {
        Self { need, pieces: VecDeque::new(), len: 0, cost: Cost::default(), best: None }
    }

    /// Begins again: the next piece does not touch the last one, or a wall is between them.
    pub fn wall(&mut self) {
        self.pieces.clear();
        self.len = 0;
        self.cost = Cost::default();
    }

    /// Adds the piece after the last one.
    pub fn push(&mut self, piece: Piece) -> Result<()> {
        self.pieces.try_reserve(1).map_err(|_| fallible::refused())?;
        self.pieces.push_back(piece);
        self.len += piece.len;
        self.cost.add(&piece);
        while let Some(first) = self.pieces.front()
            && self.len - first.len >= self.need
        {
            self.len -= first.len;
            self.cost.remove(first);
            self.pieces.pop_front();
        }
        if self.len >= self.need
            && let Some(first) = self.pieces.front()
            && self.best.is_none_or(|best| self.cost.sum < best.cost)
        {
            let (start, end) = (first.start, piece.start + piece.len);
            let (block, last) = (first.block, piece.block);
            let Cost { sum: cost, objects } = self.cost;
            self.best = Some(Best { block, last, start, end, cost, objects });
        }
        Ok(())
    }
}

/// The cost of the pieces in a window.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    sum: f64,
    objects: u64,
}

impl Cost {
    fn add(&mut self, piece: &Piece) {
        self.sum += piece.cost;
        self.objects += u64::from(piece.cost > 0.0);
    }

    fn remove(&mut self, piece: &Piece) {
        self.objects -= u64::from(piece.cost > 0.0);
        // Sums of floating-point numbers drift.
        self.sum = if self.objects == 0 { 0.0 } else { (self.sum - piece.cost).max(0.0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(need: u64, pieces: &[(u64, Option<f64>)]) -> Option<(u64, u64, u64)> {
        let (mut window, mut at) = (Window::new(need), 0);
        for (block, &(len, cost)) in (1..).zip(pieces) {
            match cost {
                Some(cost) => window.push(Piece { block, start: at, len, cost }).unwrap(),
                None => window.wall(),
            }
            at += len;
        }
        window.best.map(|best| (best.start, best.end, best.objects))
    }

    #[test]
    fn the_cheapest_window_is_chosen() {
        let row = [(2, Some(5.0)), (2, Some(1.0)), (2, Some(1.0)), (2, Some(9.0))];
        assert_eq!(best(4, &row), Some((2, 6, 2)));
        assert_eq!(best(2, &row), Some((2, 4, 1)));
        assert_eq!(best(8, &row), Some((0, 8, 4)));
        assert_eq!(best(9, &row), None);
    }

    #[test]
    fn walls_are_not_crossed_and_free_memory_costs_nothing() {
        let row = [(4, Some(1.0)), (1, None), (2, Some(7.0)), (2, Some(0.0)), (2, Some(8.0))];
        assert_eq!(best(5, &row), Some((5, 11, 2)));
        assert_eq!(best(4, &row), Some((0, 4, 1)));
        assert_eq!(best(3, &row), Some((0, 4, 1)));
        assert_eq!(best(7, &row), None);
        assert_eq!(best(2, &row), Some((7, 9, 0)));
    }
}
