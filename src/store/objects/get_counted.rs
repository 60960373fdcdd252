//! Get in a reader of another uid, which counts the bytes it holds: see `lease::quota`.

use crate::error::{Error, Result, Status};
use crate::layout::extent::UNIT;
use crate::layout::word::State;
use crate::protocols::index::Key;
use crate::protocols::lease;
use crate::protocols::lease::quota::Quota;
use crate::store::handles::table::{Handle, HandleTable};
use crate::store::memory::extents::units_of;
use crate::store::objects::held::{GetOutcome, Held};
use crate::store::session::Session;
use crate::sync::Ordering::{Acquire, Relaxed};
use crate::sync::fence;

impl Session {
    /// As [`Session::get_now`]; LIMIT if this client would hold too much.
    pub fn get_counted(
        &self,
        handles: &HandleTable,
        key: &Key,
        quota: &Quota,
    ) -> Result<GetOutcome> {
        let handle = handles.claim()?;
        let now = self.get_claimed(handle, key, quota);
        if !matches!(now, Ok(GetOutcome::Held(..))) {
            handles.unclaim(handle.index, handle.serial);
        }
        now
    }

    fn get_claimed(&self, handle: Handle, key: &Key, quota: &Quota) -> Result<GetOutcome> {
        loop {
            lease::quota::fence_taken();
            let Some(hit) = self.find(key) else { return Ok(GetOutcome::Absent) };
            if !hit.word.is(State::Sealed) {
                match self.unsealed_outcome(hit)? {
                    Some(outcome) => return Ok(outcome),
                    None => continue,
                }
            }
            let record = self.segment.record(hit.slot)?;
            let bytes = units_of(record, hit.word).saturating_mul(UNIT);
            // SYNC record-fields: as in a lookup. If the object was freed in between, its size is
            // meaningless.
            fence(Acquire);
            if record.load_with(Relaxed).generation() != hit.word.generation() {
                continue;
            }
            if !quota.take(bytes) {
                return Err(quota_error(bytes, quota.limit()));
            }
            let lease_word = self.lease_word(handle.index);
            let Some(word) = lease::protect(lease_word, record, hit.slot, hit.word) else {
                quota.give_back(bytes);
                continue;
            };
            let extent = record.data.load(word.data_index());
            let bytes = self.segment.heap.read(extent, &self.segment.header().reserved);
            let bytes = bytes.inspect_err(|_| self.end_counted(handle.index, quota))?;
            let generation = word.generation();
            return Ok(GetOutcome::Held(handle, Held { slot: hit.slot, generation, bytes }));
        }
    }
}

#[cold]
fn quota_error(bytes: u64, limit: u64) -> Error {
    Error::new(
        Status::Limit,
        format!(
            "with {bytes} more bytes this reader would hold more than the {limit} bytes that one \
             reader of another user may hold (reader_quota); release some buffers"
        ),
    )
}
