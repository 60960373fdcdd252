//! Visits to all clients: their liveness and their leases.
//!
//! A scan that frees memory keeps the descriptors of the clients that it has seen. With these, the
//! next scan can tell a file that somebody deleted from the file of a client that left. Of the
//! readers in `readers/` only the first few are kept, so that a thousand readers do not use up the
//! descriptors of every producer. A visit that only reports keeps no descriptors.

use crate::error::{Error, Result, Status};
use crate::layout::client::{ALL_SLOTS, SLOTS};
use crate::segment::{slot_name, slot_of};
use crate::store::clients::client_file::{ClientFile, Unreadable};
use crate::store::clients::client_path::ClientPath;
use crate::store::clients::client_view::ClientView;
use crate::store::clients::known::{Known, KnownClient};
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
    /// Visits every client, this one too, before memory is freed. Fails with STORE_GONE if the file
    /// of a living client that an earlier scan saw has lost its name: then somebody deleted files
    /// of the store, and nothing may be freed.
    pub fn scan_clients(&self, each: impl FnMut(ClientView<'_>) -> Result<()>) -> Result<()> {
        self.visit(Purpose::Free, each).map(drop)
    }

    /// As [`Session::scan_clients`], without keeping the clients for the next scan.
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
            // One file at a time, so that a report on a thousand clients needs one descriptor.
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
            if alive && purpose == Purpose::Free && (!path.in_readers || readers < KEPT_READERS) {
                readers += usize::from(path.in_readers);
                known.named.insert(path, KnownClient { file, folded });
            }
        }
        failed.map(|()| planted)
    }

    /// The number of clients at the last visit, this one included.
    pub fn known_clients(&self) -> u64 {
        self.registry.known.lock().count.max(1) as u64
    }

    /// Removes from `known` the clients that have gone; after an error `known` is unchanged.
    /// Returns the clients that are there and not known, by their paths and the inodes of these.
    ///
    /// A known file is open, so no other file has its inode.
    fn find_clients(&self, known: &mut Known) -> Result<Vec<(ClientPath, u64)>> {
        let nameless = known.nameless.iter().map(|(_, known)| known);
        for KnownClient { file, .. } in known.named.values().chain(nameless) {
            file.verify()?;
        }
        let mut files = self.list_files()?;
        let mut same = HashSet::new();
        same.try_reserve(files.len()).map_err(|_| fallible::refused())?;
        // After this, no addition to the known clients, here or in the caller, fails for want of
        // memory.
        known.named.try_reserve(files.len()).map_err(|_| fallible::refused())?;
        known.nameless.try_reserve(KEPT_READERS).map_err(|_| fallible::refused())?;
        files.retain(|(path, ino)| {
            let is_known = known.named.get(path).is_some_and(|known| known.file.ino() == *ino);
            if is_known {
                same.insert(*path);
            }
            !is_known
        });
        // A reader owns its file and may unlink it. A producer's file goes only when the producer
        // leaves or is reaped, or when somebody deletes it.
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

    /// Folds the releases of a client whose name is gone.
    pub fn fold_left(&self, path: ClientPath, mut known: KnownClient) -> KnownClient {
        if self.segment.facts.lru() && !self.segment.read_only {
            let KnownClient { file, folded } = &mut known;
            fold_all(&mut ClientView {
                path,
                alive: false,
                session: self,
                file,
                linked: false,
                folded,
            });
        }
        known
    }

    /// The names in `clients/` whose files cannot be read as a client's, each with its error.
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
        // Canonical names are all different, so there are no more of them.
        let mut files = fallible::with_room((SLOTS + ALL_SLOTS) as usize)?;
        let clients = (self.segment.clients.fd()?, false);
        let readers = self.segment.readers.as_ref().map(|dir| dir.fd()).transpose()?;
        for (dir, in_readers) in [clients].into_iter().chain(readers.map(|dir| (dir, true))) {
            let from = files.len();
            let slots = if in_readers { self.segment.facts.max_readers } else { ALL_SLOTS };
            let complete = file::list_dir(dir, MAX_NAMES, |name, ino| {
                // A file that is renamed during the listing may be listed twice.
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
                // Somebody plants names: look up the canonical names instead.
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
