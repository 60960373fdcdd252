//! Topics: the things that a client can wait for.

use crate::layout::wake::{BUCKETS, Tags};

/// A thing to wait for: a bucket of the file `wake`, and a tag in it. Topics that collide cost
/// wakes for nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Topic {
    /// The bucket.
    pub bucket: u32,
    /// The tag, which is not 0.
    pub tag: u32,
}

impl Topic {
    /// An event.
    pub const EVENTS: Self = Self { bucket: BUCKETS as u32, tag: 1 };
    /// Memory or a record that became free.
    pub const ROOM: Self = Self { bucket: BUCKETS as u32 + 1, tag: 1 };

    /// Returns the topic of the object whose id or name has this hash. Names must be hashed with
    /// another key than ids.
    pub const fn of_hash(hash: u64) -> Self {
        let tag = (hash >> (64 - Tags::BITS)) as u32;
        Self { bucket: hash as u32 % BUCKETS as u32, tag: if tag == 0 { 1 } else { tag } }
    }
}
