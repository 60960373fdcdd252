//! Spare memory for when the C library has none.
//!
//! Rust ends the process if a small allocation is refused: the text of an error, a list of a few
//! names, the needs of the standard library. A large request of the library may be refused
//! (`support::fallible`); this memory serves the small ones. So a call in a process without memory
//! returns OUT_OF_MEMORY with a message, and the process lives on.
#![allow(unsafe_code)] // an allocator

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::sync::atomic::{AtomicU8, AtomicU64};

const BLOCK: usize = 1024;
const WORDS: usize = 4;
/// The most blocks that one request gets; a larger request is refused.
const MOST: usize = 16;

/// Atomics, so that their contents may change; the thread that set the bit of a block owns it.
#[repr(align(4096))]
struct Blocks([AtomicU8; BLOCK * 64 * WORDS]);

static BLOCKS: Blocks = Blocks([const { AtomicU8::new(0) }; BLOCK * 64 * WORDS]);
/// A bit for each block, set if it is used.
static USED: [AtomicU64; WORDS] = [const { AtomicU64::new(0) }; WORDS];

/// The allocator of the C library, and spare blocks if that has no memory.
pub struct Spare;

fn first() -> *mut u8 {
    BLOCKS.0.as_ptr().cast_mut().cast()
}

fn mask(blocks: usize, at: usize) -> u64 {
    ((1 << blocks) - 1) << at
}

fn blocks_of(size: usize) -> usize {
    size.div_ceil(BLOCK).max(1)
}

#[cold]
fn take(layout: Layout) -> *mut u8 {
    let blocks = blocks_of(layout.size());
    if blocks > MOST || layout.align() > BLOCK {
        return std::ptr::null_mut();
    }
    for (i, word) in USED.iter().enumerate() {
        for at in 0..=64 - blocks {
            let bits = mask(blocks, at);
            let free = |used| (used & bits == 0).then_some(used | bits);
            // Acquire: the accesses of the previous owner of a block are over. Pairs with `give`.
            if word.fetch_update(AcqRel, Acquire, free).is_ok() {
                return first().wrapping_add((i * 64 + at) * BLOCK);
            }
        }
    }
    std::ptr::null_mut()
}

/// The number of the first block at `pointer`, if that is a spare block.
fn block_at(pointer: *mut u8) -> Option<usize> {
    let from = (pointer as usize).wrapping_sub(first() as usize);
    (from < BLOCK * 64 * WORDS).then_some(from / BLOCK)
}

fn give(block: usize, size: usize) {
    let bits = mask(blocks_of(size), block % 64);
    // Release: see `take`.
    USED[block / 64].fetch_and(!bits, AcqRel);
}

// SAFETY: memory comes from the system, or is blocks whose bits were clear and are now set; `take` and
// `System` give the size and alignment that the caller asks for.
unsafe impl GlobalAlloc for Spare {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is passed on.
        let memory = unsafe { System.alloc(layout) };
        if memory.is_null() { take(layout) } else { memory }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        match block_at(memory) {
            Some(block) => give(block, layout.size()),
            // SAFETY: it is not a spare block, so it is memory of the system; the rest is the
            // caller's promise.
            None => unsafe { System.dealloc(memory, layout) },
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is passed on.
        let memory = unsafe { System.alloc_zeroed(layout) };
        if !memory.is_null() {
            return memory;
        }
        let memory = take(layout);
        if !memory.is_null() {
            // SAFETY: `take` gave this many bytes, which have no other owner.
            unsafe { memory.write_bytes(0, layout.size()) };
        }
        memory
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if block_at(memory).is_none() {
            // SAFETY: as in `dealloc`.
            let moved = unsafe { System.realloc(memory, layout, size) };
            if !moved.is_null() {
                return moved;
            }
        }
        // SAFETY: the caller promises that the size is right for the alignment.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: the size is not 0, by the caller's promise.
        let moved = unsafe { self.alloc(new) };
        if !moved.is_null() {
            // SAFETY: both have this many bytes, and a new allocation overlaps no old one.
            unsafe { moved.copy_from_nonoverlapping(memory, layout.size().min(size)) };
            // SAFETY: the caller gives it up.
            unsafe { self.dealloc(memory, layout) };
        }
        moved
    }
}
