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
use std::cell::Cell;
use std::mem::offset_of;

/// A client at the time of a visit.
pub struct ClientView<'a> {
    /// Where it is seen.
    pub path: ClientPath,
    /// The session that visits it.
    pub session: &'a Session,
    seen: Seen<'a>,
    folded: &'a mut u64,
    alive: Cell<Option<bool>>,
}

/// The part of a client that a visit sees.
#[derive(Clone, Copy)]
enum Seen<'a> {
    /// A slot with this tenant.
    Member(u64),
    /// A file; `linked` if it was seen under another name, and its leases are counted already.
    Reader { file: &'a ClientFile, linked: bool },
}

impl<'a> ClientView<'a> {
    pub fn of_member(
        session: &'a Session,
        slot: u32,
        serial: u64,
        folded: &'a mut u64,
    ) -> ClientView<'a> {
        let path = ClientPath { in_readers: false, slot };
        let alive = Cell::new((serial == session.own.serial).then_some(true));
        Self { path, session, seen: Seen::Member(serial), folded, alive }
    }

    pub fn of_reader(
        session: &'a Session,
        path: ClientPath,
        file: &'a ClientFile,
        alive: bool,
        linked: bool,
        folded: &'a mut u64,
    ) -> ClientView<'a> {
        let seen = Seen::Reader { file, linked };
        Self { path, session, seen, folded, alive: Cell::new(Some(alive)) }
    }

    /// Whether its process lives; asked at the first call.
    pub fn is_alive(&self) -> Result<bool> {
        match (self.alive.get(), self.seen) {
            (Some(alive), _) => Ok(alive),
            (None, Seen::Reader { .. }) => Ok(true),
            (None, Seen::Member(serial)) => {
                let alive = self.session.is_member_alive(serial)?;
                self.alive.set(Some(alive));
                Ok(alive)
            }
        }
    }

    /// Whether it is this client.
    pub fn is_own(&self) -> bool {
        self.session.own.is(self.path, self.identity_word())
    }

    /// What tells it from a later client in its place: the serial of a member, the inode of a
    /// reader's file.
    pub fn identity_word(&self) -> u64 {
        match self.seen {
            Seen::Member(serial) => serial,
            Seen::Reader { file, .. } => file.ino(),
        }
    }

    /// The serial of a member.
    pub fn serial(&self) -> Option<u64> {
        match self.seen {
            Seen::Member(serial) => Some(serial),
            Seen::Reader { .. } => None,
        }
    }

    /// The nonce of a reader's file.
    pub fn nonce(&self) -> u64 {
        match self.seen {
            Seen::Member(_) => 0,
            Seen::Reader { file, .. } => file.nonce,
        }
    }

    /// Whether it says that it uses the store.
    pub fn is_using(&self) -> Result<bool> {
        match self.seen {
            Seen::Member(serial) => {
                let page = self.session.segment.members.page(self.path.slot);
                // Relaxed: the fences of the lifecycle order it.
                Ok(page.is_some_and(|page| page.joined.load(Ordering::Relaxed) == serial))
            }
            Seen::Reader { .. } => Ok(self.identity()?.is_some_and(|who| who.joined)),
        }
    }

    /// Calls `each` for each lease of this client on an object that is not freed. The dead have no
    /// leases.
    pub fn leases(&self, mut each: impl FnMut(LeaseWord)) -> Result<()> {
        self.all_leases(|lease| {
            if self.is_alive()? {
                each(lease);
            }
            Ok(())
        })
    }

    /// As [`ClientView::leases`], whether or not a member lives: the caller asks if the lease
    /// matters.
    pub fn all_leases(&self, each: impl FnMut(LeaseWord) -> Result<()>) -> Result<()> {
        self.leases_on(&[State::Sealed, State::Doomed], each)
    }

    /// Calls `each` for each lease of this client on a deleted object, whether or not a member
    /// lives: the caller asks if the lease matters. Such leases only become fewer, so an honest
    /// reader's are all reported (see `lease::quota`).
    pub fn doomed_leases(&self, each: impl FnMut(LeaseWord) -> Result<()>) -> Result<()> {
        self.leases_on(&[State::Doomed], each)
    }

    /// Reports each lease of a member, whatever it names, and those of a reader on objects in
    /// `states`.
    fn leases_on(
        &self,
        states: &[State],
        mut each: impl FnMut(LeaseWord) -> Result<()>,
    ) -> Result<()> {
        let mut told = Ok(());
        let mut tell = |lease| {
            if told.is_ok() {
                told = each(lease);
            }
        };
        let Seen::Reader { file, linked } = self.seen else {
            self.session.segment.members.read_leases(self.path.slot, |lease| {
                if lease.0 != 0 {
                    tell(lease);
                }
            })?;
            lease::end_scan();
            return told;
        };
        if !self.is_alive()? || linked {
            return Ok(());
        }
        let pass = |each: &mut dyn FnMut(u32, LeaseWord)| {
            read_leases(file, each).or_else(|why| self.session.excuse(self.path, why))
        };
        let quota = self.session.segment.facts.reader_quota;
        let bytes = |lease| self.session.held_bytes(lease, states);
        lease::quota::counted(quota, pass, bytes, &mut tell)?;
        told
    }

    /// Calls `each` for each release since the last call, with its lease and its time, oldest first,
    /// as long as `left` lasts. A release that cannot be read is a lost stamp.
    pub fn fold_releases(&mut self, left: &mut u64, mut each: impl FnMut(LeaseWord, u64)) {
        let Some(end) = self.released() else { return };
        if end == *self.folded {
            return;
        }
        // A copy without ordering; a torn entry is a lost stamp or an older stamp.
        let mut buffer = [0; RELEASES as usize * 16];
        let read = match self.seen {
            Seen::Member(_) => self.session.segment.members.read_ring(self.path.slot, &mut buffer),
            Seen::Reader { file, .. } => {
                file::read_at(file.fd.unverified(), &mut buffer, RELEASES_OFFSET)
            }
        };
        let Ok(read) = read else { return };
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

    /// The number of releases in its ring.
    fn released(&self) -> Option<u64> {
        match self.seen {
            Seen::Member(_) => {
                let page = self.session.segment.members.page(self.path.slot)?;
                Some(page.released.load(Ordering::Relaxed))
            }
            Seen::Reader { file, .. } => file.word(offset_of!(ClientHeader, released)).ok(),
        }
    }

    /// The identity that the client claims; `None` if a member has not said it yet, or a reader has
    /// damaged its own file.
    pub fn identity(&self) -> Result<Option<Identity>> {
        match self.seen {
            Seen::Member(serial) => Ok(self.session.identity_of(self.path.slot, serial)),
            Seen::Reader { file, .. } => match file.identity() {
                Ok(identity) => Ok(Some(identity)),
                Err(why) => self.session.excuse(self.path, why).map(|()| None),
            },
        }
    }
}

fn read_leases(
    file: &ClientFile,
    each: &mut dyn FnMut(u32, LeaseWord),
) -> std::result::Result<(), Unreadable> {
    let fd = file.fd.unverified();
    // Loaded after the fence of the lease protocol, as the lease words are.
    let high = file.word(offset_of!(ClientHeader, flags))? >> 32;
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

    /// Returns an error unless the client of a file that cannot be read holds nothing.
    pub fn excuse(&self, path: ClientPath, why: Unreadable) -> Result<()> {
        if why.holds_nothing() { Ok(()) } else { Err(self.unreadable_error(path, why)) }
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
