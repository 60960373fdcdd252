//! The names and permissions of the files of a store.

use crate::error::{Error, Result, Status};
use std::ffi::{CStr, CString};

/// Header, writer lock, object table, chains, allocator, events.
pub const INDEX: &CStr = c"index";
/// Object data and metadata.
pub const HEAP: &CStr = c"heap";
/// The words that waiters sleep on.
pub const WAKE: &CStr = c"wake";
/// Locked by a remover; it exists only during a removal.
pub const REMOVE: &CStr = c"remove";
/// The clients that may write.
pub const MEMBERS: &CStr = c"members";
/// Contains the files of which the clients that may write lock a byte each.
pub const LOCKS: &CStr = c"locks";
/// The same locks, for readers of another uid to ask about.
pub const BEACON: &CStr = c"beacon";
/// Contains one file for each reader of another uid.
pub const READERS: &CStr = c"readers";

/// The permissions of all files of a store, derived from the mode of `index` and `heap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Modes {
    /// The directory of the store, which only its owner may write.
    pub dir: u32,
    /// `index`, `heap`, `wake`, `members` and `beacon`. A process that may write a file may also truncate it, and then
    /// every process that has it mapped faults; so readers may write none of them.
    pub shared: u32,
    /// `locks/`, for users with write permission.
    pub locks: u32,
    /// The files in `locks/`. A process that may read a file can lock it, and with read locks keep
    /// others from their write locks; so readers may open none of them.
    pub lock: u32,
    /// `readers/`, for users with read permission only; sticky. `None` when there are no such
    /// users.
    pub readers: Option<u32>,
}

impl Modes {
    /// Derives the permissions from the mode that the creator asked for.
    pub fn new(mode: u32) -> Result<Self> {
        let (dir, readers) = match mode {
            0o600 => (0o700, None),
            0o640 => (0o750, Some(0o1770)),
            0o644 => (0o755, Some(0o1777)),
            0o660 => (0o750, None),
            0o664 => (0o755, Some(0o1777)),
            _ => {
                return Err(Error::new(
                    Status::InvalidArgument,
                    format!(
                        "mode {mode:04o}: a store is private (0600), group-read (0640), \
                         world-read (0644), group-write (0660) or both (0664)"
                    ),
                ));
            }
        };
        let (locks, lock) = if mode & 0o020 == 0 { (0o700, 0o600) } else { (0o750, 0o660) };
        Ok(Self { dir, shared: mode, locks, lock, readers })
    }
}

/// Returns the canonical name of a slot in `readers/`, or of a file in `locks/`: its decimal number, no sign and no leading zero.
pub fn slot_name(slot: u32) -> CString {
    CString::new(slot.to_string()).unwrap_or_default()
}

/// Returns the slot of which `name` is the canonical name.
pub fn slot_of(name: &CStr) -> Option<u32> {
    let text = name.to_str().ok()?;
    let slot: u32 = text.parse().ok()?;
    (slot < crate::layout::client::READERS && slot.to_string() == text).then_some(slot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_slot_names_count() {
        assert_eq!(slot_of(c"0"), Some(0));
        assert_eq!(slot_of(c"1023"), Some(1023));
        for name in [c"1024", c"01", c"+1", c"-1", c"", c"1 ", c"x"] {
            assert_eq!(slot_of(name), None, "{name:?}");
        }
    }

    #[test]
    fn nobody_but_the_owner_may_write_the_directory() {
        for mode in [0o600, 0o640, 0o644, 0o660, 0o664] {
            let modes = Modes::new(mode).unwrap();
            assert_eq!(modes.dir & 0o022, 0);
            assert_eq!((modes.shared, modes.shared & 0o002), (mode, 0));
        }
        assert!(Modes::new(0o666).is_err());
        assert!(Modes::new(0o400).is_err());
    }
}
