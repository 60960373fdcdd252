//! Objects whose bytes follow from their id and their maker, so that a byte of another object, or
//! of another object with the same id, is noticed.

use super::common::Rng;
use plasma::{Buffer, ObjectId};

/// The metadata key for the number of bytes.
pub const LENGTH: &str = "length";

/// Objects from this size on begin with the number of their version.
const STAMPED: usize = 16;

fn stream(id: &ObjectId, making: u64) -> Rng {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    Rng(id.as_bytes().iter().fold(7, mix) ^ making)
}

/// Fills the bytes of one version of an object.
pub fn fill(id: &ObjectId, making: u64, bytes: &mut [u8]) {
    let making = if bytes.len() < STAMPED { 0 } else { making };
    let mut rng = stream(id, making);
    for (at, chunk) in bytes.chunks_mut(8).enumerate() {
        let word = if at == 0 && making != 0 { making } else { rng.next() };
        chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
    }
}

/// Returns the version of these bytes; `None` when they belong to none.
fn making_of(id: &ObjectId, bytes: &[u8]) -> Option<u64> {
    let making = match bytes.first_chunk() {
        Some(first) if bytes.len() >= STAMPED => u64::from_le_bytes(*first),
        _ => 0,
    };
    let mut rng = stream(id, making);
    let right = bytes.chunks(8).enumerate().all(|(at, chunk)| {
        let word = if at == 0 && making != 0 { making } else { rng.next() };
        word.to_le_bytes()[..chunk.len()] == *chunk
    });
    right.then_some(making)
}

/// A buffer and its version at the first check.
pub struct Held {
    pub id: ObjectId,
    pub buffer: Buffer,
    making: u64,
    len: usize,
}

impl Held {
    /// Checks a buffer that was just got.
    pub fn new(id: ObjectId, buffer: Buffer) -> Held {
        let making = making_of(&id, &buffer)
            .unwrap_or_else(|| panic!("{id}: {} bytes are wrong", buffer.len()));
        let len = buffer.len();
        let held = Held { id, buffer, making, len };
        held.check();
        held
    }

    /// Checks that it has not changed.
    pub fn check(&self) {
        let Held { id, buffer, making, len } = self;
        assert_eq!(buffer.len(), *len, "{id} has another length");
        assert_eq!(making_of(id, buffer), Some(*making), "{id} has changed");
        let length = buffer.metadata(LENGTH).unwrap();
        assert_eq!(length, buffer.len().to_le_bytes(), "{id}: its metadata is another's");
    }

    pub fn making(&self) -> u64 {
        self.making
    }
}
