//! A client as a visit finds it: its leases and its releases.

use crate::error::{Error, Result, Status};
use crate::layout::client::{ClientHeader, LEASES_OFFSET, MAX_LEASES, RELEASES, RELEASES_OFFSET};
use crate::layout::extent::UNIT;
use crate::layout::word::{LeaseWord, State};
use crate::protocols::lease;
use crate::store::clients::client_file::{ClientFile, Identity, Unreadable, words};
use crate::store::clients::client_path::ClientPath;
use crate::store::memory::extents::units_of;
use crate::store::session::Session;
use crate::sync::{Ordering, fence};
use crate::sys::file;
use std::mem::offset_of;

/// A client at the time of a visit.
pub struct ClientView<'a> {
    /// The path of its file.
    pub path: ClientPath,
    /// Its process lives.
    pub alive: bool,
    pub session: &'a Session,
    pub file: &'a ClientFile,
    /// The same file was seen under another name, and its leases are counted already.
    pub linked: bool,
    pub folded: &'a mut u64,
}

impl ClientView<'_> {
    /// Random identity.
    pub fn nonce(&self) -> u64 {
        self.file.nonce
    }

    /// Inode of its file.
    pub fn ino(&self) -> u64 {
        self.file.ino()
    }

    /// Calls `each` for each lease of this client on an object that is not freed. The dead have no
    /// leases.
    pub fn leases(&self, each: impl FnMut(LeaseWord)) -> Result<()> {
        self.leases_on(&[State::Sealed, State::Doomed], each)
    }

    /// Calls `each` for each lease of this client on a deleted object. Such leases only become
    /// fewer, so an honest reader's are all reported (see `lease::quota`).
    pub fn doomed_leases(&self, each: impl FnMut(LeaseWord)) -> Result<()> {
        self.leases_on(&[State::Doomed], each)
    }

    /// Reports each lease of a producer, whatever it names, and those of a reader on objects in
    /// `states`.
    fn leases_on(&self, states: &[State], mut each: impl FnMut(LeaseWord)) -> Result<()> {
        if !self.alive || self.linked {
            return Ok(());
        }
        let pass = |each: &mut dyn FnMut(u32, LeaseWord)| {
            self.read_leases(each).or_else(|why| self.session.excuse(self.path, why))
        };
        if !self.path.in_readers {
            pass(&mut |_, lease| each(lease))?;
            lease::end_scan();
            return Ok(());
        }
        let quota = self.session.segment.facts.reader_quota;
        let bytes = |lease| self.session.held_bytes(lease, states);
        lease::quota::counted(quota, pass, bytes, &mut each)
    }

    fn read_leases(
        &self,
        each: &mut dyn FnMut(u32, LeaseWord),
    ) -> std::result::Result<(), Unreadable> {
        let fd = self.file.fd.unverified();
        // Loaded after the fence of the lease protocol, as the lease words are.
        let high = self.file.word(offset_of!(ClientHeader, flags))? >> 32;
        let mut left = high.min(u64::from(MAX_LEASES)) as usize * 8;
        let mut at = LEASES_OFFSET;
        let mut buffer = [0; 4 << 10];
        while left > 0 {
            let want = left.min(buffer.len());
            let read = file::read_at(fd, &mut buffer[..want], at)?;
            let (first, mut empty) = (((at - LEASES_OFFSET) / 8) as u32, true);
            for (index, word) in (first..).zip(words(&buffer[..read])).filter(|it| it.1 != 0) {
                empty = false;
                each(index, LeaseWord(word));
            }
            if read < want {
                return Err(Unreadable::NoClients);
            }
            // A hole costs its owner nothing, so it costs the scan nothing either.
            let next = at + read as u64;
            let data = if empty { file::next_data(fd, next) } else { Some(next) };
            let Some(data) = data.map(|data| data & !7) else { break };
            left = left.saturating_sub((data - at) as usize);
            at = data;
        }
        Ok(())
    }

    /// Calls `each` for each release since the last call, with its lease and its time, oldest first,
    /// as long as `left` lasts. A release that cannot be read is a lost stamp.
    pub fn fold_releases(&mut self, left: &mut u64, mut each: impl FnMut(LeaseWord, u64)) {
        let Ok(end) = self.file.word(offset_of!(ClientHeader, released)) else { return };
        if end == *self.folded {
            return;
        }
        // A copy without ordering; a torn entry is a lost stamp or an older stamp.
        let mut buffer = [0; RELEASES as usize * 16];
        let Ok(read) = file::read_at(self.file.fd.unverified(), &mut buffer, RELEASES_OFFSET)
        else {
            return;
        };
        let from = (*self.folded).max(end.saturating_sub(u64::from(RELEASES)));
        let end = end.min(from.saturating_add(*left));
        *left -= end.saturating_sub(from);
        for at in from..end {
            let i = (at % u64::from(RELEASES)) as usize * 16;
            if let Some(entry) = buffer[..read].get(i..i + 16)
                && let (Some(ticks), Some(lease)) = (words(entry).next(), words(entry).nth(1))
                && lease != 0
            {
                each(LeaseWord(lease), ticks);
            }
        }
        *self.folded = end;
    }

    /// The identity that the client claims; `None` if a reader has damaged its own file.
    pub fn identity(&self) -> Result<Option<Identity>> {
        match self.file.identity() {
            Ok(identity) => Ok(Some(identity)),
            Err(why) => self.session.excuse(self.path, why).map(|()| None),
        }
    }
}

impl Session {
    /// The bytes of the object that a lease holds, if the object is in one of these states; `None`
    /// for a lease on another generation of its slot, which is corrupt.
    fn held_bytes(&self, lease: LeaseWord, states: &[State]) -> Option<u64> {
        let record = self.segment.record(lease.slot()).ok()?;
        let word = record.load();
        if word.generation() != lease.generation() || !states.contains(&word.state()?) {
            return None;
        }
        let bytes = units_of(record, word).saturating_mul(UNIT);
        // SYNC record-fields: as in a lookup. If the record was freed in the meantime, the lease
        // held nothing.
        fence(Ordering::Acquire);
        let same = record.load_with(Ordering::Relaxed).generation() == word.generation();
        same.then_some(bytes)
    }

    /// The client at `path`; `None` if no client is there that could hold anything.
    pub fn find_client(&self, path: ClientPath) -> Result<Option<ClientFile>> {
        match ClientFile::find(&self.segment, path)? {
            Ok(file) => Ok(Some(file)),
            Err(why) => self.excuse(path, why).map(|()| None),
        }
    }

    /// Returns an error unless the client of a file that cannot be read holds nothing.
    pub fn excuse(&self, path: ClientPath, why: Unreadable) -> Result<()> {
        if why.holds_nothing(path) { Ok(()) } else { Err(self.unreadable_error(path, why)) }
    }

    #[cold]
    fn unreadable_error(&self, path: ClientPath, why: Unreadable) -> Error {
        let store = self.address.display();
        let unknown = format!("the objects that the client of {store}/{path} holds are unknown");
        let remedy = "delete that file once its process has ended";
        match why {
            Unreadable::Os(errno) if matches!(errno.0, libc::EACCES | libc::EPERM) => {
                errno.because(format!("{unknown}; make its file readable (chmod 644), or {remedy}"))
            }
            Unreadable::Os(errno) => {
                errno.because(format!("{unknown}; if this persists, {remedy}"))
            }
            Unreadable::NoClients => Error::new(
                Status::Corrupt,
                format!("{unknown}, because the file is not a client's; {remedy}"),
            ),
        }
    }
}
