//! Name and metadata of an object, as they lie in its metadata extent.
//!
//! ```text
//! u32 payload   bytes of all keys and values
//! u32 count     keys
//! u32 name_len  bytes of the name, 0 when it has none
//! u32 0
//! name, NUL, zeros up to 8
//! count times:  u32 key_len, u32 value_len, key, NUL, zeros up to 8, value, zeros up to 8
//! ```

use crate::error::{Error, Result, Status};
use crate::support::fallible;
use std::ffi::CStr;

/// Bytes of all keys and values of one object.
const MAX_PAYLOAD: usize = 64 * 1024;

/// Bytes of a name.
const MAX_NAME: usize = 255;

const HEAD: usize = 16;

/// Name and metadata of an unsealed object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The name, if the object has one.
    pub name: Option<String>,
    pairs: Vec<(String, Vec<u8>)>,
}

impl Metadata {
    /// Checks and copies the arguments of a creator.
    #[inline(always)]
    pub fn new(name: Option<&str>, pairs: &[(&str, &[u8])]) -> Result<Self> {
        if name.is_none() && pairs.is_empty() { Ok(Self::default()) } else { Self::of(name, pairs) }
    }

    fn of(name: Option<&str>, pairs: &[(&str, &[u8])]) -> Result<Self> {
        if let Some(name) = name {
            validate_name(name)?;
        }
        let mut made = Self { name: name.map(fallible::text).transpose()?, pairs: Vec::new() };
        for (key, value) in pairs {
            made.set(key, value)?;
        }
        Ok(made)
    }

    /// Sets or replaces the value of `key`; on failure nothing changes.
    pub fn set(&mut self, key: &str, value: &[u8]) -> Result<()> {
        if key.is_empty() || key.contains('\0') {
            return Err(Error::new(
                Status::InvalidArgument,
                "a metadata key is empty or has a NUL",
            ));
        }
        let at = self.pairs.iter().position(|(k, _)| k == key);
        let old = at.map_or(0, |i| key.len() + self.pairs[i].1.len());
        let payload = self.payload() - old + key.len() + value.len();
        if payload > MAX_PAYLOAD {
            return Err(Error::new(
                Status::Limit,
                format!("keys and values have {payload} bytes, but the limit is {MAX_PAYLOAD}"),
            ));
        }
        match at {
            Some(i) => self.pairs[i].1 = copy(value)?,
            None => fallible::push(&mut self.pairs, (fallible::text(key)?, copy(value)?))?,
        }
        Ok(())
    }

    /// An independent copy.
    pub fn copy(&self) -> Result<Self> {
        let mut pairs = fallible::with_room(self.pairs.len() + 1)?;
        for (key, value) in &self.pairs {
            pairs.push((fallible::text(key)?, copy(value)?));
        }
        Ok(Self { name: self.name.as_deref().map(fallible::text).transpose()?, pairs })
    }

    /// Bytes of all keys and values.
    pub fn payload(&self) -> usize {
        self.pairs.iter().map(|(key, value)| key.len() + value.len()).sum()
    }

    /// Bytes of the metadata extent.
    pub fn encoded_len(&self) -> usize {
        let name = self.name.as_deref().unwrap_or_default();
        if name.is_empty() && self.pairs.is_empty() {
            return 0;
        }
        let padded = |len: usize| len.next_multiple_of(8);
        let pair =
            |(key, value): &(String, Vec<u8>)| 8 + padded(key.len() + 1) + padded(value.len());
        HEAD + padded(name.len() + 1) + self.pairs.iter().map(pair).sum::<usize>()
    }

    /// The bytes of the metadata extent; empty without name and metadata.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let len = self.encoded_len();
        if len == 0 {
            return Ok(Vec::new());
        }
        // Nothing below allocates.
        let mut out = fallible::with_room(len)?;
        let name = self.name.as_deref().unwrap_or_default();
        for word in [self.payload(), self.pairs.len(), name.len(), 0] {
            out.extend_from_slice(&(word as u32).to_le_bytes());
        }
        push_text(&mut out, name);
        for (key, value) in &self.pairs {
            out.extend_from_slice(&(key.len() as u32).to_le_bytes());
            out.extend_from_slice(&(value.len() as u32).to_le_bytes());
            push_text(&mut out, key);
            out.extend_from_slice(value);
            pad(&mut out);
        }
        Ok(out)
    }
}

fn copy(value: &[u8]) -> Result<Vec<u8>> {
    fallible::collect(value.iter().copied())
}

/// Returns an error for a name that no object can have.
#[inline]
pub fn validate_name(name: &str) -> Result<()> {
    if name.is_empty() || name.len() > MAX_NAME || name.contains('\0') {
        return Err(Error::new(
            Status::InvalidArgument,
            format!("a name has 1 to {MAX_NAME} bytes and no NUL; this one has {}", name.len()),
        ));
    }
    Ok(())
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
    out.push(0);
    pad(out);
}

fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(8), 0);
}

/// Name and metadata in shared memory: every length is checked against the extent.
#[derive(Clone, Copy)]
pub struct MetadataView<'a>(pub &'a [u8]);

impl<'a> MetadataView<'a> {
    fn read_u32(&self, at: usize) -> Result<usize> {
        let bytes = self.0.get(at..at + 4).ok_or_else(nonsense)?;
        let mut word = [0; 4];
        word.copy_from_slice(bytes);
        Ok(u32::from_le_bytes(word) as usize)
    }

    /// The `len` bytes and a NUL at `at`; also the position of the next item.
    fn read_text(&self, at: usize, len: usize) -> Result<(&'a CStr, usize)> {
        let end = at.checked_add(len).and_then(|end| end.checked_add(1)).ok_or_else(nonsense)?;
        let bytes = self.0.get(at..end).ok_or_else(nonsense)?;
        let text = CStr::from_bytes_with_nul(bytes).map_err(|_| nonsense())?;
        Ok((text, end.next_multiple_of(8)))
    }

    /// Bytes of all keys and values.
    pub fn payload(&self) -> Result<u64> {
        if self.0.is_empty() { Ok(0) } else { Ok(self.read_u32(0)? as u64) }
    }

    /// The number of keys.
    pub fn count(&self) -> Result<u64> {
        if self.0.is_empty() { Ok(0) } else { Ok(self.read_u32(4)? as u64) }
    }

    /// The name; empty if the object has none.
    pub fn name(&self) -> Result<&'a str> {
        if self.0.is_empty() {
            return Ok("");
        }
        let (name, _) = self.read_text(HEAD, self.read_u32(8)?)?;
        name.to_str().map_err(|_| nonsense())
    }

    /// Keys and values in the order in which they were first set.
    pub fn pairs(&self) -> Pairs<'a> {
        let start = || -> Result<(usize, u64)> {
            if self.0.is_empty() {
                return Ok((0, 0));
            }
            Ok((self.read_text(HEAD, self.read_u32(8)?)?.1, self.count()?))
        };
        Pairs { view: *self, next: start() }
    }
}

/// Iterator over keys and values.
pub struct Pairs<'a> {
    view: MetadataView<'a>,
    next: Result<(usize, u64)>,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Result<(&'a CStr, &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        let (at, left) = match &self.next {
            Ok(next) => *next,
            Err(error) => {
                let error = error.clone();
                self.next = Ok((0, 0));
                return Some(Err(error));
            }
        };
        if left == 0 {
            return None;
        }
        let pair = || {
            let (key_len, value_len) = (self.view.read_u32(at)?, self.view.read_u32(at + 4)?);
            let (key, value_at) = self.view.read_text(at + 8, key_len)?;
            let end = value_at.checked_add(value_len).ok_or_else(nonsense)?;
            let value = self.view.0.get(value_at..end).ok_or_else(nonsense)?;
            Ok((key, value, end.next_multiple_of(8)))
        };
        match pair() {
            Ok((key, value, next)) => {
                self.next = Ok((next, left - 1));
                Some(Ok((key, value)))
            }
            Err(error) => {
                self.next = Ok((0, 0));
                Some(Err(error))
            }
        }
    }
}

#[cold]
fn nonsense() -> Error {
    Error::new(Status::Corrupt, "the metadata of the object is corrupt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_read_back() {
        let pairs: &[(&str, &[u8])] = &[("format", b"arrow"), ("empty", b""), ("k", &[0, 255, 0])];
        let made = Metadata::new(Some("n\u{e9}"), pairs).unwrap();
        let bytes = made.encode().unwrap();
        assert_eq!((bytes.len(), bytes.capacity()), (made.encoded_len(), made.encoded_len()));
        let view = MetadataView(&bytes);
        assert_eq!(view.name().unwrap(), "n\u{e9}");
        assert_eq!(view.payload().unwrap(), (6 + 5 + 5 + 1 + 3) as u64);
        let read: Vec<_> = view.pairs().map(Result::unwrap).collect();
        assert_eq!(read.len() as u64, view.count().unwrap());
        for ((key, value), (k, v)) in pairs.iter().zip(read) {
            assert_eq!((key.as_bytes(), *value), (k.to_bytes(), v));
        }
    }

    #[test]
    fn setting_again_replaces_and_too_much_changes_nothing() {
        let mut made = Metadata::new(None, &[("a", b"1"), ("b", b"2")]).unwrap();
        made.set("a", b"longer").unwrap();
        let before = made.clone();
        let error = made.set("c", &vec![0; MAX_PAYLOAD]).unwrap_err();
        assert_eq!((error.status(), &made), (Status::Limit, &before));
    }

    #[test]
    fn cut_or_scribbled_bytes_are_an_error_never_a_panic() {
        let made = Metadata::new(Some("name"), &[("key", b"value"), ("other", b"thing")]).unwrap();
        let bytes = made.encode().unwrap();
        assert_eq!((bytes.len(), bytes.capacity()), (made.encoded_len(), made.encoded_len()));
        for cut in 1..bytes.len() {
            let view = MetadataView(&bytes[..cut]);
            let _ = (view.name(), view.payload(), view.pairs().count());
        }
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 0xff;
            let view = MetadataView(&bad);
            let _ = (view.name(), view.payload(), view.pairs().take(100).count());
        }
    }
}
