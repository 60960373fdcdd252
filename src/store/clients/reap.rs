//! Reaping the dead: their unsealed objects are aborted, their leases end, their slots become free.

use crate::error::Result;
use crate::id::ObjectId;
use crate::layout::event::Sizes;
use crate::layout::word::{RecordWord, State};
use crate::protocols::lifecycle;
use crate::segment::slot_name;
use crate::store::call::Call;
use crate::store::clients::client_file::{ClientFile, Unreadable};
use crate::store::clients::client_path::ClientPath;
use crate::store::clients::releases::fold_all;
use crate::store::lock::locked::Locked;
use crate::store::objects::find::is_shown;
use crate::store::session::Session;
use crate::support::fallible;
use crate::sync::Ordering;
use crate::sys::{Errno, file};

impl Session {
    /// Reaps dead clients and frees the deleted objects without leases. Returns the number of
    /// clients reaped.
    pub fn reap(&self, call: &Call<'_>) -> Result<u64> {
        self.ensure_writable()?;
        let reaped = self.reap_dead(call)?;
        self.reclaim(call)?;
        Ok(reaped)
    }

    /// Reaps every client whose process is dead.
    pub fn reap_dead(&self, call: &Call<'_>) -> Result<u64> {
        let mut dead = Vec::new();
        let visited = self.visit_others(|mut view| {
            if !view.alive {
                if self.segment.facts.lru() {
                    fold_all(&mut view);
                }
                fallible::push(&mut dead, (view.path, view.nonce(), view.ino()))?;
            }
            Ok(())
        });
        let _announcement = self.begin_announcement();
        let mut reaped = 0;
        for (path, nonce, ino) in dead {
            reaped += u64::from(self.reap_client(call, path, nonce, ino)?);
        }
        if reaped > 0 {
            self.segment.wake_everybody();
        }
        // The dead are reaped even if some clients could not be inspected.
        self.remove_planted(call, visited?)?;
        Ok(reaped)
    }

    /// Removes names that no client made, which stand in the way of readers that join.
    fn remove_planted(&self, call: &Call<'_>, planted: Vec<ClientPath>) -> Result<()> {
        for path in planted {
            let (dir, name) = (path.dir(&self.segment)?, slot_name(path.slot));
            let locked = self.lock(call)?;
            locked.clear_name(path, || -> Result<()> {
                match ClientFile::find(&self.segment, path)? {
                    Ok(_) | Err(Unreadable::Os(Errno(libc::ENOENT))) => return Ok(()),
                    Err(why) => self.excuse(path, why)?,
                }
                // This is best effort: a directory may hold files, and the sticky bit may forbid
                // the removal.
                if file::unlink_at(Some(dir), &name).is_err() {
                    let _ = file::remove_dir_at(Some(dir), &name);
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Reaps one dead client; `false` if another client did.
    fn reap_client(&self, call: &Call<'_>, path: ClientPath, nonce: u64, ino: u64) -> Result<bool> {
        let (dir, name) = (path.dir(&self.segment)?, slot_name(path.slot));
        let mut locked = self.lock(call)?;
        // The name may belong to another client by now, and the inode number may be reused.
        let is_dead = || locked.is_dead_client(path, nonce, ino);
        // In `readers/` this client may not be allowed to remove the name. Then the file is skipped
        // and holds nothing.
        let unlink = || file::unlink_at(Some(dir), &name).is_ok();
        let mut aborted = Vec::new();
        if path.in_readers {
            if !locked.clear_name(path, || is_dead() && unlink()) {
                return Ok(false);
            }
        } else {
            if !is_dead() {
                return Ok(false);
            }
            aborted = locked.abort_all_of(path.slot, nonce)?;
            if let Some(word) = self.segment.wake().clients.get(path.slot as usize) {
                word.waiting.store(0, Ordering::Relaxed);
            }
            if !unlink() {
                return Ok(false);
            }
        }
        self.count(&self.segment.header().counters.reaped_clients, 1);
        self.append_gap();
        drop(locked);
        for (id, sizes) in aborted {
            self.notify_aborted(&id, sizes);
        }
        Ok(true)
    }
}

impl Locked<'_> {
    /// Runs `clear`, which inspects a name in `readers/` and removes it. A reader that takes the
    /// name while `clear` runs gives it up again.
    fn clear_name<T>(&self, path: ClientPath, clear: impl FnOnce() -> T) -> T {
        let clearing = &self.session.segment.header().table.clearing;
        lifecycle::begin_clearing(clearing, path.slot);
        let cleared = clear();
        lifecycle::end_clearing(clearing);
        cleared
    }

    /// Aborts every object that a dead client was writing. Returns their ids and sizes.
    fn abort_all_of(&mut self, slot: u32, nonce: u64) -> Result<Vec<(ObjectId, Sizes)>> {
        let mut aborted = Vec::new();
        for at in 0..self.session.segment.index().used() {
            let record = self.session.record(at)?;
            let word = record.load();
            let theirs = record.creator_slot.load(Ordering::Relaxed) == slot
                && record.creator_nonce.load(Ordering::Relaxed) == nonce;
            if !word.is(State::Writing) || !theirs {
                continue;
            }
            if is_shown(word) {
                fallible::push(&mut aborted, (record.id(), record.sizes(word)))?;
            }
            self.free_object(at, word, RecordWord::ORPHANED)?;
        }
        Ok(aborted)
    }
}
