//! The calls that an input may ask for.

use arbitrary::Arbitrary;

/// One call of the Rust API, or one use of its results. Keys and indexes are taken modulo their
/// number.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Call {
    Get(u8),
    GetByName(u8),
    GetMany(u8),
    Wait(u8),
    Look(u8),
    List,
    Clients,
    Stats,
    Check,
    Create {
        key: u8,
        size: u16,
        named: bool,
    },
    Resize(u16),
    SetMetadata(u8),
    Seal,
    SealAndGet,
    Abort,
    Put {
        key: u8,
        size: u16,
        named: bool,
    },
    GetOrCreate {
        key: u8,
        size: u16,
    },
    Delete(u8),
    Pin(u8),
    Unpin(u8),
    Evict(u32),
    Reap,
    Trim(u32),
    Subscribe,
    Events,
    Read(u8),
    Retain(u8),
    Release(u8),
    /// From here on the other one of the two clients acts.
    Switch,
    Disconnect,
    Connect {
        read_only: bool,
    },
}
