//! Structured edits of a store's files: most of them hit data in use.

use crate::copy::{Copy, Stranger};
use crate::image::{HEAP, INDEX, Image, LOCK, LOCK0, MEMBERS, NAMES, WAKE, images};
use arbitrary::Arbitrary;
use plasma::layout::members::page_at;

/// Parts of the files that an edit can aim at.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Area {
    Identity,
    Live,
    Lock,
    Table,
    Counters,
    Alloc,
    Bins,
    Hosts,
    IdBuckets,
    NameBuckets,
    EventRing,
    Record,
    RecordLine0,
    Records,
    Block,
    Blocks,
    Text,
    Heap,
    Wake,
    Client,
    ClientLeases,
    /// The head of the members, and the first slots.
    Members,
    /// The page of a connected client, in a live store.
    Own,
}

/// A place in a file.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct FileLocation {
    area: Area,
    at: u16,
}

/// The change of a word.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Change {
    Flip(u8),
    Zero,
    Ones,
    To(u64),
    Small(u8),
    Add(i8),
    LikeThat(FileLocation),
    Half(u32, bool),
    AddHalf(i8, bool),
}

/// The length to which a file is truncated or grows.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Cut {
    At(u16),
    Page(u8),
    Short(u16),
    Longer(u16),
}

/// One edit.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Edit {
    Word(FileLocation, Change),
    Copy {
        from: FileLocation,
        to: FileLocation,
        words: u8,
    },
    Swap {
        one: FileLocation,
        other: FileLocation,
        words: u8,
    },
    Fill {
        at: FileLocation,
        words: u8,
        byte: u8,
    },
    /// The bytes that a store of another geometry has in this place.
    Foreign {
        at: FileLocation,
        words: u8,
    },
    /// The writer lock is held by one of the clients, or by an unknown one.
    Lock {
        owner: u8,
        recover: bool,
    },
    Cut {
        file: u8,
        to: Cut,
    },
    Replace {
        file: u8,
        with: Stranger,
    },
    Exchange {
        file: u8,
        with: u8,
    },
}

/// The effect of an edit on the promise that answers are right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// No trusted data was touched.
    Harmless,
    /// A lock file: nobody knows whether a client lives, so calls that need to know refuse. All
    /// other answers stay right.
    Opaque,
    /// The header, the table, the heap, or whole files.
    Harmful,
}

impl FileLocation {
    /// Returns file, offset (a multiple of 4), and the end of the area.
    fn resolve(self, image: &Image) -> (usize, u64, u64) {
        let g = &image.geometry;
        let at = u64::from(self.at);
        let buckets = u64::from(g.buckets) * 8;
        let (file, start, size) = match self.area {
            Area::Identity => (INDEX, 0, 96),
            Area::Live => (INDEX, 128, 128),
            Area::Lock => (INDEX, LOCK, 8),
            Area::Table => (INDEX, 320, 64),
            Area::Counters => (INDEX, 384, 80),
            Area::Alloc => (INDEX, 512, 192),
            Area::Bins => (INDEX, 704, 4864),
            Area::Hosts => (INDEX, 5568, 256),
            Area::IdBuckets => (INDEX, g.id_buckets_at, buckets),
            Area::NameBuckets => (INDEX, g.name_buckets_at, buckets),
            Area::EventRing => (INDEX, g.events_at, 8192 * 64),
            Area::Record => (INDEX, g.records_at, image.records * 192),
            Area::RecordLine0 => {
                let slot = at / 16 % image.records;
                let from = g.records_at + slot * 192;
                return (INDEX, from + at % 16 * 4, from + 192);
            }
            Area::Records => (INDEX, g.records_at, u64::from(g.max_objects) * 192),
            Area::Block => (INDEX, g.blocks_at, image.blocks * 32),
            Area::Blocks => (INDEX, g.blocks_at, u64::from(g.blocks) * 32),
            Area::Text => {
                let (start, size) = image.texts[self.at as usize % image.texts.len()];
                (HEAP, start, size.min(64))
            }
            Area::Heap => (HEAP, 0, image.files[HEAP].hot.len() as u64),
            Area::Wake => (WAKE, 0, image.files[WAKE].size),
            Area::Client => (MEMBERS, page_at(u32::from(self.at) % 2), 128),
            Area::ClientLeases => (MEMBERS, page_at(u32::from(self.at) % 2) + 128, 512),
            Area::Members => (MEMBERS, 0, 128 + 16 * 5),
            Area::Own => (MEMBERS, page_at(2), 256),
        };
        let step = match self.area {
            Area::Client | Area::ClientLeases => at / 2,
            Area::Text => at / image.texts.len() as u64,
            // Distant places too, in large areas.
            _ if size > 4 << 16 => at * (size >> 18).max(1),
            _ => at,
        };
        (file, start + step * 4 % size.max(4), start + size)
    }

    fn effect(self, live: bool) -> Effect {
        match self.area {
            Area::EventRing | Area::Wake => Effect::Harmless,
            // Of the dead, unless their slots have other tenants by now.
            Area::Client | Area::ClientLeases if !live => Effect::Harmless,
            _ => Effect::Harmful,
        }
    }
}

impl Edit {
    /// Changes the files of `copy`. In a live store no file that its clients map is truncated, and
    /// none is replaced.
    pub fn apply(self, copy: &Copy, live: bool) -> Effect {
        match self {
            Edit::Word(at, change) => {
                change_word(copy, at, change);
                at.effect(live)
            }
            Edit::Copy { from, to, words } => {
                write(copy, to, &read(copy, from, words));
                to.effect(live)
            }
            Edit::Swap { one, other, words } => {
                let (first, second) = (read(copy, one, words), read(copy, other, words));
                write(copy, one, &second);
                write(copy, other, &first);
                one.effect(live).and(other.effect(live))
            }
            Edit::Fill { at, words, byte } => {
                write(copy, at, &vec![byte; usize::from(words) * 4]);
                at.effect(live)
            }
            Edit::Foreign { at, words } => {
                let (file, offset, _) = at.resolve(copy.image);
                let other = images().iter().find(|it| !std::ptr::eq(*it, copy.image));
                let files = &other.expect("there are two").files;
                let hot = &files[file].hot;
                let from = (offset as usize).min(hot.len());
                let to = (from + usize::from(words) * 4).min(hot.len());
                write(copy, at, &hot[from..to]);
                at.effect(live)
            }
            Edit::Lock { owner, recover } => {
                let owner = match owner % 8 {
                    many @ 0..=5 => u64::from(many),
                    6 => 1024,
                    _ => 2048,
                };
                let mut word = [0; 8];
                copy.read(INDEX, LOCK, &mut word);
                let sequence = u64::from_le_bytes(word) >> 32;
                let next = (sequence + 1) << 32 | u64::from(recover) << 17 | owner;
                copy.write(INDEX, LOCK, &next.to_le_bytes());
                Effect::Harmful
            }
            Edit::Cut { file, to } => {
                let file = usize::from(file) % NAMES.len();
                if live && file < LOCK0 {
                    return Effect::Harmless;
                }
                let size = copy.image.files[file].size;
                copy.set_len(
                    file,
                    match to {
                        Cut::At(at) => u64::from(at).min(size),
                        Cut::Page(page) => (u64::from(page) << 12).min(size),
                        Cut::Short(less) => size.saturating_sub(less.into()),
                        Cut::Longer(more) => size + u64::from(more),
                    },
                );
                if file < LOCK0 { Effect::Harmful } else { Effect::Harmless }
            }
            Edit::Replace { file, with } => replace(copy, file, with, live),
            Edit::Exchange { file, with } => {
                replace(copy, file, Stranger::Other(usize::from(with) % NAMES.len()), live)
            }
        }
    }
}

fn replace(copy: &Copy, file: u8, with: Stranger, live: bool) -> Effect {
    let file = usize::from(file) % NAMES.len();
    if live && file < LOCK0 {
        return Effect::Harmless;
    }
    copy.replace(file, with);
    if file < LOCK0 { Effect::Harmful } else { Effect::Opaque }
}

fn read(copy: &Copy, at: FileLocation, words: u8) -> Vec<u8> {
    let (file, offset, _) = at.resolve(copy.image);
    let mut bytes = vec![0; usize::from(words) * 4];
    copy.read(file, offset, &mut bytes);
    bytes
}

/// Writes within the area, and within the part of the file that is restored.
fn write(copy: &Copy, at: FileLocation, bytes: &[u8]) {
    let (file, offset, end) = at.resolve(copy.image);
    let end = end.min(copy.image.files[file].hot.len() as u64);
    let room = end.saturating_sub(offset) as usize;
    copy.write(file, offset, &bytes[..bytes.len().min(room)]);
}

fn change_word(copy: &Copy, at: FileLocation, change: Change) {
    let (file, offset, _) = at.resolve(copy.image);
    let mut bytes = [0; 8];
    copy.read(file, offset, &mut bytes);
    let word = u64::from_le_bytes(bytes);
    let half = |high: bool, value: u32| match high {
        true => word & u64::from(u32::MAX) | u64::from(value) << 32,
        false => word & !u64::from(u32::MAX) | u64::from(value),
    };
    let next = match change {
        Change::Flip(bit) => word ^ 1 << (bit % 64),
        Change::Zero => 0,
        Change::Ones => u64::MAX,
        Change::To(value) => value,
        Change::Small(value) => value.into(),
        Change::Add(more) => word.wrapping_add_signed(more.into()),
        Change::LikeThat(other) => {
            let (file, offset, _) = other.resolve(copy.image);
            copy.read(file, offset, &mut bytes);
            u64::from_le_bytes(bytes)
        }
        Change::Half(value, high) => half(high, value),
        Change::AddHalf(more, high) => {
            let now = (word >> if high { 32 } else { 0 }) as u32;
            half(high, now.wrapping_add_signed(more.into()))
        }
    };
    write(copy, at, &next.to_le_bytes());
}

impl Effect {
    pub fn and(self, other: Effect) -> Effect {
        self.max(other)
    }
}
