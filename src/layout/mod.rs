//! The layout of a store's files: types, packed words and offsets, without behaviour.
#![allow(unsafe_code)] // `unsafe impl Shared`: the marker of types that may live in shared memory

pub mod block;
pub mod client;
pub mod event;
pub mod extent;
pub mod geometry;
pub mod header;
pub mod lock_word;
pub mod members;
pub mod order;
pub mod record;
pub mod shard;
pub mod wake;
pub mod word;

#[cfg(all(test, not(any(loom, shuttle))))]
mod golden;

/// A type that may live in a mapped file.
///
/// # Safety
/// `repr(C)`, any bit pattern is valid, no pointers, no padding that is read, and every field is an
/// atomic of [`crate::sync`], so that other processes may change it at any moment.
pub unsafe trait Shared {}

// SAFETY: one atomic word; any bit pattern is a value of it.
unsafe impl Shared for crate::sync::AtomicU32 {}
// SAFETY: one atomic word; any bit pattern is a value of it.
unsafe impl Shared for crate::sync::AtomicU64 {}
// SAFETY: repr(C) and made of the atomics of `sync` alone.
unsafe impl Shared for header::Header {}
// SAFETY: repr(C) and made of the atomics of `sync` alone.
unsafe impl Shared for record::Record {}
// SAFETY: repr(C) and made of the atomics of `sync` alone.
unsafe impl Shared for client::ClientHeader {}
// SAFETY: repr(C) and made of the atomics of `sync` alone.
unsafe impl Shared for client::Release {}
// SAFETY: repr(C) and made of the atomics of `sync` alone.
unsafe impl Shared for members::MembersHeader {}
// SAFETY: repr(C) and made of the atomics of `sync` alone.
unsafe impl Shared for members::Slot {}
// SAFETY: repr(C) and made of the atomics of `sync` alone.
unsafe impl Shared for members::MemberHeader {}

// SAFETY: repr(C) and made of the atomics of `sync` alone.
unsafe impl Shared for block::Block {}
// SAFETY: repr(C) and made of the atomics of `sync` alone.
unsafe impl Shared for event::EventEntry {}
// SAFETY: repr(C) and made of the atomics of `sync` alone.
unsafe impl Shared for wake::WakePage {}

/// First constant of the hash of ids: 2^64 divided by the golden ratio.
pub const HASH_K0: u64 = 0x9e37_79b9_7f4a_7c15;

/// Second constant of the hash of ids.
pub const HASH_K1: u64 = 0xe703_7ed1_a0b4_28db;

/// Version of everything in this module. Stores of other versions are refused.
pub const LAYOUT_VERSION: u32 = 2;
