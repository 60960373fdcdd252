//! Plasma lets the processes of one Linux machine share immutable objects without copying them. A process
//! [creates](Client::create) an object, writes into its memory and [seals](MutableBuffer::seal) it; from then on
//! the object never changes, and any process can [get](Client::get) a read-only view of it, by id or by name, and
//! wait until it is sealed. There is no server: a store is a directory of shared files, in `/dev/shm` by default,
//! and every process works on it directly.
//!
//! ```
//! use plasma::{Client, ConnectOptions, CreateOptions, ObjectId};
//!
//! let options = ConnectOptions::default().ephemeral(true);
//! let client = Client::connect(Some("docs-example"), &options)?;
//! let named = CreateOptions::default().name(Some("greeting"));
//! client.put(&ObjectId::random()?, b"hello", &named)?;
//!
//! let buffer = client.get_by_name("greeting", None)?; // in any process
//! assert_eq!(&*buffer, b"hello");
//! # Ok::<(), plasma::Error>(())
//! ```
//!
//! # How it works, on one page
//!
//! * The **object table** is the truth: one record for each object, and one 64-bit word in each
//!   record that decides everything (`layout::word::RecordWord`): FREE, WRITING, SEALED, DOOMED.
//!   Hash chains, free lists and the heap's allocator are a cache of it.
//! * A **get** walks a hash chain, writes a *lease* into a word of this client's own, fences,
//!   and checks that the record is still SEALED. It takes no lock and makes no system call
//!   (`protocols::index`, `protocols::lease`).
//! * **Changes** to the chains, the allocator and the free lists happen under one writer lock
//!   (`protocols::writer_lock`), a word that can be stolen from a dead owner. The thief rebuilds the
//!   cache from the table.
//! * **Deleting** makes an object DOOMED: invisible at once, its memory kept until no live process
//!   leases it. A kernel lock on a client's serial shows whether its process is alive; its pid never does.
//!
//! The layers below the API are public with the feature `internals`, which is for the C library and the
//! tests of this project: they may change in any version. ARCHITECTURE.md walks through them, and
//! docs/internals describes the bytes and the protocols.
#![cfg_attr(not(feature = "internals"), allow(dead_code, unused_imports))]

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
#[cfg_attr(any(loom, shuttle), allow(dead_code))]
mod support;

#[cfg(not(feature = "internals"))]
mod layout;
#[cfg(feature = "internals")]
pub mod layout;

#[cfg(not(feature = "internals"))]
mod protocols;
#[cfg(feature = "internals")]
pub mod protocols;

#[cfg(not(feature = "internals"))]
mod sync;
#[cfg(feature = "internals")]
#[cfg_attr(any(loom, shuttle), allow(missing_docs))]
pub mod sync;

#[cfg(all(not(feature = "internals"), not(any(loom, shuttle))))]
mod sys;
#[cfg(all(feature = "internals", not(any(loom, shuttle))))]
pub mod sys;

#[cfg(all(test, any(loom, shuttle)))]
mod models;

#[cfg(not(any(loom, shuttle)))]
mod segment;

#[cfg(not(any(loom, shuttle)))]
mod buffer;
#[cfg(not(any(loom, shuttle)))]
mod client;
#[cfg(not(any(loom, shuttle)))]
pub mod info;
#[cfg(not(any(loom, shuttle)))]
mod mutable_buffer;
#[cfg(not(any(loom, shuttle)))]
mod store;
#[cfg(not(any(loom, shuttle)))]
mod subscription;

#[cfg(all(feature = "internals", not(any(loom, shuttle))))]
pub mod ffi;

pub use error::{Error, Result, Status};
pub use id::ObjectId;
pub use options::{ConnectOptions, CreateOptions, Eviction};
#[cfg(not(any(loom, shuttle)))]
pub use segment::directory_of_words;
#[cfg(not(any(loom, shuttle)))]
pub use {
    buffer::Buffer,
    client::{Client, GetOrCreate},
    info::{
        Activity, CheckReport, ClientInfo, HeapBlock, HeapMap, Holding, ObjectInfo, ObjectState,
        Problem, Stats, StoreFacts, WaitOutcome,
    },
    mutable_buffer::{EndError, MutableBuffer},
    subscription::{Event, EventKind, Subscription},
};
