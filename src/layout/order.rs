//! The order of use: a leaf for each slot, and above the leaves nodes of 16 children each.

/// Children of a node.
pub const FAN: u32 = 16;

/// The most levels, leaves included: those of 2^32 slots.
pub const LEVELS: usize = 9;

/// The levels of the order of this many slots, leaves first: the index of the first word, and the
/// number of words. The last level has one word.
pub fn levels(slots: u32) -> impl Iterator<Item = (u64, u32)> {
    let mut next = Some((0, slots.max(1)));
    std::iter::from_fn(move || {
        let (first, count) = next?;
        next = (count > 1).then(|| (first + u64::from(count), count.div_ceil(FAN)));
        Some((first, count))
    })
}

/// Where the levels of the order of this many slots are.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The number of slots.
    pub slots: u32,
    /// Index of the first word of each level, leaves first.
    pub firsts: [usize; LEVELS],
    /// The number of levels.
    pub depth: usize,
}

impl Shape {
    /// Returns the shape of the order of this many slots.
    pub fn of(slots: u32) -> Self {
        let (mut firsts, mut depth) = ([0; LEVELS], 0);
        for ((first, _), place) in levels(slots).zip(&mut firsts) {
            *place = first as usize;
            depth += 1;
        }
        Self { slots, firsts, depth }
    }
}

/// The number of words of all levels.
pub fn words(slots: u32) -> u64 {
    levels(slots).map(|(_, count)| u64::from(count)).sum()
}

/// The words that slots `from .. to` need beyond those of the slots before: one range of each
/// level, first word and number of words.
pub fn words_of_slots(slots: u32, from: u32, to: u32) -> impl Iterator<Item = (u64, u64)> {
    let (mut from, mut to, mut above) = (from, to, false);
    levels(slots).map(move |(first, count)| {
        if above {
            (from, to) = (from.div_ceil(FAN), to.div_ceil(FAN));
        }
        above = true;
        let (from, to) = (from.min(count), to.min(count));
        (first + u64::from(from), u64::from(to - from))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_has_a_node_for_sixteen_below() {
        let all: Vec<_> = levels(1000).collect();
        assert_eq!(all, [(0, 1000), (1000, 63), (1063, 4), (1067, 1)]);
        assert_eq!(words(1000), 1068);
        assert_eq!(levels(u32::MAX).count(), LEVELS);
        assert_eq!(levels(1).count(), 1);
        let shape = Shape::of(1000);
        assert_eq!((&shape.firsts[..4], shape.depth), (&[0, 1000, 1063, 1067][..], 4));
    }

    #[test]
    fn slots_need_their_leaves_and_the_nodes_above() {
        let need = |from, to| words_of_slots(1000, from, to).collect::<Vec<_>>();
        assert_eq!(need(0, 16), [(0, 16), (1000, 1), (1063, 1), (1067, 1)]);
        assert_eq!(need(16, 100), [(16, 84), (1001, 6), (1064, 0), (1068, 0)]);
        assert_eq!(need(0, 1000), [(0, 1000), (1000, 63), (1063, 4), (1067, 1)]);
    }
}
