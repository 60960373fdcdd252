//! Get: find, lease, hand out. A hit takes no lock, no system call and no allocation.

use crate::error::{Error, Result, Status};
use crate::layout::word::State;
use crate::protocols::index::{Hit, Key};
use crate::protocols::lease;
use crate::store::call::Call;
use crate::store::handles::table::{Handle, HandleTable};
use crate::store::objects::failure::Failure;
use crate::store::objects::held::{GetOutcome, Held};
use crate::store::recovery::repair::starts_over;
use crate::store::session::Session;
use crate::store::wait::Progress;

impl Session {
    /// Leases the object with this key if it is sealed.
    #[inline(always)]
    pub fn get_now(&self, handles: &HandleTable, key: &Key) -> Result<GetOutcome> {
        let mut repaired = false;
        loop {
            let Some(hit) = self.find(key) else { return Ok(GetOutcome::Absent) };
            if !hit.word.is(State::Sealed) {
                match self.unsealed_outcome(hit)? {
                    Some(outcome) => return Ok(outcome),
                    None => continue,
                }
            }
            match self.lease(handles, hit) {
                Ok(Some((handle, held))) => return Ok(GetOutcome::Held(handle, held)),
                Ok(None) => {}
                // The map of reserved chunks may be wrong.
                Err(error) if starts_over(&mut repaired, &error) => self.repair(),
                Err(error) => return Err(error),
            }
        }
    }

    /// The outcome of a get that found an object which is not sealed; `None` if it is gone. The
    /// failure of its creator is an error.
    #[cold]
    pub fn unsealed_outcome(&self, hit: Hit) -> Result<Option<GetOutcome>> {
        if !hit.word.is(State::Failed) {
            return Ok(Some(GetOutcome::Writing));
        }
        match self.failure(hit)? {
            Failure::Told(error) => Err(error),
            Failure::Expired => Ok(Some(GetOutcome::Absent)),
            Failure::Gone => Ok(None),
        }
    }

    /// Leases a sealed object that was just found; `None` if it is gone.
    #[inline(always)]
    pub fn lease(&self, handles: &HandleTable, hit: Hit) -> Result<Option<(Handle, Held)>> {
        let record = self.segment.record(hit.slot)?;
        let handle = handles.claim()?;
        let Some(word) = lease::protect(self.lease_word(handle.index), record, hit.slot, hit.word)
        else {
            handles.unclaim(handle.index, handle.serial);
            return Ok(None);
        };
        let extent = record.data.load(word.data_index());
        match self.segment.heap.read(extent, &self.segment.header().reserved) {
            Ok(bytes) => {
                let generation = word.generation();
                Ok(Some((handle, Held { slot: hit.slot, generation, bytes })))
            }
            Err(error) => {
                handles.release(handle);
                Err(error)
            }
        }
    }

    /// The path of nearly every get; `None` in all other cases, which [`Session::get`] handles.
    ///
    /// This path has no failures to report, so its results stay in registers; results in memory
    /// would cost a quarter of the time of a get.
    #[inline(always)]
    pub fn get_hot(&self, handles: &HandleTable, key: &Key) -> Option<(Handle, Held)> {
        if !self.is_open() {
            return None;
        }
        let index = self.segment.index();
        let (hit, record) = index.find_hot(key)?;
        let handle = handles.claim_hot()?;
        let Some(word) = lease::protect(self.lease_word(handle.index), record, hit.slot, hit.word)
        else {
            handles.unclaim(handle.index, handle.serial);
            return None;
        };
        let extent = record.data.load(word.data_index());
        let Some(bytes) = self.segment.heap.find(extent, &self.segment.header().reserved) else {
            self.end_lease(handle.index);
            handles.unclaim(handle.index, handle.serial);
            return None;
        };
        Some((handle, Held { slot: hit.slot, generation: hit.word.generation(), bytes }))
    }

    /// Gets the object with this key, waiting until it is sealed.
    #[cold]
    pub fn get(&self, call: &Call<'_>, handles: &HandleTable, key: &Key) -> Result<(Handle, Held)> {
        if !self.goes_short_way() {
            return self.get_apart(call, handles, key);
        }
        self.ensure_store_open()?;
        if let GetOutcome::Held(handle, held) = self.get_now(handles, key)? {
            return Ok((handle, held));
        }
        self.get_later(call, key, &|| self.get_now(handles, key))
    }

    /// As [`Session::get`], off the fast path.
    #[cold]
    pub fn get_apart(
        &self,
        call: &Call<'_>,
        handles: &HandleTable,
        key: &Key,
    ) -> Result<(Handle, Held)> {
        self.ensure_open()?;
        let quota = self.quota.as_ref().ok_or_else(|| Error::plain(Status::Forked))?;
        let get_now = || self.get_counted(handles, key, quota);
        match get_now()? {
            GetOutcome::Held(handle, held) => Ok((handle, held)),
            _ => self.get_later(call, key, &get_now),
        }
    }

    /// Waits until `get_now` gets the object with this key, or finds out why there is no object.
    pub fn get_later(
        &self,
        call: &Call<'_>,
        key: &Key,
        get_now: &dyn Fn() -> Result<GetOutcome>,
    ) -> Result<(Handle, Held)> {
        let mut seen = None;
        if !call.waits() {
            return match self.find_live(call, key, &mut seen)? {
                Some(hit) if hit.word.is(State::Writing) => Err(Error::plain(Status::NotSealed)),
                Some(_) => match get_now()? {
                    GetOutcome::Held(handle, held) => Ok((handle, held)),
                    GetOutcome::Writing => Err(Error::plain(Status::NotSealed)),
                    GetOutcome::Absent => Err(Error::plain(Status::NotFound)),
                },
                None => Err(Error::plain(Status::NotFound)),
            };
        }
        // Probe before the steps that cost a sealer or this process a system call.
        let sealed = || self.segment.index().find_hot(key).map(drop);
        if self.spin().probe(sealed).is_some()
            && let GetOutcome::Held(handle, held) = get_now()?
        {
            return Ok((handle, held));
        }
        self.wait_until(call, &[self.topic(key)], || {
            if let GetOutcome::Held(handle, held) = get_now()? {
                return Ok(Progress::Done((handle, held)));
            }
            Ok(Progress::of(None, self.find_live(call, key, &mut seen)?.is_some()))
        })
    }
}
