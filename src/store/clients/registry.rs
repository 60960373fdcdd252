//! Visits to all clients: their liveness and their leases.
//!
//! The members are slots of one mapped file, and a visit makes no system call for a member, unless
//! it asks whether the member lives.
//!
//! A scan that frees memory keeps the descriptors of the first few readers of other users that it
//! has seen, so that a thousand readers do not use up the descriptors of every producer. With these
//! it knows readers that unlinked their own files. A visit that only reports keeps no descriptors.

use crate::error::Result;
use crate::layout::client::READERS;
use crate::layout::members::{ALL_SLOTS, FREE};
use crate::protocols::members::{leases_in_use, tenant};
use crate::segment::{slot_name, slot_of};
use crate::store::clients::client_file::{ClientFile, Unreadable};
use crate::store::clients::client_path::ClientPath;
use crate::store::clients::client_view::ClientView;
use crate::store::clients::known::{Known, KnownClient, VisitCost};
use crate::store::clients::releases::fold_all;
use crate::store::session::Session;
use crate::support::fallible;
use crate::sys::{Errno, file};
use std::collections::HashSet;

/// The most names to read from a directory before its canonical names are tried one by one.
const MAX_NAMES: usize = 16 * 1024;

/// The most files in `readers/` whose descriptors are kept; other files are opened for each visit.
const KEPT_READERS: usize = 64;

/// Why the clients are visited.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To free the objects that no client leases.
    Free,
    /// To report the clients.
    Report,
    /// To report the other clients: this client's own file is not opened a second time.
    ReportOthers,
}

impl Session {
    /// Visits every client, this one too, before memory is freed.
    pub fn scan_clients(&self, each: impl FnMut(ClientView<'_>) -> Result<()>) -> Result<()> {
        self.visit(Purpose::Free, each).map(drop)
    }

    /// As [`Session::scan_clients`], without keeping readers for the next scan.
    pub fn visit_clients(&self, each: impl FnMut(ClientView<'_>) -> Result<()>) -> Result<()> {
        self.visit(Purpose::Report, each).map(drop)
    }

    /// As [`Session::visit_clients`], except that this client need not be reported. Returns the
    /// names in `readers/` that count but belong to no client: a reader planted them.
    pub fn visit_others(
        &self,
        each: impl FnMut(ClientView<'_>) -> Result<()>,
    ) -> Result<Vec<ClientPath>> {
        self.visit(Purpose::ReportOthers, each)
    }

    /// As [`Session::visit_others`], of the readers of other users alone.
    pub fn visit_other_readers(
        &self,
        each: impl FnMut(ClientView<'_>) -> Result<()>,
    ) -> Result<Vec<ClientPath>> {
        if self.segment.readers.is_none() {
            return Ok(Vec::new());
        }
        let mut known = self.registry.known.lock();
        self.ensure_linked()?;
        self.visit_readers(Purpose::ReportOthers, &mut known, each)
    }

    fn visit(
        &self,
        purpose: Purpose,
        mut each: impl FnMut(ClientView<'_>) -> Result<()>,
    ) -> Result<Vec<ClientPath>> {
        let mut known = self.registry.known.lock();
        let known = &mut *known;
        self.ensure_linked()?;
        if self.segment.facts.lru() && known.folded.is_empty() {
            known.folded = fallible::repeat(0, ALL_SLOTS as usize)?;
        }
        known.cost = VisitCost::default();
        for (slot, entry) in (0..ALL_SLOTS).zip(self.segment.members.slots()) {
            // Loaded here, after the fence of a scan.
            let serial = tenant(entry);
            if serial == FREE || purpose == Purpose::ReportOthers && serial == self.own.serial {
                continue;
            }
            known.cost.members += u64::from(leases_in_use(entry) > 0);
            let mut none = 0;
            let folded = known.folded.get_mut(slot as usize).unwrap_or(&mut none);
            each(ClientView::of_member(self, slot, serial, folded))?;
        }
        if self.segment.readers.is_none() {
            return Ok(Vec::new());
        }
        self.visit_readers(purpose, known, each)
    }

    fn visit_readers(
        &self,
        purpose: Purpose,
        known: &mut Known,
        mut each: impl FnMut(ClientView<'_>) -> Result<()>,
    ) -> Result<Vec<ClientPath>> {
        let fresh = self.find_readers(known)?;
        let (mut seen, mut planted, mut failed) = (HashSet::new(), Vec::new(), Ok(()));
        let all = known.named.len() + known.nameless.len() + fresh.len();
        seen.try_reserve(all).map_err(|_| fallible::refused())?;
        let mut show = |path, file: &ClientFile, folded: &mut u64| {
            let (alive, linked) = (file.is_alive(), !seen.insert((file.ino(), file.nonce)));
            each(ClientView::of_reader(self, path, file, alive, linked, folded)).map(|()| alive)
        };
        let nameless = known.nameless.iter_mut().map(|(path, known)| (&*path, known));
        for (path, KnownClient { file, folded }) in known.named.iter_mut().chain(nameless) {
            show(*path, file, folded)?;
        }
        let mut kept = known.named.len() + known.nameless.len();
        known.cost.readers = all as u64;
        for (path, ino) in fresh {
            if purpose == Purpose::ReportOthers && self.own.is(path, ino) {
                continue;
            }
            // One file at a time, so that a report on a thousand readers needs one descriptor.
            let file = match ClientFile::find(&self.segment, path)? {
                Ok(file) => file,
                Err(Unreadable::Os(Errno(libc::ENOENT))) => continue,
                Err(why) => {
                    // The visit goes on, so that the dead among the other clients can be reaped.
                    match self.excuse(path, why) {
                        Ok(()) => fallible::push(&mut planted, path)?,
                        error => failed = failed.and(error),
                    }
                    continue;
                }
            };
            let mut folded = 0;
            let alive = show(path, &file, &mut folded)?;
            // The dead hold nothing, whatever happens to their names.
            if alive && purpose == Purpose::Free && kept < KEPT_READERS {
                kept += 1;
                known.named.insert(path, KnownClient { file, folded });
            }
        }
        failed.map(|()| planted)
    }

    /// What the last visit cost.
    pub fn visit_cost(&self) -> VisitCost {
        self.registry.known.lock().cost
    }

    /// Removes from `known` the readers that have gone; after an error `known` is unchanged.
    /// Returns the readers that are there and not known, by their paths and the inodes of these.
    ///
    /// A known file is open, so no other file has its inode.
    fn find_readers(&self, known: &mut Known) -> Result<Vec<(ClientPath, u64)>> {
        let nameless = known.nameless.iter().map(|(_, known)| known);
        for KnownClient { file, .. } in known.named.values().chain(nameless) {
            file.verify()?;
        }
        let mut files = self.list_readers()?;
        let mut same = HashSet::new();
        same.try_reserve(files.len()).map_err(|_| fallible::refused())?;
        // After this, no addition to the known readers, here or in the caller, fails for want of
        // memory.
        known.named.try_reserve(KEPT_READERS).map_err(|_| fallible::refused())?;
        known.nameless.try_reserve(KEPT_READERS).map_err(|_| fallible::refused())?;
        files.retain(|(path, ino)| {
            let is_known = known.named.get(path).is_some_and(|known| known.file.ino() == *ino);
            if is_known {
                same.insert(*path);
            }
            !is_known
        });
        known.nameless.retain(|(_, known)| known.file.is_alive());
        for (path, file) in known.named.extract_if(|path, _| !same.contains(path)) {
            let file = self.fold_left(path, file);
            // A reader owns its file and may unlink it.
            if file.file.is_using() && known.nameless.len() < KEPT_READERS {
                known.nameless.push((path, file));
            }
        }
        Ok(files)
    }

    /// Folds the releases of a client whose name is gone.
    pub fn fold_left(&self, path: ClientPath, mut known: KnownClient) -> KnownClient {
        if self.segment.facts.lru() && !self.segment.read_only {
            let KnownClient { file, folded } = &mut known;
            fold_all(&mut ClientView::of_reader(self, path, file, false, false, folded));
        }
        known
    }

    /// The names that count in `readers/`, and their inodes.
    fn list_readers(&self) -> Result<Vec<(ClientPath, u64)>> {
        let Some(readers) = &self.segment.readers else { return Ok(Vec::new()) };
        // Canonical names are all different, so there are no more of them.
        let mut files = fallible::with_room(READERS as usize)?;
        let (dir, slots) = (readers.fd()?, self.segment.facts.max_readers);
        let complete = file::list_dir(dir, MAX_NAMES, |name, ino| {
            // A file that is renamed during the listing may be listed twice.
            let slot = slot_of(name).filter(|slot| *slot < slots);
            if files.len() < slots as usize {
                files.extend(slot.map(|slot| (ClientPath { in_readers: true, slot }, ino)));
            }
        })
        .map_err(|errno| match errno.0 {
            libc::ENOENT => self.declare_gone(),
            _ => errno.because("cannot list the readers of the store"),
        })?;
        if !complete {
            // Somebody plants names: look up the canonical names instead.
            files.clear();
            for path in (0..slots).map(|slot| ClientPath { in_readers: true, slot }) {
                match file::stat_at(Some(dir), &slot_name(path.slot)) {
                    Ok(stat) => files.push((path, stat.ino)),
                    Err(errno) => self.excuse(path, errno.into())?,
                }
            }
        }
        Ok(files)
    }
}
