//! Object ids: 20 bytes chosen by the user.

use crate::error::{Error, Result, Status};
use std::fmt;

/// The identity of an object: 20 bytes chosen by the user, unique in a store.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ObjectId([u8; ObjectId::SIZE]);

impl ObjectId {
    /// Bytes in an id.
    pub const SIZE: usize = 20;

    /// The id with these bytes.
    #[inline(always)]
    pub const fn new(bytes: [u8; Self::SIZE]) -> Self {
        Self(bytes)
    }

    /// The bytes of this id.
    pub const fn as_bytes(&self) -> &[u8; Self::SIZE] {
        &self.0
    }

    /// A random id: 160 bits from the kernel.
    #[cfg(not(any(loom, shuttle)))]
    pub fn random() -> Result<Self> {
        let mut bytes = [0; Self::SIZE];
        crate::sys::random::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// An id from at most 20 bytes, padded with zeros.
    pub fn from_slice(bytes: &[u8]) -> Result<Self> {
        let mut id = [0; Self::SIZE];
        let Some(head) = id.get_mut(..bytes.len()) else {
            return Err(Error::new(
                Status::InvalidArgument,
                format!("an id has at most 20 bytes, not {}", bytes.len()),
            ));
        };
        head.copy_from_slice(bytes);
        Ok(Self(id))
    }

    /// An id from exactly 40 hexadecimal digits of either case.
    pub fn from_hex(text: &str) -> Result<Self> {
        let wrong = || Error::new(Status::InvalidArgument, "an id in hex has exactly 40 digits");
        if text.len() != 2 * Self::SIZE {
            return Err(wrong());
        }
        let mut id = [0; Self::SIZE];
        for (byte, pair) in id.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digit = |c: u8| char::from(c).to_digit(16);
            let (high, low) = digit(pair[0]).zip(digit(pair[1])).ok_or_else(wrong)?;
            *byte = (high * 16 + low) as u8;
        }
        Ok(Self(id))
    }

    /// The id as 40 lower-case hexadecimal digits.
    pub fn to_hex(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectId({self})")
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn hex_goes_there_and_back() {
        let id = ObjectId::from_slice(b"plasma").unwrap();
        assert_eq!(id.to_hex(), "706c61736d610000000000000000000000000000");
        assert_eq!(ObjectId::from_hex(&id.to_hex().to_uppercase()).unwrap(), id);
    }

    #[test]
    fn wrong_lengths_and_digits_are_refused() {
        assert!(ObjectId::from_slice(&[0; 21]).is_err());
        assert!(ObjectId::from_hex("70").is_err());
        assert!(ObjectId::from_hex(&"zz".repeat(20)).is_err());
    }
}
