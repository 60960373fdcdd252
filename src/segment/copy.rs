//! Copies into the heap.
#![allow(unsafe_code)] // raw copies

/// From this size on, stores bypass the caches: the target would not fit into them, and a line that
/// is overwritten completely need not be read first. Measured by the benchmark of `put`.
#[cfg(all(target_arch = "x86_64", not(miri)))]
const STREAM_FROM: usize = 2 << 20;

/// From this size on the C library's own copy does the same, in an order of pages that is faster
/// still.
#[cfg(all(target_arch = "x86_64", not(miri)))]
const STREAM_BELOW: usize = 512 << 20;

/// Copies `len` bytes.
///
/// # Safety
/// As for [`std::ptr::copy_nonoverlapping`].
#[inline(always)]
pub unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    if (STREAM_FROM..STREAM_BELOW).contains(&len) {
        // SAFETY: as the caller's.
        unsafe { stream(from, to, len) };
        return;
    }
    // SAFETY: as the caller's.
    unsafe { std::ptr::copy_nonoverlapping(from, to, len) };
}

/// As [`copy`], by non-temporal stores.
///
/// # Safety
/// As for [`copy`].
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[cold]
unsafe fn stream(from: *const u8, to: *mut u8, len: usize) {
    use core::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_sfence, _mm_stream_si128};
    const WORD: usize = size_of::<__m128i>();
    let head = to.align_offset(WORD);
    let words = (len - head) / WORD;
    let tail = head + words * WORD;
    // SAFETY: a part of what the caller allows.
    unsafe { std::ptr::copy_nonoverlapping(from, to, head) };
    for at in (head..tail).step_by(WORD) {
        // SAFETY: the word lies in the caller's source; any alignment is allowed.
        let word = unsafe { _mm_loadu_si128(from.wrapping_add(at).cast()) };
        // SAFETY: the word lies in the caller's target, and `head` made it aligned.
        unsafe { _mm_stream_si128(to.wrapping_add(at).cast(), word) };
    }
    // A Release store does not order these stores: the fence does, and precedes the store that publishes them.
    // SAFETY: every x86-64 processor has it.
    unsafe { _mm_sfence() };
    // SAFETY: a part of what the caller allows.
    unsafe {
        std::ptr::copy_nonoverlapping(from.wrapping_add(tail), to.wrapping_add(tail), len - tail);
    }
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;

    #[test]
    fn large_copies_are_exact_at_any_alignment() {
        let source: Vec<u8> =
            (0..4 << 20).map(|at: u32| (at.wrapping_mul(2654435761) >> 24) as u8).collect();
        for (from, to, len) in [(0, 0, 3 << 20), (1, 0, (2 << 20) + 1), (3, 7, (2 << 20) + 30)] {
            let mut target = vec![0u8; source.len()];
            // SAFETY: both ranges lie in their vectors.
            unsafe { copy(source[from..].as_ptr(), target[to..].as_mut_ptr(), len) };
            assert!(target[..to].iter().all(|byte| *byte == 0));
            assert_eq!(target[to..to + len], source[from..from + len]);
            assert!(target[to + len..].iter().all(|byte| *byte == 0));
        }
    }
}
