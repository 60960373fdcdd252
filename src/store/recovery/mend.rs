//! Mend: all that is derived from the object table is made from it again when it is found to be nonsense.
//!
//! A call that meets nonsense takes its answer from the table, and poisons the lock: the next owner rebuilds
//! the rest, by a recovery like any other. Under the lock a change of the table is what counts. A call that
//! meets nonsense before its change starts over, once, after that recovery. A change that is made stands,
//! and the next owner completes its other traces.

use crate::error::{Error, Result, Status};
use crate::layout::geometry::{FIRST_BLOCKS, FIRST_RECORDS};
use crate::layout::header::{CHUNKS, Header, Host};
use crate::layout::record::Record;
use crate::layout::word::State;
use crate::protocols::index::{Astray, Hit, Key};
use crate::segment::all_set;
use crate::store::call::Call;
use crate::store::inspect::object::is_free;
use crate::store::lock::acquire::Guard;
use crate::store::session::Session;
use crate::support::fallible;
use crate::sync::AtomicU32;
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::sys::file;

/// Whether a call starts over after this error, as it does once.
#[cold]
pub fn starts_over(before: &mut bool, error: &Error) -> bool {
    error.status() == Status::Corrupt && !std::mem::replace(before, true)
}

impl Guard<'_> {
    /// Go on after a change of the table whose other traces could not be made: the next owner makes
    /// them. Only nonsense is borne.
    pub fn bear(&mut self, result: Result<()>) -> Result<()> {
        match result {
            Err(error) => {
                self.poison();
                if error.status() == Status::Corrupt { Ok(()) } else { Err(error) }
            }
            Ok(()) => Ok(()),
        }
    }
}

impl Session {
    /// Find the WRITING or SEALED object with this key, without the lock.
    #[inline(always)]
    pub fn find(&self, key: &Key) -> Option<Hit> {
        match self.segment.index().find(key) {
            Ok(found) => found,
            Err(Astray) => self.find_in_table(key),
        }
    }

    #[cold]
    fn find_in_table(&self, key: &Key) -> Option<Hit> {
        self.mend();
        self.segment.index().scan(key)
    }

    /// As [`Session::find`], under the lock.
    #[inline(always)]
    pub fn find_locked(&self, guard: &mut Guard<'_>, key: &Key) -> Option<Hit> {
        let index = self.segment.index();
        index.find_still(key).unwrap_or_else(|Astray| {
            guard.poison();
            index.scan(key)
        })
    }

    /// Rebuild all that is derived from the table, if this client may and the lock is free.
    #[cold]
    pub fn mend(&self) {
        if self.segment.read_only {
            return;
        }
        let Some(mut guard) = self.try_lock() else { return };
        guard.poison();
        drop(guard);
        drop(self.try_lock());
    }

    /// Whether the table has room for extents of this many units that the allocator did not find; then the
    /// next owner of the lock rebuilds the allocator.
    pub fn hides_room(&self, call: &Call<'_>, data: u64, meta: u64) -> Result<bool> {
        if self.segment.allocator().free_units() < data + meta
            || self.free_heap_by_table(is_free)?.1 < data.max(meta)
        {
            return Ok(false);
        }
        let mut guard = self.lock(call)?;
        let by_table = self.free_heap_by_table(is_free)?;
        let differs = self.free_heap_locked() != Ok(Some(by_table));
        if differs {
            guard.poison();
        }
        Ok(differs)
    }

    /// Correct the header where the table and the files tell better: under the lock.
    pub fn mend_header(&self) -> Result<()> {
        let (header, geometry) = (self.segment.header(), &self.segment.facts.geometry);
        self.segment.lifecycle_word().settle();
        let set = |word: &AtomicU32, value: u32| {
            if word.load(Relaxed) != value {
                word.store(value, Relaxed);
            }
        };
        // A client is here.
        set(&header.table.had_client, 1);
        set(&header.table.clearing, 0);
        set(&header.table.hosts, known_hosts(header) as u32);
        let (used, reserved) = (&header.table.used, &header.live.records_reserved);
        let said = (used.load(Relaxed), reserved.load(Relaxed));
        let sound = said.0 <= said.1 && said.1 <= geometry.max_objects;
        let last = self.last_used(if sound { said.0 } else { 0 })?;
        if !sound || last > said.1 {
            let there = last.max(FIRST_RECORDS).min(geometry.max_objects);
            // SYNC reserved: Release; the memory is there.
            reserved.store(there, Release);
        }
        set(used, last);
        if header.table.blocks_reserved.load(Relaxed) > geometry.blocks {
            header.table.blocks_reserved.store(FIRST_BLOCKS, Relaxed);
        }
        Ok(())
    }

    /// How many slots were ever used, at least `known`: up to the last record whose word is not 0.
    fn last_used(&self, known: u32) -> Result<u32> {
        const AT_ONCE: u64 = 64;
        let (geometry, index) = (&self.segment.facts.geometry, self.segment.index_fd.fd()?);
        let size = size_of::<Record>() as u64;
        let cannot = |errno: crate::sys::Errno| errno.because("cannot read the object table");
        let mut bytes = fallible::repeat(0, (AT_ONCE * size) as usize)?;
        let (mut slot, mut last) = (u64::from(known), u64::from(known));
        while slot < u64::from(geometry.max_objects) {
            // By system calls: a page that was never written may have no memory.
            let at = geometry.records_at + slot * size;
            let Some(data) = file::next_data(index, at) else { break };
            slot = (data.max(at) - geometry.records_at) / size;
            let count = u64::from(geometry.max_objects).saturating_sub(slot).min(AT_ONCE);
            let part = &mut bytes[..(count * size) as usize];
            file::read_at(index, part, geometry.records_at + slot * size).map_err(cannot)?;
            let is_used = |record: &[u8]| record[..8].iter().any(|byte| *byte != 0);
            if let Some(at) = part.chunks_exact(size as usize).rposition(is_used) {
                last = last.max(slot + at as u64 + 1);
            }
            slot += AT_ONCE;
        }
        Ok(last as u32)
    }

    /// Mark the memory of sealed objects as reserved, and nothing past the heap: under the lock.
    pub fn mend_reserved(&self) -> Result<()> {
        let (heap, geometry) = (&self.segment.heap, &self.segment.facts.geometry);
        let reserved = &self.segment.header().reserved;
        let chunks = geometry.capacity.div_ceil(geometry.chunk_size) as u32;
        for chunk in (chunks..CHUNKS).filter(|chunk| all_set(reserved, *chunk, *chunk)) {
            let bits = &reserved.0[chunk as usize / 64];
            // SYNC reserved: there is no such memory. An RMW by parts: under the lock alone bits go.
            bits.store(bits.load(Acquire) & !(1 << (chunk % 64)), Release);
        }
        for slot in 0..self.segment.index().used() {
            let record = self.record(slot)?;
            let word = record.load();
            if !word.is(State::Sealed) && !word.is(State::Doomed) {
                continue;
            }
            let extents =
                [record.data.load(word.data_index()), record.meta.load(word.meta_index())];
            for extent in extents.into_iter().filter(|extent| !extent.is_empty()) {
                // What lies outside is found where extents are compared.
                let Ok((first, last)) = heap.chunks(extent) else { continue };
                for chunk in (first..=last).filter(|chunk| !all_set(reserved, *chunk, *chunk)) {
                    self.reserve_chunk_locked(chunk)?;
                }
            }
        }
        Ok(())
    }
}

/// Names of hosts that the header has: they are never taken out.
pub fn known_hosts(header: &Header) -> usize {
    let is_name = |host: &Host| host.0.iter().any(|word| word.load(Relaxed) != 0);
    header.hosts.iter().rposition(is_name).map_or(0, |last| last + 1)
}
