//! Shared memory that lets processes on one machine share immutable objects without copying.
//!
//! A process creates an object, writes into its memory and
//! seals it. From then on it never changes, and any process
//! gets it as a read-only view, by id or by name, waiting until it is sealed if need
//! be. A store is a directory of shared files, usually in `/dev/shm`; there is no server: every
//! process works on the files directly. `plasma.h` is the same API for C.
//!

#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    target_pointer_width = "64",
    target_endian = "little"
)))]
compile_error!("Plasma needs 64-bit little-endian Linux on x86_64 or aarch64");

pub mod error;
pub mod id;
pub mod options;
#[doc(hidden)]
pub mod sync;
#[cfg(not(loom))]
#[doc(hidden)]
pub mod sys;

#[doc(hidden)]
pub mod layout;

#[doc(hidden)]
pub mod alloc;
#[doc(hidden)]
pub mod events;
#[doc(hidden)]
pub mod index;
#[doc(hidden)]
pub mod lease;
#[doc(hidden)]
pub mod lock;
#[doc(hidden)]
pub mod wait;

pub use error::{Error, Result, Status};
pub use id::ObjectId;
pub use options::{ConnectOptions, CreateOptions, Eviction};
