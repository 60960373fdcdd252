//! The word of the writer lock.

/// Slots that can own the lock: 0 to 2047.
pub const OWNER_SLOTS: u16 = 2048;

const OWNER: u64 = 0xffff;
const WAITERS: u64 = 1 << 16;
const RECOVER: u64 = 1 << 17;
const RESERVED: u64 = 0xfffc_0000;
const SEQUENCE_SHIFT: u32 = 32;

/// A value of the writer lock.
///
/// The low 32 bits are the futex half, which changes whenever a sleeper must load the word again.
/// The high 32 bits are a sequence, advanced by each acquire and each steal, so two words with the
/// same owner and sequence belong to the same holding (2^32 acquires within one inspection are
/// ruled out).
///
/// | bits  | field    |                                               |
/// |-------|----------|-----------------------------------------------|
/// | 0-15  | owner    | client slot + 1; 0 is free                    |
/// | 16    | WAITERS  | there may be sleepers on the futex half       |
/// | 17    | RECOVER  | the protected data must be rebuilt before use |
/// | 18-31 | reserved | 0                                             |
/// | 32-63 | sequence | advanced by each acquire and steal            |
///
/// | owner | WAITERS | RECOVER | state                                              |
/// |-------|---------|---------|----------------------------------------------------|
/// | 0     | 0       | 0       | free                                               |
/// | 0     | 0       | 1       | free; the next owner recovers first                |
/// | 0     | 1       | any     | never stored; treated as free, and the bit is kept |
/// | s + 1 | 0       | 0       | s is at work                                       |
/// | s + 1 | 1       | 0       | s is at work and wakes all when it releases        |
/// | s + 1 | any     | 1       | s recovers, or has to; the bit stays if s dies     |
/// | >2048 | any     | any     | corrupt                                            |
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LockWord(u64);

impl LockWord {
    /// The word of a new store: free, nothing to recover.
    pub const FREE: LockWord = LockWord(0);

    /// Returns a word as loaded; [`is_valid`](Self::is_valid) judges it.
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// Returns the word as stored.
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// Returns whether Plasma can have stored this word.
    pub const fn is_valid(self) -> bool {
        self.0 & OWNER <= OWNER_SLOTS as u64 && self.0 & RESERVED == 0
    }

    /// Returns the slot that holds the lock.
    pub const fn owner(self) -> Option<u16> {
        ((self.0 & OWNER) as u16).checked_sub(1)
    }

    /// Returns whether there may be sleepers on the futex half.
    pub const fn has_waiters(self) -> bool {
        self.0 & WAITERS != 0
    }

    /// Returns whether the protected data must be rebuilt before use.
    pub const fn needs_recovery(self) -> bool {
        self.0 & RECOVER != 0
    }

    /// Returns the sequence, which each acquire and each steal advances.
    pub const fn sequence(self) -> u32 {
        (self.0 >> SEQUENCE_SHIFT) as u32
    }

    /// Returns the value that a waiter sleeps on: the low 32 bits, whatever the byte order is.
    pub const fn futex_half(self) -> u32 {
        self.0 as u32
    }

    /// Returns whether both words belong to one holding by one owner.
    pub const fn same_holding(self, other: Self) -> bool {
        let which = OWNER | (!0 << SEQUENCE_SHIFT);
        self.0 & which == other.0 & which
    }

    /// Returns the next holding, by `slot`, with the same bits.
    #[must_use]
    pub const fn acquired_by(self, slot: u16) -> Self {
        let sequence = self.sequence().wrapping_add(1) as u64;
        let kept = self.0 & (WAITERS | RECOVER);
        Self((sequence << SEQUENCE_SHIFT) | kept | (slot as u64 + 1))
    }

    /// Returns the next holding, by `slot`, which must recover the data of the dead owner.
    #[must_use]
    pub const fn stolen_by(self, slot: u16) -> Self {
        Self(self.acquired_by(slot).0 | RECOVER)
    }

    /// Returns the same holding, with the bit for sleepers.
    #[must_use]
    pub const fn with_waiters(self) -> Self {
        Self(self.0 | WAITERS)
    }

    /// Returns the same holding, without the bit for recovery.
    #[must_use]
    pub const fn recovered(self) -> Self {
        Self(self.0 & !RECOVER)
    }

    /// Returns the same holding, with the bit for recovery.
    #[must_use]
    pub const fn needing_recovery(self) -> Self {
        Self(self.0 | RECOVER)
    }

    /// Returns the free lock: without sleepers, and with the same bit for recovery.
    #[must_use]
    pub const fn released(self) -> Self {
        Self(self.0 & !(OWNER | WAITERS))
    }
}

impl std::fmt::Debug for LockWord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LockWord")
            .field("owner", &self.owner())
            .field("waiters", &self.has_waiters())
            .field("recover", &self.needs_recovery())
            .field("sequence", &self.sequence())
            .field("valid", &self.is_valid())
            .finish()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_touch_each_other() {
        let word = LockWord::FREE.acquired_by(2047).with_waiters();
        assert_eq!(word.raw(), 1 << 32 | 1 << 16 | 2048);
        assert_eq!((word.owner(), word.has_waiters()), (Some(2047), true));
        assert!(!word.needs_recovery());
        let word = word.stolen_by(0);
        assert_eq!(word.raw(), 2 << 32 | 3 << 16 | 1);
        assert_eq!(word.recovered().raw(), 2 << 32 | 1 << 16 | 1);
        assert_eq!(word.released().raw(), 2 << 32 | 1 << 17);
        assert_eq!(word.released().owner(), None);
    }

    #[test]
    fn the_sequence_wraps_into_nothing() {
        let word = LockWord::from_raw(u64::from(u32::MAX) << 32).acquired_by(3);
        assert_eq!(word.raw(), 4);
    }

    #[test]
    fn a_holding_is_its_owner_and_sequence() {
        let word = LockWord::FREE.acquired_by(7);
        assert!(word.same_holding(word.with_waiters().needing_recovery()));
        assert!(!word.same_holding(word.released()));
        assert!(!word.same_holding(word.released().acquired_by(7)));
        assert!(!word.same_holding(word.stolen_by(7)));
    }

    #[test]
    fn foreign_bits_are_not_valid() {
        assert!(LockWord::FREE.stolen_by(2047).with_waiters().is_valid());
        assert!(!LockWord::from_raw(2049).is_valid());
        assert!(!LockWord::from_raw(1 << 18).is_valid());
        assert!(!LockWord::from_raw(1 << 31).is_valid());
    }
}
