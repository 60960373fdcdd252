//! Traces of creates and deletes, and the share of a store that is used when a create finds no
//! room, compared with a simulated best fit at 64 bytes.

use std::collections::{BTreeMap, BTreeSet};

/// A trace: which object is deleted when a create finds no room, and sizes that are equally
/// frequent in each power of two.
#[derive(Clone, Copy)]
pub struct Trace {
    /// Name in messages.
    pub name: &'static str,
    /// Whether the oldest object is deleted, or a random one.
    pub oldest_first: bool,
    /// Bytes of the store.
    pub capacity: u64,
    /// Bytes of the smallest and of the largest object.
    pub sizes: (f64, f64),
    /// Number of creates.
    pub creates: u32,
}

/// A heap of 64 MiB, and objects of proportional sizes.
pub const TRACES: [Trace; 3] = [
    Trace {
        name: "oldest first, as 1 kB to 16 MB in 1 GiB",
        oldest_first: true,
        capacity: 64 << 20,
        sizes: (64.0, 1e6),
        creates: 5_000,
    },
    Trace {
        name: "any, as 1 kB to 16 MB in 1 GiB",
        oldest_first: false,
        capacity: 64 << 20,
        sizes: (64.0, 1e6),
        creates: 5_000,
    },
    Trace {
        name: "any, 100 B to 100 kB",
        oldest_first: false,
        capacity: 64 << 20,
        sizes: (100.0, 1e5),
        creates: 8_000,
    },
];

/// Xorshift: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn size(&mut self, (least, most): (f64, f64)) -> u64 {
        let share = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        (least * (most / least).powf(share)) as u64
    }
}

/// Runs a trace with functions that take and return memory. Returns the mean share that is used
/// when a create finds no room, once the store has been full for a while.
pub fn used_when_full<T>(
    trace: &Trace,
    mut create: impl FnMut(u64) -> Option<T>,
    mut delete: impl FnMut(T),
) -> f64 {
    let mut random = Random(88_172_645_463_325_252);
    let mut live = std::collections::VecDeque::new();
    let (mut used, mut sum, mut failures) = (0, 0.0, 0);
    for i in 0..trace.creates {
        let size = random.size(trace.sizes);
        let made = loop {
            if let Some(made) = create(size) {
                break made;
            }
            if i > trace.creates / 4 {
                sum += used as f64 / trace.capacity as f64;
                failures += 1;
            }
            let at = if trace.oldest_first { 0 } else { random.next() as usize % live.len() };
            // The last object replaces the deleted one in the list, unless the order matters.
            let gone =
                if trace.oldest_first { live.pop_front() } else { live.swap_remove_back(at) };
            let (gone, size) = gone.expect("a store that is not empty");
            delete(gone);
            used -= size;
        };
        live.push_back((made, size));
        used += size;
    }
    assert!(failures > 1000, "{}: {failures} creates found no room", trace.name);
    sum / f64::from(failures)
}

/// Best fit at 64 bytes: the shortest free range that fits, the first of several, from its start.
pub struct BestFit {
    by_start: BTreeMap<u64, u64>,
    by_len: BTreeSet<(u64, u64)>,
}

impl BestFit {
    /// Creates a heap of `capacity` units, all free.
    pub fn new(capacity: u64) -> Self {
        Self { by_start: [(0, capacity)].into(), by_len: [(capacity, 0)].into() }
    }

    fn cut(&mut self, start: u64, len: u64) {
        self.by_start.remove(&start);
        self.by_len.remove(&(len, start));
    }

    fn put(&mut self, start: u64, len: u64) {
        self.by_start.insert(start, len);
        self.by_len.insert((len, start));
    }

    /// Takes `units` units, and returns their start and number.
    pub fn take(&mut self, units: u64) -> Option<(u64, u64)> {
        let &(len, start) = self.by_len.range((units, 0)..).next()?;
        self.cut(start, len);
        if len > units {
            self.put(start + units, len - units);
        }
        Some((start, units))
    }

    /// Frees them.
    pub fn give(&mut self, (mut start, mut len): (u64, u64)) {
        if let Some((&before, &units)) = self.by_start.range(..start).next_back()
            && before + units == start
        {
            self.cut(before, units);
            (start, len) = (before, units + len);
        }
        if let Some(&units) = self.by_start.get(&(start + len)) {
            self.cut(start + len, units);
            len += units;
        }
        self.put(start, len);
    }
}

/// Returns the share that best fit uses in this trace.
pub fn best_fit(trace: &Trace) -> f64 {
    let heap = std::cell::RefCell::new(BestFit::new(trace.capacity / 64));
    used_when_full(
        trace,
        |size| heap.borrow_mut().take(size.div_ceil(64)),
        |stretch| heap.borrow_mut().give(stretch),
    )
}
