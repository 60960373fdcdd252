//! Get: find, lease, hand out. No lock, no system call, no allocation.

use crate::error::{Error, Result, Status};
use crate::id::ObjectId;
use crate::layout::record::IdWords;
use crate::layout::word::{LeaseWord, State};
use crate::protocols::index::{Hit, Key};
use crate::protocols::lease;
use crate::segment::Bytes;
use crate::store::call::Call;
use crate::store::handles::table::{Handle, HandleTable};
use crate::store::recovery::mend::starts_over;
use crate::store::session::Session;
use crate::support::fallible;

/// A leased object.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Its slot.
    pub slot: u32,
    /// Its generation.
    pub generation: u32,
    /// Its bytes.
    pub bytes: Bytes,
}

/// What a get finds at one moment.
pub enum Now {
    /// Sealed, and leased by the handle.
    Held(Handle, Held),
    /// Being written.
    Writing,
    /// Not there.
    Absent,
}

impl Session {
    /// Lease the object with this key if it is sealed.
    #[inline(always)]
    pub fn get_now(&self, handles: &HandleTable, key: &Key) -> Result<Now> {
        let mut mended = false;
        loop {
            let Some(hit) = self.find(key) else { return Ok(Now::Absent) };
            if !hit.word.is(State::Sealed) {
                return Ok(Now::Writing);
            }
            match self.lease(handles, hit) {
                Ok(Some((handle, held))) => return Ok(Now::Held(handle, held)),
                Ok(None) => {}
                // It may be the map of what is reserved that is wrong.
                Err(error) if starts_over(&mut mended, &error) => self.mend(),
                Err(error) => return Err(error),
            }
        }
    }

    /// Lease a sealed object that was just found; `None` when it went away meanwhile.
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

    /// End the lease of an entry: its last holder released it.
    pub fn end_lease(&self, index: u32) {
        match &self.quota {
            Some(quota) if !self.forked() => self.end_counted(index, quota),
            _ => self.end_lease_hot(index),
        }
    }

    /// As [`Session::end_lease`], in a client that counts nothing.
    #[inline(always)]
    pub fn end_lease_hot(&self, index: u32) {
        if self.forked() {
            return;
        }
        let word = self.lease_word(index);
        if self.segment.facts.lru() {
            // Relaxed: this process's own word.
            let lease = LeaseWord(word.load(crate::sync::Ordering::Relaxed));
            self.own.stamp(lease, self.segment.facts.ticks_source());
        }
        lease::release(word);
    }

    /// What nearly every get comes to; `None` for all else, which [`Session::get`] finds out anew.
    ///
    /// It has no failures to report, so its results stay in registers; passed through memory they
    /// cost a quarter of the time of a get.
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

    /// Get the object with this key, waiting until it is sealed.
    #[cold]
    pub fn get(&self, call: &Call<'_>, handles: &HandleTable, key: &Key) -> Result<(Handle, Held)> {
        if !self.goes_short_way() {
            return self.get_apart(call, handles, key);
        }
        self.ensure_store_open()?;
        if let Now::Held(handle, held) = self.get_now(handles, key)? {
            return Ok((handle, held));
        }
        self.get_later(call, key, &|| self.get_now(handles, key))
    }

    /// Wait until `get_now` gets the object with this key, or find out why there is none.
    pub fn get_later(
        &self,
        call: &Call<'_>,
        key: &Key,
        get_now: &dyn Fn() -> Result<Now>,
    ) -> Result<(Handle, Held)> {
        let mut seen = None;
        if !call.waits() {
            return match self.find_live(call, key, &mut seen)? {
                Some(hit) if hit.word.is(State::Writing) => Err(Error::plain(Status::NotSealed)),
                Some(_) => match get_now()? {
                    Now::Held(handle, held) => Ok((handle, held)),
                    Now::Writing => Err(Error::plain(Status::NotSealed)),
                    Now::Absent => Err(Error::plain(Status::NotFound)),
                },
                None => Err(Error::plain(Status::NotFound)),
            };
        }
        // Before anything that costs a sealer a system call, or this process one.
        let sealed = || self.segment.index().find_hot(key).map(drop);
        if self.spin().probe(sealed).is_some()
            && let Now::Held(handle, held) = get_now()?
        {
            return Ok((handle, held));
        }
        let words = [self.wake_word(key)];
        self.wait_until(call, &words, || {
            if let Now::Held(handle, held) = get_now()? {
                return Ok(Some((handle, held)));
            }
            self.find_live(call, key, &mut seen)?;
            Ok(None)
        })
    }

    /// Get many, with one deadline: `each` is called once for each index.
    pub fn get_many(
        &self,
        call: &Call<'_>,
        handles: &HandleTable,
        ids: &[ObjectId],
        each: &mut dyn FnMut(usize, Result<(Handle, Held)>),
    ) -> Result<()> {
        self.ensure_open()?;
        match &self.quota {
            None => self.get_many_by(call, handles, ids, each, |key| self.get_now(handles, key)),
            Some(quota) => {
                let get_now = |key: &Key| self.get_counted(handles, key, quota);
                self.get_many_by(call, handles, ids, each, get_now)
            }
        }
    }

    fn get_many_by(
        &self,
        call: &Call<'_>,
        handles: &HandleTable,
        ids: &[ObjectId],
        each: &mut dyn FnMut(usize, Result<(Handle, Held)>),
        get_now: impl Fn(&Key) -> Result<Now>,
    ) -> Result<()> {
        let keys = fallible::collect(ids.iter().map(|id| Key::Id(IdWords::from(id))))?;
        let mut seen = fallible::repeat(None, keys.len())?;
        let mut pending: Vec<usize> = fallible::with_room(keys.len())?;
        for (i, key) in keys.iter().enumerate() {
            match get_now(key) {
                Ok(Now::Held(handle, held)) => each(i, Ok((handle, held))),
                Ok(_) => pending.push(i),
                Err(error) => each(i, Err(error)),
            }
        }
        if !call.waits() {
            for i in pending {
                each(i, self.get(call, handles, &keys[i]));
            }
            return Ok(());
        }
        if pending.is_empty() {
            return Ok(());
        }
        let words = self.wake_words(pending.iter().map(|&i| &keys[i]))?;
        let waited = self.wait_until(call, &words, || {
            pending.retain(|&i| match get_now(&keys[i]) {
                Ok(Now::Held(handle, held)) => {
                    each(i, Ok((handle, held)));
                    false
                }
                Ok(_) => match self.find_live(call, &keys[i], &mut seen[i]) {
                    Ok(_) => true,
                    Err(error) => {
                        each(i, Err(error));
                        false
                    }
                },
                Err(error) => {
                    each(i, Err(error));
                    false
                }
            });
            Ok(pending.is_empty().then_some(()))
        });
        if let Err(error) = waited {
            pending.iter().for_each(|&i| each(i, Err(error.clone())));
        }
        Ok(())
    }

    /// Wait until `num_ready` of the ids (0: all) are sealed. Fills `ready`; says how many are, and
    /// whether that is enough.
    pub fn wait_ready(
        &self,
        call: &Call<'_>,
        ids: &[ObjectId],
        num_ready: usize,
        ready: &mut [bool],
    ) -> Result<(usize, bool)> {
        self.ensure_open()?;
        if num_ready > ids.len() || ready.len() < ids.len() {
            return Err(Error::new(
                Status::InvalidArgument,
                format!("num_ready {num_ready} is more than the {} ids", ids.len()),
            ));
        }
        let wanted = if num_ready == 0 { ids.len() } else { num_ready };
        let keys = fallible::collect(ids.iter().map(|id| Key::Id(IdWords::from(id))))?;
        let mut seen = fallible::repeat(None, keys.len())?;
        let mut aborted = fallible::repeat(false, keys.len())?;
        let mut count = 0;
        let mut step = |thorough: bool| -> Result<Option<()>> {
            count = 0;
            for (i, key) in keys.iter().enumerate() {
                let hit = self.find(key);
                ready[i] = hit.is_some_and(|hit| hit.word.is(State::Sealed));
                count += usize::from(ready[i]);
                if ready[i] || !thorough {
                    continue;
                }
                match self.find_live(call, key, &mut seen[i]) {
                    Err(error) if error.status() == Status::Aborted => aborted[i] = true,
                    other => drop(other?),
                }
            }
            let lost = (0..keys.len()).filter(|&i| aborted[i] && !ready[i]).count();
            if count < wanted && keys.len() - lost < wanted {
                return Err(Error::plain(Status::Aborted));
            }
            Ok((count >= wanted).then_some(()))
        };
        if step(false)?.is_some() || !call.waits() {
            return Ok((count, count >= wanted));
        }
        let words = self.wake_words(keys.iter())?;
        match self.wait_until(call, &words, || step(true)) {
            Ok(()) => Ok((count, true)),
            Err(error) if error.status() == Status::Timeout => Ok((count, false)),
            Err(error) => Err(error),
        }
    }
}
