//! Mapped bytes as typed slices.
#![allow(unsafe_code)] // the one place where mapped bytes become references

use crate::error::{Error, Result, Status};
use crate::layout::Shared;
use crate::sys::map::Map;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;

/// A slice of `T` in a mapped file; keeps the mapping.
pub struct Section<T: Shared> {
    first: NonNull<T>,
    count: usize,
    _map: Arc<Map>,
}

impl<T: Shared> Section<T> {
    /// Returns the `count` values at byte `offset` of `map`, if they lie in it and are aligned.
    pub fn new(map: &Arc<Map>, offset: u64, count: u64) -> Result<Self> {
        let wrong = || Error::new(Status::Corrupt, "a section of the store lies outside its file");
        let bytes = count.checked_mul(size_of::<T>() as u64).ok_or_else(wrong)?;
        let end = offset.checked_add(bytes).ok_or_else(wrong)?;
        if end > map.len() as u64 {
            return Err(wrong());
        }
        let first = NonNull::new(map.ptr().wrapping_add(offset as usize).cast::<T>());
        let first = first.filter(|first| first.is_aligned()).ok_or_else(wrong)?;
        Ok(Self { first, count: count as usize, _map: Arc::clone(map) })
    }
}

impl<T: Shared> Deref for Section<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: `new` checked bounds and alignment, `_map` keeps the bytes mapped, and `T: Shared`
        // makes any bytes a value that others may change.
        unsafe { std::slice::from_raw_parts(self.first.as_ptr(), self.count) }
    }
}

/// One `T` in a mapped file; keeps the mapping.
pub struct Single<T: Shared>(Section<T>);

impl<T: Shared> Single<T> {
    /// Returns the value at byte `offset` of `map`, as by [`Section::new`].
    pub fn new(map: &Arc<Map>, offset: u64) -> Result<Self> {
        Section::new(map, offset, 1).map(Self)
    }
}

impl<T: Shared> Deref for Single<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: as for the slice of the section, which is not empty.
        unsafe { self.0.first.as_ref() }
    }
}

// SAFETY: `T: Shared` is made of atomics; the map may be used from any thread.
unsafe impl<T: Shared> Send for Section<T> {}
// SAFETY: as for `Send`.
unsafe impl<T: Shared> Sync for Section<T> {}
