//! Repair of the header from the table and the files.

use crate::error::Result;
use crate::layout::geometry::{FIRST_BLOCKS, FIRST_RECORDS};
use crate::layout::header::{Header, Host};
use crate::layout::record::Record;
use crate::store::lock::locked::Locked;
use crate::support::fallible;
use crate::sync::AtomicU32;
use crate::sync::Ordering::{Relaxed, Release};
use crate::sys::file;

impl Locked<'_> {
    /// Corrects the fields of the header that the table or the files contradict.
    pub fn repair_header(&self) -> Result<()> {
        let (header, geometry) =
            (self.session.segment.header(), &self.session.segment.facts.geometry);
        self.session.segment.lifecycle_word().settle();
        let set = |word: &AtomicU32, value: u32| {
            if word.load(Relaxed) != value {
                word.store(value, Relaxed);
            }
        };
        // This client exists.
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

    /// The number of slots that were ever used, at least `known`: the index of the last record
    /// whose word is not 0, plus 1.
    fn last_used(&self, known: u32) -> Result<u32> {
        const AT_ONCE: u64 = 64;
        let (geometry, index) =
            (&self.session.segment.facts.geometry, self.session.segment.index_fd.fd()?);
        let size = size_of::<Record>() as u64;
        let cannot = |errno: crate::sys::Errno| errno.because("cannot read the object table");
        let mut bytes = fallible::repeat(0, (AT_ONCE * size) as usize)?;
        let (mut slot, mut last) = (u64::from(known), u64::from(known));
        while slot < u64::from(geometry.max_objects) {
            // With system calls: a page that was never written may have no memory.
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
}

/// The number of host names in the header. Names are never removed.
pub fn known_hosts(header: &Header) -> usize {
    let is_name = |host: &Host| host.0.iter().any(|word| word.load(Relaxed) != 0);
    header.hosts.iter().rposition(is_name).map_or(0, |last| last + 1)
}
