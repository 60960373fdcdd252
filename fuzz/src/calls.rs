//! Calls that an input asks for.

use arbitrary::Arbitrary;

/// One call of the Rust API, or one thing that a program does with what it got. Keys and indexes
/// are taken modulo what there is.
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
    /// The other of the two clients acts from now on.
    Switch,
    Disconnect,
    Connect {
        read_only: bool,
    },
}
