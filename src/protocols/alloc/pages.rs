//! Alignment: an extent starts at a page boundary, of a huge page if possible, where that costs
//! little.

/// Units of a page and of a huge page.
const PAGE: u64 = 4096 / 64;
const HUGE_PAGE: u64 = (2 << 20) / 64;

/// An alignment may cost at most the length of the extent divided by this.
const PART: u64 = 50;

/// Returns whether a lead of `lead` units, which nothing else can use, is acceptable before an
/// extent of `len` units.
#[inline(always)]
pub(super) const fn is_cheap(lead: u64, len: u64) -> bool {
    lead <= len / PART
}

/// Returns the distance from `from` to the start of an extent of `len` units, if memory ends at
/// `end`.
///
/// Alignment costs the lead, and the tail from the end of the extent to the next page boundary,
/// which becomes the lead of the next extent of this length. Both together are at most a 50th of
/// the length, and a heap of `capacity` units holds at least 98 % as many extents of this length.
#[inline(always)]
pub(super) fn lead(capacity: u64, from: u64, end: u64, len: u64) -> u64 {
    if len < PART {
        return 0;
    }
    for page in [HUGE_PAGE, PAGE] {
        let (lead, tail) = (from.wrapping_neg() % page, len.wrapping_neg() % page);
        let fits = from + lead + len <= end;
        if fits && is_cheap(lead + tail, len) && fill(capacity, len, tail) {
            return lead;
        }
    }
    0
}

/// Returns whether a heap holds at least 98 % as many extents of `len` units when each is followed
/// by `tail` units.
#[inline(always)]
fn fill(capacity: u64, len: u64, tail: u64) -> bool {
    if tail == 0 {
        return true;
    }
    let (most, with_tails) = (capacity / len, (capacity - len) / (len + tail) + 1);
    with_tails * PART >= most * (PART - 1)
}
