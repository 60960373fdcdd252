//! Allocations of this process that may fail.
//!
//! Memory that grows with the store, with the arguments of a call or with the actions of other
//! processes is allocated here. Its lack is OUT_OF_MEMORY, where a plain `Vec` would end the
//! process.

use crate::error::{Error, Result, Status, Words};

/// Returns the error of a refused allocation. It needs no memory itself.
#[cold]
pub fn refused() -> Error {
    static WORDS: Words = Words::new(
        Status::OutOfMemory,
        libc::ENOMEM,
        "this process cannot allocate memory; raise its limit of address space (ulimit -v), or \
         reduce its memory use",
    );
    Error::fixed(&WORDS)
}

/// Appends to a list.
pub fn push<T>(list: &mut Vec<T>, item: T) -> Result<()> {
    list.try_reserve(1).map_err(|_| refused())?;
    list.push(item);
    Ok(())
}

/// Returns an empty list with room for `len` items.
pub fn with_room<T>(len: usize) -> Result<Vec<T>> {
    let mut list = Vec::new();
    list.try_reserve_exact(len).map_err(|_| refused())?;
    Ok(list)
}

/// Returns a list of all `items`.
pub fn collect<T>(items: impl IntoIterator<Item = T>) -> Result<Vec<T>> {
    let items = items.into_iter();
    let mut list = with_room(items.size_hint().0)?;
    for item in items {
        push(&mut list, item)?;
    }
    Ok(list)
}

/// Returns a list of `len` copies of `item`.
pub fn repeat<T: Clone>(item: T, len: usize) -> Result<Vec<T>> {
    let mut list = with_room(len)?;
    list.resize(len, item);
    Ok(list)
}

/// Returns a copy of some text.
pub fn text(text: &str) -> Result<String> {
    let mut copy = String::new();
    copy.try_reserve_exact(text.len()).map_err(|_| refused())?;
    copy.push_str(text);
    Ok(copy)
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_refused_allocation_is_an_error() {
        let error = with_room::<u64>(isize::MAX as usize / 8).unwrap_err();
        assert_eq!((error.status(), error.errno()), (Status::OutOfMemory, libc::ENOMEM));
        assert!(repeat(0u8, isize::MAX as usize).is_err());
        assert!(error.to_string().contains("ulimit -v"));
    }

    #[test]
    fn lists_hold_what_was_put_in() {
        assert_eq!(collect([1, 2, 3].into_iter().filter(|n| *n != 2)).unwrap(), [1, 3]);
        assert_eq!((repeat(7, 2).unwrap(), text("a").unwrap()), (vec![7, 7], "a".to_owned()));
    }
}
