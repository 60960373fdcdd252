//! The other clients: who is there, whether they live, and what they lease.
//!
//! A scan that frees memory keeps the descriptors of the clients that it has seen, so that the next one
//! tells a file that was deleted behind our back from one whose owner left. Of readers in `readers/` only
//! the first few are kept, so that a thousand of them do not use up the descriptors of every producer. A
//! glance (who is dead, who holds what) keeps none.

use crate::error::{Error, Result, Status};
use crate::layout::client::{ALL_SLOTS, SLOTS};
use crate::segment::{slot_name, slot_of};
use crate::store::clients::client_file::{ClientFile, Unreadable};
use crate::store::clients::client_path::ClientPath;
use crate::store::clients::client_view::ClientView;
use crate::store::clients::known::{Known, KnownClient};
use crate::store::clients::releases::fold;
use crate::store::session::Session;
use crate::support::fallible;
use crate::sys::{Errno, file};
use std::collections::HashSet;

/// Names that are read from a directory before its canonical names are tried one by one.
const MAX_NAMES: usize = 16 * 1024;

/// Files in `readers/` whose descriptors are kept; further ones are opened for each look.
const KEPT_READERS: usize = 64;

/// Why the clients are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To free what nobody leases.
    Free,
    /// To tell of them.
    Report,
    /// To tell of the others: this client's own file is not opened a second time for that.
    ReportOthers,
}

impl Session {
    /// Purpose at every client, this one too, before memory is freed. Fails with STORE_GONE when a living
    /// client's file that an earlier scan saw has lost its name: then somebody deleted files of the
    /// store, and nothing may be freed.
    pub fn scan_clients(&self, each: impl FnMut(ClientView<'_>) -> Result<()>) -> Result<()> {
        self.visit(Purpose::Free, each).map(drop)
    }

    /// As [`Session::scan_clients`], without keeping what is needed to tell who was seen before.
    pub fn visit_clients(&self, each: impl FnMut(ClientView<'_>) -> Result<()>) -> Result<()> {
        self.visit(Purpose::Report, each).map(drop)
    }

    /// As [`Session::visit_clients`]; of this client itself nothing need be told. Returns the names in
    /// `readers/` that count but are no client's: what a reader planted there.
    pub fn visit_others(
        &self,
        each: impl FnMut(ClientView<'_>) -> Result<()>,
    ) -> Result<Vec<ClientPath>> {
        self.visit(Purpose::ReportOthers, each)
    }

    fn visit(
        &self,
        purpose: Purpose,
        mut each: impl FnMut(ClientView<'_>) -> Result<()>,
    ) -> Result<Vec<ClientPath>> {
        let mut known = self.registry.known.lock();
        let known = &mut *known;
        let fresh = self.find_clients(known)?;
        let (mut seen, mut planted, mut failed) = (HashSet::new(), Vec::new(), Ok(()));
        let all = known.named.len() + known.nameless.len() + fresh.len();
        seen.try_reserve(all).map_err(|_| fallible::refused())?;
        let mut show = |path, file: &ClientFile, folded: &mut u64| {
            let (alive, linked) = (file.is_alive(), !seen.insert((file.ino(), file.nonce)));
            each(ClientView { path, alive, session: self, file, linked, folded }).map(|()| alive)
        };
        let nameless = known.nameless.iter_mut().map(|(path, known)| (&*path, known));
        for (path, KnownClient { file, folded }) in known.named.iter_mut().chain(nameless) {
            show(*path, file, folded)?;
        }
        let is_reader = |path: &&ClientPath| path.in_readers;
        let mut readers = known.named.keys().filter(is_reader).count() + known.nameless.len();
        known.count = all;
        for (path, ino) in fresh {
            if purpose == Purpose::ReportOthers && self.own.is_at(path) && ino == self.own.ino() {
                continue;
            }
            // One by one, so that a glance at a thousand clients needs one descriptor.
            let file = match ClientFile::find(&self.segment, path)? {
                Ok(file) => file,
                Err(Unreadable::Os(Errno(libc::ENOENT))) => continue,
                Err(why) => {
                    // Of the others is told all the same: the dead among them can be buried.
                    match self.excuse(path, why) {
                        Ok(()) => fallible::push(&mut planted, path)?,
                        error => failed = failed.and(error),
                    }
                    continue;
                }
            };
            let mut folded = 0;
            let alive = show(path, &file, &mut folded)?;
            // The dead hold nothing, whatever becomes of their names.
            if alive && purpose == Purpose::Free && (!path.in_readers || readers < KEPT_READERS) {
                readers += usize::from(path.in_readers);
                known.named.insert(path, KnownClient { file, folded });
            }
        }
        failed.map(|()| planted)
    }

    /// How many clients there were, this one too, when they were last looked at.
    pub fn known_clients(&self) -> u64 {
        self.registry.known.lock().count.max(1) as u64
    }

    /// Make `known` those of it who are there still; after an error it is what it was. Returns the
    /// others who are there, by their names and the inodes that these have.
    ///
    /// A known file is open, so its inode is no other file's.
    fn find_clients(&self, known: &mut Known) -> Result<Vec<(ClientPath, u64)>> {
        let nameless = known.nameless.iter().map(|(_, known)| known);
        for KnownClient { file, .. } in known.named.values().chain(nameless) {
            file.verify()?;
        }
        let mut files = self.list_files()?;
        let mut same = HashSet::new();
        same.try_reserve(files.len()).map_err(|_| fallible::refused())?;
        // Nothing that becomes known below, or in the caller, fails for want of memory.
        known.named.try_reserve(files.len()).map_err(|_| fallible::refused())?;
        known.nameless.try_reserve(KEPT_READERS).map_err(|_| fallible::refused())?;
        files.retain(|(path, ino)| {
            let is_known = known.named.get(path).is_some_and(|known| known.file.ino() == *ino);
            if is_known {
                same.insert(*path);
            }
            !is_known
        });
        // A reader owns its file and may unlink it; that of a producer only somebody else deletes.
        let lost = |(path, known): (&ClientPath, &KnownClient)| {
            !path.in_readers && !same.contains(path) && known.file.is_using(*path)
        };
        if known.named.iter().any(lost) {
            return Err(self.declare_gone());
        }
        known.nameless.retain(|(_, known)| known.file.is_alive());
        for (path, file) in known.named.extract_if(|path, _| !same.contains(path)) {
            let file = self.fold_left(path, file);
            if file.file.is_using(path) && known.nameless.len() < KEPT_READERS {
                known.nameless.push((path, file));
            }
        }
        Ok(files)
    }

    /// The releases of a client whose name is gone count as well.
    pub fn fold_left(&self, path: ClientPath, mut known: KnownClient) -> KnownClient {
        if self.segment.facts.lru() && !self.segment.read_only {
            let KnownClient { file, folded } = &mut known;
            ClientView { path, alive: false, session: self, file, linked: false, folded }
                .fold_releases(|lease, ticks| fold(&self.segment, lease, ticks));
        }
        known
    }

    /// The names in `clients/` that stand for no file that can be read as a client's, and what that
    /// means.
    pub fn find_strangers(&self) -> Result<Vec<(ClientPath, Error)>> {
        let mut strangers = Vec::new();
        for (path, _) in self.list_files()?.into_iter().filter(|(path, _)| !path.in_readers) {
            match self.find_client(path) {
                Err(error) if matches!(error.status(), Status::Limit | Status::OutOfMemory) => {
                    return Err(error);
                }
                Err(error) => fallible::push(&mut strangers, (path, error))?,
                Ok(_) => {}
            }
        }
        Ok(strangers)
    }

    pub fn list_files(&self) -> Result<Vec<(ClientPath, u64)>> {
        // Canonical names are all different, so there are no more.
        let mut files = fallible::with_room((SLOTS + ALL_SLOTS) as usize)?;
        let clients = (self.segment.clients.fd()?, false);
        let readers = self.segment.readers.as_ref().map(|dir| dir.fd()).transpose()?;
        for (dir, in_readers) in [clients].into_iter().chain(readers.map(|dir| (dir, true))) {
            let from = files.len();
            let slots = if in_readers { self.segment.facts.max_readers } else { ALL_SLOTS };
            let complete = file::list_dir(dir, MAX_NAMES, |name, ino| {
                // One renamed meanwhile may be listed twice.
                let slot = slot_of(name).filter(|slot| *slot < slots);
                if files.len() < from + slots as usize {
                    files.extend(slot.map(|slot| (ClientPath { in_readers, slot }, ino)));
                }
            })
            .map_err(|errno| match errno.0 {
                libc::ENOENT => self.declare_gone(),
                _ => errno.because("cannot list the clients of the store"),
            })?;
            if !complete {
                // Somebody plants names: ask for the ones that count.
                files.truncate(from);
                for path in (0..slots).map(|slot| ClientPath { in_readers, slot }) {
                    match file::stat_at(Some(dir), &slot_name(path.slot)) {
                        Ok(stat) => files.push((path, stat.ino)),
                        Err(errno) => self.excuse(path, errno.into())?,
                    }
                }
            }
        }
        Ok(files)
    }
}
