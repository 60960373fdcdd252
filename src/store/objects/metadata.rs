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
use std::ops::Range;

/// Bytes of all keys and values of one object.
const MAX_PAYLOAD: usize = 64 * 1024;

/// Bytes of a name.
const MAX_NAME: usize = 255;

// The words of the head.
const PAYLOAD: usize = 0;
const COUNT: usize = 4;
const NAME_LEN: usize = 8;
const HEAD: usize = 16;

/// Bytes before the text of a key.
const PAIR_HEAD: usize = 8;

/// Name and metadata of an unsealed object: the bytes of its metadata extent. Empty without name
/// and metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata(Vec<u8>);

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
        let name = name.unwrap_or_default();
        let lens = pairs.iter().map(|(key, value)| pair_len(key.len(), value.len()));
        // With more the limit is exceeded, unless keys are there twice.
        let room = lens.fold(head_len(name.len()), usize::saturating_add).min(2 * MAX_PAYLOAD);
        let mut made = Self(fallible::with_room(room)?);
        made.push_head(name);
        for (key, value) in pairs {
            let len = made.0.len() + pair_len(key.len(), value.len());
            if len > made.0.capacity() || made.find(key).is_some() {
                made = made.with(key, value)?;
            } else {
                checked_payload(made.payload(), key, value)?;
                made.push_pair(key, value);
            }
        }
        Ok(made)
    }

    /// A copy with the value of `key` set or replaced.
    pub fn with(&self, key: &str, value: &[u8]) -> Result<Self> {
        let old = self.find(key);
        let old_len = old.as_ref().map_or(0, |old| old.bytes.len());
        let payload = self.payload() - old.as_ref().map_or(0, |old| old.payload);
        checked_payload(payload, key, value)?;
        let len = self.0.len().max(head_len(0)) - old_len + pair_len(key.len(), value.len());
        let mut made = Self(fallible::with_room(len)?);
        let end = self.0.len();
        let gap = old.map_or(end..end, |old| old.bytes);
        match end {
            0 => made.push_head(""),
            _ => made.0.extend_from_slice(&self.0[..gap.start]),
        }
        made.put(PAYLOAD, payload);
        if gap.start < end {
            made.put(COUNT, self.get(COUNT) - 1);
        }
        made.push_pair(key, value);
        made.0.extend_from_slice(&self.0[gap.end..]);
        Ok(made)
    }

    /// Bytes of all keys and values.
    pub fn payload(&self) -> usize {
        if self.0.is_empty() { 0 } else { self.get(PAYLOAD) }
    }

    /// The bytes of the metadata extent.
    pub fn text(&self) -> &[u8] {
        &self.0
    }

    fn get(&self, at: usize) -> usize {
        let mut word = [0; 4];
        word.copy_from_slice(&self.0[at..at + 4]);
        u32::from_le_bytes(word) as usize
    }

    /// The lengths of key and value of the pair there.
    #[inline(always)]
    fn lens(&self, at: usize) -> (usize, usize) {
        let mut lens = [0; PAIR_HEAD];
        lens.copy_from_slice(&self.0[at..at + PAIR_HEAD]);
        let lens = u64::from_le_bytes(lens);
        (lens as u32 as usize, (lens >> 32) as usize)
    }

    fn put(&mut self, at: usize, value: usize) {
        self.0[at..at + 4].copy_from_slice(&(value as u32).to_le_bytes());
    }

    fn find(&self, key: &str) -> Option<Pair> {
        if self.0.is_empty() {
            return None;
        }
        let mut at = head_len(self.get(NAME_LEN));
        while at < self.0.len() {
            let (key_len, value_len) = self.lens(at);
            let end = at + pair_len(key_len, value_len);
            let text = at + PAIR_HEAD;
            if key_len == key.len() && &self.0[text..text + key_len] == key.as_bytes() {
                return Some(Pair { bytes: at..end, payload: key_len + value_len });
            }
            at = end;
        }
        None
    }

    // The functions below allocate nothing: there is room.

    fn push_head(&mut self, name: &str) {
        for word in [0, 0, name.len(), 0] {
            self.0.extend_from_slice(&(word as u32).to_le_bytes());
        }
        self.push_text(name);
    }

    fn push_pair(&mut self, key: &str, value: &[u8]) {
        let lens = (value.len() as u64) << 32 | key.len() as u64;
        self.0.extend_from_slice(&lens.to_le_bytes());
        self.push_text(key);
        self.0.extend_from_slice(value);
        self.pad();
        self.put(PAYLOAD, self.get(PAYLOAD) + key.len() + value.len());
        self.put(COUNT, self.get(COUNT) + 1);
    }

    fn push_text(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
        self.pad();
    }

    fn pad(&mut self) {
        self.0.extend_from_slice(&[0; 7][..self.0.len().next_multiple_of(8) - self.0.len()]);
    }
}

/// A key and its value in the text.
struct Pair {
    bytes: Range<usize>,
    payload: usize,
}

fn head_len(name: usize) -> usize {
    HEAD + (name + 1).next_multiple_of(8)
}

fn pair_len(key: usize, value: usize) -> usize {
    PAIR_HEAD + (key + 1).next_multiple_of(8) + value.next_multiple_of(8)
}

/// The bytes of keys and values with one more, if that is allowed.
fn checked_payload(payload: usize, key: &str, value: &[u8]) -> Result<usize> {
    if key.is_empty() || key.contains('\0') {
        return Err(Error::new(Status::InvalidArgument, "a metadata key is empty or has a NUL"));
    }
    let payload = payload + key.len() + value.len();
    if payload > MAX_PAYLOAD {
        return Err(Error::new(
            Status::Limit,
            format!("keys and values have {payload} bytes, but the limit is {MAX_PAYLOAD}"),
        ));
    }
    Ok(payload)
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
        if self.0.is_empty() { Ok(0) } else { Ok(self.read_u32(PAYLOAD)? as u64) }
    }

    /// The number of keys.
    pub fn count(&self) -> Result<u64> {
        if self.0.is_empty() { Ok(0) } else { Ok(self.read_u32(COUNT)? as u64) }
    }

    /// The name; empty if the object has none.
    pub fn name(&self) -> Result<&'a str> {
        if self.0.is_empty() {
            return Ok("");
        }
        let (name, _) = self.read_text(HEAD, self.read_u32(NAME_LEN)?)?;
        name.to_str().map_err(|_| nonsense())
    }

    /// Keys and values in the order in which they were first set.
    pub fn pairs(&self) -> Pairs<'a> {
        let start = || -> Result<(usize, u64)> {
            if self.0.is_empty() {
                return Ok((0, 0));
            }
            Ok((self.read_text(HEAD, self.read_u32(NAME_LEN)?)?.1, self.count()?))
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
        let bytes = made.text();
        assert_eq!(bytes.len(), made.0.capacity());
        let view = MetadataView(bytes);
        assert_eq!(view.name().unwrap(), "n\u{e9}");
        assert_eq!(view.payload().unwrap(), (6 + 5 + 5 + 1 + 3) as u64);
        let read: Vec<_> = view.pairs().map(Result::unwrap).collect();
        assert_eq!(read.len() as u64, view.count().unwrap());
        for ((key, value), (k, v)) in pairs.iter().zip(read) {
            assert_eq!((key.as_bytes(), *value), (k.to_bytes(), v));
        }
    }

    #[test]
    fn setting_again_replaces_and_too_much_is_refused() {
        let made = Metadata::new(None, &[("a", b"1"), ("b", b"2")]).unwrap();
        let longer = made.with("a", &[7; 20]).unwrap();
        assert_eq!(longer.0.len(), longer.0.capacity());
        let pairs: &[(&str, &[u8])] = &[("a", &[7; 20]), ("b", b"2")];
        assert_eq!(longer, Metadata::new(None, pairs).unwrap());
        let pairs: &[(&str, &[u8])] = &[("a", b"1"), ("b", b""), ("a", &[7; 20]), ("b", b"2")];
        assert_eq!(longer, Metadata::new(None, pairs).unwrap());
        assert_eq!(longer.payload(), 23);
        let error = made.with("c", &vec![0; MAX_PAYLOAD]).unwrap_err();
        assert_eq!(error.status(), Status::Limit);
        assert!(made.with("a", &vec![0; MAX_PAYLOAD - 3]).is_ok());
        let one_by_one = Metadata::default().with("a", b"1").unwrap().with("b", b"2").unwrap();
        assert_eq!(one_by_one, made);
        for bad in ["", "a\0"] {
            assert_eq!(made.with(bad, b"").unwrap_err().status(), Status::InvalidArgument);
        }
    }

    #[test]
    fn cut_or_scribbled_bytes_are_an_error_never_a_panic() {
        let made = Metadata::new(Some("name"), &[("key", b"value"), ("other", b"thing")]).unwrap();
        let bytes = made.text();
        for cut in 1..bytes.len() {
            let view = MetadataView(&bytes[..cut]);
            let _ = (view.name(), view.payload(), view.pairs().count());
        }
        for at in 0..bytes.len() {
            let mut bad = bytes.to_vec();
            bad[at] ^= 0xff;
            let view = MetadataView(&bad);
            let _ = (view.name(), view.payload(), view.pairs().take(100).count());
        }
    }
}
