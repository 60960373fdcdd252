//! Seats: what this process knows of the buffers it handed out.
//!
//! A buffer in the hands of a C program is a plain struct, which may be copied, kept too long, or
//! used after its client is closed. So a buffer names a *seat*, an *entry* of it and a *serial*;
//! seats and entries are never freed, only let again, so a stale name finds another serial and
//! touches nothing. A seat belongs to one client at a time: until the client is closed and the
//! last of its buffers is gone.
#![allow(unsafe_code)] // a live entry keeps the session that the seat points to

use crate::error::{Error, Result, Status};
use crate::layout::client::MAX_LEASES;
use crate::protocols::lease::entry::{Entry, Holder, Last};
use crate::store::clients::lease_counts::WordMap;
use crate::store::handles::hint::{Hint, Kind};
use crate::store::handles::writers::{DraftName, Drafts, Taken};
use crate::store::objects::writer::Draft;
use crate::store::session::Session;
use crate::support::fallible;
use crate::sync::local::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering::*};
use crate::sync::mutex::Mutex;
use crate::sync::once::Once;
use crate::sys::thread::CancelOff;
use crate::sys::{fork, membarrier, thread};
use once_cell::sync::OnceCell;
use std::cell::Cell;
use std::sync::Arc;

/// Entries made at a time.
const CHUNK: u32 = 512;

/// Entries that are tried near the last one used before more are made.
const PROBES: u32 = 64;

/// Seats made at a time, and how many times. A seat has 48 KiB, and most processes need one.
const SEATS: usize = 4;
const SEAT_CHUNKS: usize = 16384;

// A fork may come at any moment of another thread: nothing here is waited for.
static ALL: [Once<[Seat; SEATS]>; SEAT_CHUNKS] = [const { Once::new() }; SEAT_CHUNKS];
static MADE: AtomicU32 = AtomicU32::new(0);
/// The first of the free seats, each of which names the next: `{changes:32, number + 1:32}`.
static FREE: AtomicU64 = AtomicU64::new(0);
static THREADS: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static THREAD: Cell<u32> = const { Cell::new(u32::MAX) };
}

/// The home of one client's buffers.
pub struct Seat {
    number: u32,
    /// The fork generation of the process that made it.
    born: u32,
    /// The next free seat, its number + 1.
    next: AtomicU32,
    session: AtomicPtr<Session>,
    keeper: Mutex<Option<Arc<Session>>>,
    closed: AtomicBool,
    forks: AtomicU32,
    /// As that of its session.
    short_way: AtomicU32,
    chunks: Box<[OnceCell<Box<[Entry]>>]>,
    high: AtomicU32,
    hint: Hint,
    growing: Mutex<()>,
    copies: Mutex<WordMap<u32>>,
    drafts: Drafts,
    next_serial: AtomicU64,
}

/// The name of a buffer: which entry, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Lease word in the client's file.
    pub index: u32,
    /// As it was given out.
    pub serial: u64,
    /// A retained copy; its serial is of the seat, not of the entry.
    pub copy: bool,
}

impl Seat {
    /// A seat for a new client.
    pub fn take(session: &Arc<Session>) -> Result<&'static Seat> {
        membarrier::install();
        thread::install();
        let seat = loop {
            let seat = match Self::pop_free() {
                Some(seat) => seat,
                None => Self::make()?,
            };
            // Of one that was inherited, locks may be held by threads that only the parent has.
            if seat.born == fork::generation() {
                break seat;
            }
        };
        // Relaxed: whoever uses the seat learns of it from this thread.
        seat.session.store(Arc::as_ptr(session).cast_mut(), Relaxed);
        *seat.keeper.lock() = Some(Arc::clone(session));
        seat.forks.store(fork::generation(), Relaxed);
        seat.short_way.store(session.short_way(), Relaxed);
        seat.high.store(0, Relaxed);
        // SYNC closed: SeqCst, as everywhere.
        seat.closed.store(false, SeqCst);
        Ok(seat)
    }

    /// A seat that nobody has had.
    fn make() -> Result<&'static Seat> {
        loop {
            let number = MADE.load(Relaxed);
            let chunk = ALL.get(number as usize / SEATS).ok_or_else(|| {
                Error::new(Status::Limit, format!("{} clients in one process", SEATS * SEAT_CHUNKS))
            })?;
            let seats = chunk.get_or_try_make(|| Self::some(number - number % SEATS as u32))?;
            // Relaxed: whoever counts it up has the seat, which `ALL` publishes.
            if MADE.compare_exchange(number, number + 1, Relaxed, Relaxed).is_ok() {
                return Ok(&seats[number as usize % SEATS]);
            }
        }
    }

    /// The seats from `base` on.
    fn some(base: u32) -> Result<Box<[Self; SEATS]>> {
        let mut seats = fallible::with_room(SEATS)?;
        for number in base..base + SEATS as u32 {
            seats.push(Self::new(number)?);
        }
        seats.into_boxed_slice().try_into().map_err(|_| fallible::refused())
    }

    /// A seat that was given back, if there is one.
    fn pop_free() -> Option<&'static Seat> {
        // SYNC seat-free: Acquire; all that its last user did to it.
        let mut head = FREE.load(Acquire);
        loop {
            let seat = Self::find((head as u32).checked_sub(1)?)?;
            let rest = Self::changed(head, seat.next.load(Relaxed));
            // SYNC seat-free: Acquire; as above. The count of changes tells a seat that was taken and
            // given back meanwhile.
            match FREE.compare_exchange_weak(head, rest, Acquire, Acquire) {
                Ok(_) => return Some(seat),
                Err(now) => head = now,
            }
        }
    }

    /// Give the seat back, for the next client of this process.
    fn push_free(&self) {
        let mut head = FREE.load(Relaxed);
        loop {
            self.next.store(head as u32, Relaxed);
            let first = Self::changed(head, self.number + 1);
            // SYNC seat-free: Release; publishes the seat, and which is next.
            match FREE.compare_exchange_weak(head, first, Release, Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// The head of the free seats after one more change.
    fn changed(head: u64, first: u32) -> u64 {
        (head >> 32).wrapping_add(1) << 32 | u64::from(first)
    }

    fn new(number: u32) -> Result<Self> {
        Ok(Self {
            number,
            born: fork::generation(),
            next: AtomicU32::new(0),
            session: AtomicPtr::default(),
            keeper: Mutex::new(None),
            closed: AtomicBool::new(true),
            forks: AtomicU32::new(0),
            short_way: AtomicU32::new(0),
            chunks: boxed((0..MAX_LEASES / CHUNK).map(|_| OnceCell::new()))?,
            high: AtomicU32::new(0),
            hint: Hint::new(Kind::Entry, number),
            growing: Mutex::new(()),
            copies: Mutex::default(),
            drafts: Drafts::new(number),
            next_serial: AtomicU64::new(1),
        })
    }

    /// The seat with this number, if it was ever made.
    pub fn find(number: u32) -> Option<&'static Seat> {
        ALL.get(number as usize / SEATS)?.get()?.get(number as usize % SEATS)
    }

    /// Its number.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Whether this process is a forked child of the one that connected.
    #[inline(always)]
    pub fn forked(&self) -> bool {
        self.forks.load(Relaxed) != fork::generation()
    }

    /// The session of a seat in which the caller has a live entry or draft, or an open client.
    #[inline(always)]
    pub fn session(&self) -> &Session {
        // SAFETY: `keeper` holds the session until `settle` finds the client closed and no entry
        // or draft left; the caller has one of these.
        unsafe { &*self.session.load(Relaxed) }
    }

    #[inline(always)]
    fn entry(&self, index: u32) -> Option<&Entry> {
        self.chunks.get((index / CHUNK) as usize)?.get()?.get((index % CHUNK) as usize)
    }

    /// Take a free entry: its lease word is the caller's until [`Seat::release`].
    #[inline(always)]
    pub fn claim(&self) -> Result<Ticket> {
        // SYNC seat-high: Acquire; the entries below it are made, their lease words backed.
        let high = self.high.load(Acquire);
        let start = self.hint.get(thread::is_alone()).unwrap_or_else(|| thread_number() * PROBES);
        match self.probe(start, high, PROBES) {
            Some(ticket) => Ok(ticket),
            None => self.claim_slow(high),
        }
    }

    /// As [`Seat::claim`], if the entry that is most likely free is so.
    #[inline(always)]
    pub fn claim_hot(&self) -> Option<Ticket> {
        let alone = thread::is_alone();
        let index = self.hint.get(alone)?;
        // SYNC seat-high: Acquire; the entries below it are made, their lease words backed.
        if index >= self.high.load(Acquire) {
            return None;
        }
        let serial = self.entry(index)?.take(alone)?;
        self.hint.set(index + 1, alone);
        Some(Ticket { index, serial, copy: false })
    }

    #[inline(always)]
    fn probe(&self, start: u32, high: u32, probes: u32) -> Option<Ticket> {
        let mut index = start;
        for _ in 0..probes.min(high) {
            if index >= high {
                index = if high == 0 { return None } else { index % high };
            }
            let alone = thread::is_alone();
            if let Some(serial) = self.entry(index)?.take(alone) {
                self.hint.set(index + 1, alone);
                return Some(Ticket { index, serial, copy: false });
            }
            index += 1;
        }
        None
    }

    #[cold]
    fn claim_slow(&self, seen: u32) -> Result<Ticket> {
        let _cancel = CancelOff::begin();
        let mut high = seen;
        loop {
            let growing = self.growing.lock();
            // Relaxed: it changes under `growing` alone.
            let now = self.high.load(Relaxed);
            if now == high && now < MAX_LEASES {
                let next = (now + CHUNK.max(now / 2 / CHUNK * CHUNK)).min(MAX_LEASES);
                for chunk in now / CHUNK..next / CHUNK {
                    self.chunks[chunk as usize]
                        .get_or_init(|| (0..CHUNK).map(|_| Entry::new()).collect());
                }
                self.session().prepare_leases(next)?;
                // SYNC seat-high: Release; after the entries and their lease words.
                self.high.store(next, Release);
            }
            drop(growing);
            // SYNC seat-high: Acquire; another thread may have grown it.
            let grown = self.high.load(Acquire);
            if let Some(ticket) = self.probe(high.min(grown), grown, grown) {
                return Ok(ticket);
            }
            if grown >= MAX_LEASES {
                return Err(Error::new(
                    Status::Limit,
                    format!("this client holds {MAX_LEASES} buffers; release some"),
                ));
            }
            high = grown;
        }
    }

    /// Whether `ticket` names a buffer that is not released.
    #[inline(always)]
    pub fn is_live(&self, ticket: Ticket) -> bool {
        if ticket.copy {
            return self.copies.lock().get(&ticket.serial) == Some(&ticket.index);
        }
        self.entry(ticket.index).is_some_and(|entry| entry.is_live(ticket.serial))
    }

    /// Another buffer on the lease of `ticket`, which is live.
    pub fn retain(&self, ticket: Ticket) -> Result<Ticket> {
        let mut copies = self.copies.lock();
        copies.try_reserve(1).map_err(|_| fallible::refused())?;
        let entry = self.entry(ticket.index).ok_or_else(stale)?;
        if !entry.add_copy() {
            return Err(Error::new(Status::Limit, "a buffer is retained 32767 times"));
        }
        let serial = self.next_serial.fetch_add(1, Relaxed);
        copies.insert(serial, ticket.index);
        Ok(Ticket { index: ticket.index, serial, copy: true })
    }

    /// Whether releases go the short way: not in a forked child, nor in a client that counts what it holds.
    #[inline(always)]
    pub fn goes_short_way(&self) -> bool {
        self.short_way.load(Relaxed) == fork::generation()
    }

    /// Release a live buffer, and with its last holder the lease.
    pub fn release(&self, ticket: Ticket) {
        if self.goes_short_way() && self.release_hot(ticket) {
            return;
        }
        let Some(entry) = self.entry(ticket.index) else { return };
        // Of a client that counts what it holds.
        if !ticket.copy
            && let Some(last) = entry.only_first(ticket.serial)
        {
            self.session().end_lease(ticket.index);
            return self.end(ticket.index, entry, last);
        }
        let mut copies = self.copies.lock();
        let holder = if ticket.copy { Holder::Copy } else { Holder::First };
        if ticket.copy {
            copies.remove(&ticket.serial);
        }
        let last = entry.let_go(holder);
        drop(copies);
        if let Some(last) = last {
            self.session().end_lease(ticket.index);
            self.end(ticket.index, entry, last);
        }
    }

    /// As [`Seat::is_live`] and [`Seat::release`] in one, for a buffer without copies of a client that goes
    /// the short way, as the caller has asked; `false`, and nothing done, for a buffer with copies.
    #[inline(always)]
    pub fn release_hot(&self, ticket: Ticket) -> bool {
        if ticket.copy {
            return false;
        }
        let Some(entry) = self.entry(ticket.index) else { return false };
        let Some(last) = entry.only_first(ticket.serial) else { return false };
        self.session().end_lease_hot(ticket.index);
        self.end(ticket.index, entry, last);
        true
    }

    /// Give back what was claimed and not leased. Not a [`Ticket`]: a get keeps its own in registers.
    #[cold]
    pub fn unclaim(&self, index: u32, serial: u64) {
        let Some(entry) = self.entry(index) else { return };
        if let Some(last) = entry.only_first(serial) {
            self.end(index, entry, last);
        }
    }

    #[inline(always)]
    fn end(&self, index: u32, entry: &Entry, last: Last) {
        self.hint.set(index, thread::is_alone());
        if entry.end(last, &self.closed, membarrier::is_ready()) {
            self.settle();
        }
    }

    /// Remember an object that is being written. For want of memory it comes back.
    #[inline(always)]
    pub fn open_draft(&self, draft: Draft) -> std::result::Result<DraftName, Draft> {
        self.drafts.open(draft)
    }

    /// Take out the object that is being written under this name, for one call: it goes back by
    /// [`Seat::put_draft`], or ends by [`Seat::close_draft`].
    #[inline(always)]
    pub fn take_draft(&self, name: DraftName) -> Option<Taken> {
        self.drafts.take(name)
    }

    /// Put back what [`Seat::take_draft`] took.
    pub fn put_draft(&self, name: DraftName, taken: Taken) {
        self.drafts.put(name, taken);
    }

    /// Forget an object that was sealed or aborted.
    #[inline]
    pub fn close_draft(&self, name: DraftName, taken: Taken) {
        if self.drafts.close(name, taken, &self.closed) {
            self.settle();
        }
    }

    /// The client is closed: let the session go now, or with the last buffer.
    pub fn close(&self) {
        // SYNC closed: SeqCst; pairs with `end`.
        self.closed.store(true, SeqCst);
        // A barrier that is refused leaves the session to the last buffer, if it sees `closed`.
        if !membarrier::is_ready() || membarrier::everywhere() {
            self.settle();
        }
    }

    #[cold]
    fn settle(&self) {
        let mut keeper = self.keeper.lock();
        // SYNC closed: SeqCst; before the entries are looked at.
        if !self.closed.load(SeqCst) || keeper.is_none() || !self.is_empty() {
            return;
        }
        let _cancel = CancelOff::begin();
        let session = keeper.take();
        // Relaxed: nobody has anything of this seat any more.
        self.session.store(std::ptr::null_mut(), Relaxed);
        drop(keeper);
        // A subscription may keep the session, but not the client in the store.
        if let Some(session) = session {
            session.leave();
        }
        self.push_free();
    }

    fn is_empty(&self) -> bool {
        self.drafts.is_empty()
            && self
                .chunks
                .iter()
                .filter_map(OnceCell::get)
                .all(|chunk| chunk.iter().all(Entry::is_free))
    }
}

fn boxed<T>(items: impl Iterator<Item = T>) -> Result<Box<[T]>> {
    fallible::collect(items).map(Vec::into_boxed_slice)
}

fn thread_number() -> u32 {
    if THREAD.get() == u32::MAX {
        THREAD.set(THREADS.fetch_add(1, Relaxed) % 1024);
    }
    THREAD.get()
}

/// The error of a buffer that was released, sealed, aborted, or never given out.
#[cold]
pub fn stale() -> Error {
    Error::new(
        Status::InvalidArgument,
        "the buffer is released, sealed or aborted already, or is a stale copy of one that was",
    )
}
