//! Where in a free block an extent starts: at a page, a huge one if possible, where that costs
//! little.

/// Units of a page, and of a huge page.
const PAGE: u64 = 4096 / 64;
const HUGE_PAGE: u64 = (2 << 20) / 64;

/// The part of an extent that its start at a page may cost.
const PART: u64 = 50;

/// Whether `lead` units, which nobody else can use, may lie before an extent of `len` units.
#[inline(always)]
pub(super) const fn is_cheap(lead: u64, len: u64) -> bool {
    lead <= len / PART
}

/// How far after `from` an extent of `len` units starts, if there is memory up to `end`.
///
/// Its start at a page costs the lead, and the way from its end to the next page, which is the lead
/// of the next like it. Both together are at most a 50th of its length, and a heap of `capacity`
/// units holds at least 98 % as many extents of this length.
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

/// Whether a heap holds at least 98 % as many extents with `tail` units after each as without.
#[inline(always)]
fn fill(capacity: u64, len: u64, tail: u64) -> bool {
    if tail == 0 {
        return true;
    }
    let (most, with_tails) = (capacity / len, (capacity - len) / (len + tail) + 1);
    with_tails * PART >= most * (PART - 1)
}
