//! Reaping the dead: their unsealed objects are aborted, their leases end, their slots become free.

use crate::error::Result;
use crate::id::ObjectId;
use crate::layout::event::Sizes;
use crate::layout::members::ALL_SLOTS;
use crate::layout::word::{RecordWord, State};
use crate::protocols::{lifecycle, members};
use crate::segment::slot_name;
use crate::store::call::Call;
use crate::store::clients::client_file::{ClientFile, Unreadable};
use crate::store::clients::client_path::ClientPath;
use crate::store::clients::client_view::ClientView;
use crate::store::clients::releases::fold_all;
use crate::store::lock::locked::Locked;
use crate::store::objects::find::is_shown;
use crate::store::session::Session;
use crate::support::fallible;
use crate::sync::Ordering;
use crate::sys::{Errno, file};

/// The most members that a connect asks about.
const ASKED: usize = 16;

/// Dead clients that a visit found.
struct Dead {
    /// Members, by slot and serial.
    members: Vec<(u32, u64)>,
    /// Readers of other users: path, nonce and inode of their files.
    readers: Vec<(ClientPath, u64, u64)>,
    /// An error of a question whether a client lives: that client counts as alive.
    asked: Result<()>,
}

impl Default for Dead {
    fn default() -> Self {
        Self { members: Vec::new(), readers: Vec::new(), asked: Ok(()) }
    }
}

impl Dead {
    /// Notes a client if it is dead, and folds its last stamps.
    fn note(&mut self, session: &Session, mut view: ClientView<'_>) -> Result<()> {
        match view.is_alive() {
            Ok(false) => {}
            Ok(true) => return Ok(()),
            Err(error) => {
                self.asked = Err(error);
                return Ok(());
            }
        }
        if session.segment.facts.lru() {
            fold_all(&mut view);
        }
        match view.serial() {
            Some(serial) => fallible::push(&mut self.members, (view.path.slot, serial)),
            None => {
                let dead = (view.path, view.nonce(), view.identity_word());
                fallible::push(&mut self.readers, dead)
            }
        }
    }
}

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
        let mut dead = Dead::default();
        let visited = self.visit_others(|view| dead.note(self, view));
        self.reap_all_of(call, dead, visited)
    }

    /// Reaps the dead among the next few members, and among the readers of other users. The slots
    /// come in turn, whoever connects.
    pub fn reap_some(&self, call: &Call<'_>) -> Result<u64> {
        let members = &self.segment.members;
        let taken = |slot: &u32| self.tenant_of(*slot).is_some_and(|it| it != self.own.serial);
        let from = members.header().cursor.load(Ordering::Relaxed) % ALL_SLOTS;
        let (mut dead, mut last) = (Dead::default(), from);
        for slot in (from..ALL_SLOTS).chain(0..from).filter(taken).take(ASKED) {
            last = slot + 1;
            let Some(serial) = self.tenant_of(slot) else { continue };
            dead.note(self, ClientView::of_member(self, slot, serial, &mut 0))?;
        }
        // Relaxed: two that connect at once may ask about the same slots.
        members.header().cursor.store(last, Ordering::Relaxed);
        let visited = self.visit_other_readers(|view| dead.note(self, view));
        self.reap_all_of(call, dead, visited)
    }

    /// Reaps these, and removes names that a visit found to be planted. Returns the number of
    /// clients reaped.
    fn reap_all_of(
        &self,
        call: &Call<'_>,
        dead: Dead,
        visited: Result<Vec<ClientPath>>,
    ) -> Result<u64> {
        let _announcement = self.begin_announcement();
        let mut reaped = self.reap_members(call, &dead.members)?;
        for (path, nonce, ino) in dead.readers {
            reaped += u64::from(self.reap_reader(call, path, nonce, ino)?);
        }
        if reaped > 0 {
            self.segment.wake_everybody();
        }
        // The dead are reaped even if some clients could not be inspected.
        self.remove_planted(call, visited?)?;
        dead.asked.map(|()| reaped)
    }

    /// Reaps dead members, known by slot and serial: one pass through the table aborts what they
    /// were writing. Returns the number of those that no other client reaped before.
    fn reap_members(&self, call: &Call<'_>, dead: &[(u32, u64)]) -> Result<u64> {
        if dead.is_empty() {
            return Ok(0);
        }
        let mut locked = self.lock(call)?;
        // A client that is dead once stays dead, so only the slot's word has to be the same.
        let mut still = fallible::with_room(dead.len())?;
        still.extend(dead.iter().filter(|(slot, serial)| self.tenant_of(*slot) == Some(*serial)));
        if still.is_empty() {
            return Ok(0);
        }
        let aborted = locked.abort_all_of(&still)?;
        self.append_gap();
        let mut reaped = 0;
        for (slot, serial) in &still {
            // What it was announcing, the caller announces to everybody.
            if let Some(word) = self.segment.wake().clients.get(*slot as usize) {
                word.waiting.store(0, Ordering::Relaxed);
                word.announcing.store(0, Ordering::Relaxed);
            }
            self.segment.subscribers().leave(*slot);
            // The slot comes last: until then the next client finds what is left to do.
            let entry = self.segment.members.slot(*slot);
            reaped += u64::from(entry.is_some_and(|entry| members::vacate(entry, *serial)));
        }
        self.count(&self.segment.header().counters.reaped_clients, reaped);
        drop(locked);
        for (id, sizes) in aborted {
            self.notify_aborted(&id, sizes);
        }
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

    /// Reaps one dead reader; `false` if another client did.
    fn reap_reader(&self, call: &Call<'_>, path: ClientPath, nonce: u64, ino: u64) -> Result<bool> {
        let (dir, name) = (path.dir(&self.segment)?, slot_name(path.slot));
        let locked = self.lock(call)?;
        // The name may belong to another client by now, and the inode number may be reused.
        let is_dead = || locked.is_dead_reader(path, nonce, ino);
        // This client may not be allowed to remove the name. Then the file is skipped and holds
        // nothing.
        let unlink = || file::unlink_at(Some(dir), &name).is_ok();
        if !locked.clear_name(path, || is_dead() && unlink()) {
            return Ok(false);
        }
        self.count(&self.segment.header().counters.reaped_clients, 1);
        self.append_gap();
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

    /// Aborts every object that these dead members were writing. Returns their ids and sizes.
    fn abort_all_of(&mut self, dead: &[(u32, u64)]) -> Result<Vec<(ObjectId, Sizes)>> {
        let mut aborted = Vec::new();
        for at in 0..self.session.segment.index().used() {
            let record = self.session.record(at)?;
            let word = record.load();
            let creator = record.creator_serial.load(Ordering::Relaxed);
            if !word.is(State::Writing) || !dead.iter().any(|(_, serial)| *serial == creator) {
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
