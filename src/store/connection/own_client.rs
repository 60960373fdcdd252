//! This client itself: a slot among the members, or a file in `readers/`.

use crate::error::{Error, Result, Status};
use crate::layout::client::{MAX_LEASES, RELEASES};
use crate::layout::word::LeaseWord;
use crate::segment::Segment;
use crate::store::clients::client_path::ClientPath;
use crate::store::connection::own_file::OwnFile;
use crate::store::connection::own_rows::Rows;
use crate::store::connection::own_slot::OwnSlot;
use crate::sync::{AtomicU64, Ordering};
use crate::sys::process;
use crate::sys::ticks::Ticks;
use once_cell::sync::OnceCell;

/// This client itself.
pub struct OwnClient {
    /// Slot among the members, or among the readers.
    pub slot: u32,
    /// It is a reader of another user, with a file in `readers/`.
    pub in_readers: bool,
    /// The serial of a member; 0 for a reader of another user.
    pub serial: u64,
    /// The process id, without a system call.
    pub pid: u32,
    /// The process start time that identifies this process beside its pid.
    pub start_time: u64,
    /// Index of the host name in the table of the store, once it is known.
    pub host: OnceCell<u32>,
    rows: Rows,
    seat: Seat,
}

/// Where others see this client.
enum Seat {
    Reader(OwnFile),
    Member(OwnSlot),
}

impl OwnClient {
    /// Makes this client visible to others.
    pub fn join(segment: &Segment) -> Result<Self> {
        if segment.members.writable {
            return Self::of_member(segment, OwnSlot::join(segment)?);
        }
        match &segment.readers {
            Some(readers) if segment.read_only => {
                let file = OwnFile::join(segment, readers.fd()?)?;
                Ok(Self::over(file.slot, 0, file.rows()?, Seat::Reader(file)))
            }
            _ => Err(Error::new(
                Status::Permission,
                "this user may only read the store; connect with PLASMA_CONNECT_READ_ONLY",
            )),
        }
    }

    /// As [`OwnClient::join`], in a slot for undertakers: when no other slot is free, an undertaker
    /// reaps the dead.
    pub fn join_as_undertaker(segment: &Segment) -> Result<Self> {
        Self::of_member(segment, OwnSlot::join_as_undertaker(segment)?)
    }

    fn of_member(segment: &Segment, slot: OwnSlot) -> Result<Self> {
        // On an error nobody would give the slot back.
        let rows = slot.rows(segment).inspect_err(|_| slot.leave(segment))?;
        Ok(Self::over(slot.slot, slot.serial, rows, Seat::Member(slot)))
    }

    fn over(slot: u32, serial: u64, rows: Rows, seat: Seat) -> Self {
        Self {
            slot,
            in_readers: matches!(seat, Seat::Reader(_)),
            serial,
            pid: process::pid() as u32,
            start_time: process::birth().start_time,
            host: OnceCell::new(),
            rows,
            seat,
        }
    }

    /// Whether this client is at `path`, where others see a client with this serial or inode.
    pub fn is(&self, path: ClientPath, identity: u64) -> bool {
        let mine = match &self.seat {
            Seat::Reader(file) => file.ino(),
            Seat::Member(_) => self.serial,
        };
        (path.in_readers, path.slot, identity) == (self.in_readers, self.slot, mine)
    }

    /// The number of names of the file that shows this client; 1 for a member.
    pub fn names(&self) -> Result<u64> {
        match &self.seat {
            Seat::Reader(file) => Ok(file.inspect()?.nlink),
            Seat::Member(_) => Ok(1),
        }
    }

    /// A lease word.
    #[inline(always)]
    pub fn lease(&self, index: u32) -> &AtomicU64 {
        &self.rows.leases[index as usize & (MAX_LEASES as usize - 1)]
    }

    /// The lease words from one on.
    #[inline(always)]
    pub fn leases_from(&self, index: u32) -> &[AtomicU64] {
        self.rows.leases.get(index as usize..).unwrap_or_default()
    }

    /// Backs the first `count` lease words with memory and makes scanners read them. Called by one
    /// thread at a time.
    pub fn prepare_leases(&self, segment: &Segment, count: u32) -> Result<()> {
        match &self.seat {
            Seat::Reader(file) => file.prepare_leases(count),
            Seat::Member(slot) => slot.prepare_leases(segment, count),
        }
    }

    /// Notes a release for the evictor: the lease and the time.
    #[inline]
    pub fn stamp(&self, lease: LeaseWord, ticks: Ticks) {
        let Some(releases) = &self.rows.releases else { return };
        // Relaxed: evictors copy the ring without ordering; a torn entry is a lost stamp or an
        // older stamp.
        let at = self.rows.released[0].fetch_add(1, Ordering::Relaxed);
        let entry = &releases[(at % u64::from(RELEASES)) as usize];
        entry.lease.store(0, Ordering::Relaxed);
        entry.ticks.store(ticks.now(), Ordering::Relaxed);
        entry.lease.store(lease.0, Ordering::Relaxed);
    }

    /// Sets whether other clients take this one for a user of the store.
    pub fn set_joined(&self, joined: bool) {
        match &self.seat {
            Seat::Reader(file) => file.set_joined(joined),
            Seat::Member(slot) => slot.set_joined(joined),
        }
    }

    /// Gives the slot or the name up: this client holds nothing.
    pub fn leave(&self, segment: &Segment) {
        match &self.seat {
            Seat::Reader(file) => file.unlink(segment),
            Seat::Member(slot) => slot.leave(segment),
        }
    }
}
