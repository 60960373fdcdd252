//! Get many objects with one deadline.

use crate::error::Result;
use crate::id::ObjectId;
use crate::layout::record::{IdWords, Record};
use crate::layout::word::RecordWord;
use crate::protocols::index::Key;
use crate::protocols::lease;
use crate::segment::Nearby;
use crate::store::batch::PIECE;
use crate::store::call::Call;
use crate::store::handles::table::{Claimed, Handle, HandleTable};
use crate::store::objects::find::SeenWriting;
use crate::store::objects::held::{GetOutcome, Held};
use crate::store::session::Session;
use crate::store::wait::Progress;
use crate::support::fallible;
use crate::sys::map::prefetch;

/// An object that was found sealed, and its lease.
struct Found<'a> {
    record: &'a Record,
    word: RecordWord,
    slot: u32,
    index: u32,
    serial: u64,
}

impl Session {
    /// The path of nearly every get of many objects: leases those of up to [`PIECE`] objects that are
    /// sealed, and calls `had` for them. Calls `missed` for the others, which [`Session::get_many`]
    /// handles. All leases are written before one fence orders them before their validation.
    #[inline(always)]
    pub fn get_piece(
        &self,
        handles: &HandleTable,
        ids: &[ObjectId],
        mut had: impl FnMut(usize, Handle, Held),
        mut missed: impl FnMut(usize),
    ) {
        if !self.is_open() {
            return (0..ids.len()).for_each(missed);
        }
        let (index, count) = (self.segment.index(), ids.len().min(PIECE));
        let records = index.backed();
        let (claims, mut taken) = (handles.begin_claims(), 0);
        let mut all: [Option<Found<'_>>; PIECE] = [const { None }; PIECE];
        let mut links = [0; PIECE];
        // The processor waits for the records of all at once.
        for (id, link) in ids.iter().zip(&mut links) {
            *link = index.first_link(&Key::Id(IdWords::from(id))).unwrap_or(0);
            records.record(*link).inspect(|record| prefetch(*record));
        }
        for (id, link) in ids.iter().zip(&mut links) {
            let next = records.skip_other(&Key::Id(IdWords::from(id)), *link);
            if next != *link {
                *link = next;
                records.record(next).inspect(|record| prefetch(*record));
            }
        }
        for at in 0..count {
            let key = Key::Id(IdWords::from(&ids[at]));
            let Some((hit, record)) = records.find_hot_from(&key, links[at]) else { continue };
            let Some(claimed) = claims.claim(&mut taken) else { continue };
            let Claimed { index, serial, lease } = claimed;
            lease::place(lease, hit.slot, hit.word);
            all[at] = Some(Found { record, word: hit.word, slot: hit.slot, index, serial });
        }
        claims.end(taken);
        lease::order();
        let mut nearby = Nearby::begin(&self.segment.heap, &self.segment.header().reserved);
        for (at, found) in all[..count].iter().enumerate() {
            let Some(Found { record, word: seen, slot, index, serial }) = *found else {
                missed(at);
                continue;
            };
            let bytes = lease::still_sealed(record, seen)
                .and_then(|word| nearby.find(record.data.load(word.data_index())));
            let Some(bytes) = bytes else {
                lease::release(self.lease_word(index));
                handles.unclaim(index, serial);
                missed(at);
                continue;
            };
            prefetch(bytes.ptr);
            let generation = seen.generation();
            had(at, Handle { index, serial, copy: false }, Held { slot, generation, bytes });
        }
    }

    /// Gets the objects at the indices `wanted` with one deadline: `each` is called once for each.
    pub fn get_many(
        &self,
        call: &Call<'_>,
        handles: &HandleTable,
        ids: &[ObjectId],
        wanted: &[usize],
        each: &mut dyn FnMut(usize, Result<(Handle, Held)>),
    ) -> Result<()> {
        self.ensure_open()?;
        match &self.quota {
            None => {
                let get_now = |key: &Key| self.get_now(handles, key);
                self.get_many_by(call, handles, ids, wanted, each, get_now)
            }
            Some(quota) => {
                let get_now = |key: &Key| self.get_counted(handles, key, quota);
                self.get_many_by(call, handles, ids, wanted, each, get_now)
            }
        }
    }

    fn get_many_by(
        &self,
        call: &Call<'_>,
        handles: &HandleTable,
        ids: &[ObjectId],
        wanted: &[usize],
        each: &mut dyn FnMut(usize, Result<(Handle, Held)>),
        get_now: impl Fn(&Key) -> Result<GetOutcome>,
    ) -> Result<()> {
        let key = |i: usize| Key::Id(IdWords::from(&ids[i]));
        let mut pending: Vec<(usize, Option<SeenWriting>)> = fallible::with_room(wanted.len())?;
        for &i in wanted {
            match get_now(&key(i)) {
                Ok(GetOutcome::Held(handle, held)) => each(i, Ok((handle, held))),
                Ok(_) => pending.push((i, None)),
                Err(error) => each(i, Err(error)),
            }
        }
        if !call.waits() {
            for (i, _) in pending {
                each(i, self.get(call, handles, &key(i)));
            }
            return Ok(());
        }
        if pending.is_empty() {
            return Ok(());
        }
        let topics = self.topics(pending.iter().map(|(i, _)| key(*i)))?;
        let waited = self.wait_until(call, &topics, || {
            let (mut creator, before) = (false, pending.len());
            pending.retain_mut(|(i, seen)| match get_now(&key(*i)) {
                Ok(GetOutcome::Held(handle, held)) => {
                    each(*i, Ok((handle, held)));
                    false
                }
                Ok(_) => match self.find_live(call, &key(*i), seen) {
                    Ok(hit) => {
                        creator |= hit.is_some();
                        true
                    }
                    Err(error) => {
                        each(*i, Err(error));
                        false
                    }
                },
                Err(error) => {
                    each(*i, Err(error));
                    false
                }
            });
            if pending.is_empty() {
                return Ok(Progress::Done(()));
            }
            Ok(Progress::Pending { creator, advanced: pending.len() < before })
        });
        if let Err(error) = waited {
            pending.iter().for_each(|(i, _)| each(*i, Err(error.clone())));
        }
        Ok(())
    }
}
