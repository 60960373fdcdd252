//! Handle tables: the buffers that this process has handed out.
//!
//! A buffer in a C program is a plain struct, which may be copied, kept too long, or used after its
//! client is closed. So a buffer names a *handle table*, an *entry* of the table, and a *serial*.
//! Handle tables and entries are never freed, only reused, so a stale handle meets another serial
//! and has no effect. A handle table belongs to one client at a time: until the client is closed
//! and the last of its buffers is released.
#![allow(unsafe_code)] // a live entry keeps the session that the handle table points to

use crate::error::{Error, Result, Status};
use crate::layout::client::MAX_LEASES;
use crate::protocols::lease::entry::{Entry, Holder, Last};
use crate::protocols::members::more_leases;
use crate::store::clients::lease_counts::WordMap;
use crate::store::handles::hint::{Hint, HintKind};
use crate::store::handles::writers::{TakenWriter, WriterHandle, WriterTable};
use crate::store::objects::writer::ObjectWriter;
use crate::store::session::Session;
use crate::support::fallible;
use crate::sync::local::Ordering::*;
use crate::sync::local::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64};
use crate::sync::mutex::Mutex;
use crate::sync::once::Once;
use crate::sys::thread::{self, CancelOff};
use crate::sys::{fork, membarrier};
use once_cell::sync::OnceCell;
use std::cell::Cell;
use std::sync::Arc;

mod many;

pub use many::{Claimed, Releases};

/// The number of entries that are made together.
const CHUNK: u32 = 512;

/// The number of entries to try near the last one that was used, before more entries are made.
const PROBES: u32 = 64;

/// The number of handle tables that are made together, and the most such groups. A handle table
/// takes 48 KiB, and most processes need one.
const TABLES: usize = 4;

const TABLE_CHUNKS: usize = 16384;

// Another thread may fork at any moment, so nothing here waits.
static ALL: [Once<[HandleTable; TABLES]>; TABLE_CHUNKS] = [const { Once::new() }; TABLE_CHUNKS];

static MADE: AtomicU32 = AtomicU32::new(0);

/// The first of the free handle tables, each of which names the next: `{changes:32, number +
/// 1:32}`.
static FREE: AtomicU64 = AtomicU64::new(0);

static THREADS: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static THREAD: Cell<u32> = const { Cell::new(u32::MAX) };
}

/// The table of one client's buffers and writers.
pub struct HandleTable {
    number: u32,
    /// The fork generation of the process that made it.
    born: u32,
    /// The number of the next free handle table, plus 1.
    next: AtomicU32,
    session: AtomicPtr<Session>,
    keeper: Mutex<Option<Arc<Session>>>,
    closed: AtomicBool,
    forks: AtomicU32,
    /// A copy of the session's value.
    short_way: AtomicU32,
    chunks: Box<[OnceCell<Box<[Entry]>>]>,
    high: AtomicU32,
    hint: Hint,
    growing: Mutex<()>,
    copies: Mutex<WordMap<u32>>,
    writers: WriterTable,
    next_serial: AtomicU64,
}

/// The handle of a buffer: its entry, and the serial of the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle {
    /// The entry, which is also the index of the lease word in the client's file.
    pub index: u32,
    /// The serial of the entry when the handle was made.
    pub serial: u64,
    /// The handle is of a retained copy; its serial comes from the handle table, not from the
    /// entry.
    pub copy: bool,
}

impl HandleTable {
    /// Takes a handle table for a new client.
    pub fn take(session: &Arc<Session>) -> Result<&'static HandleTable> {
        thread::install();
        membarrier::install(thread::is_alone());
        let handles = loop {
            let handles = match Self::pop_free() {
                Some(handles) => handles,
                None => Self::make()?,
            };
            // The locks of an inherited table may be held by threads that only the parent has.
            if handles.born == fork::generation() {
                break handles;
            }
        };
        // Relaxed: other users of the handle table get it from this thread.
        handles.session.store(Arc::as_ptr(session).cast_mut(), Relaxed);
        *handles.keeper.lock() = Some(Arc::clone(session));
        handles.forks.store(fork::generation(), Relaxed);
        handles.short_way.store(session.short_way(), Relaxed);
        handles.high.store(0, Relaxed);
        // SYNC closed: SeqCst, as everywhere.
        handles.closed.store(false, SeqCst);
        Ok(handles)
    }

    /// Makes a handle table that no client has had.
    fn make() -> Result<&'static HandleTable> {
        loop {
            let number = MADE.load(Relaxed);
            let chunk = ALL.get(number as usize / TABLES).ok_or_else(|| {
                Error::new(
                    Status::Limit,
                    format!("{} clients in one process", TABLES * TABLE_CHUNKS),
                )
            })?;
            let tables =
                chunk.get_or_try_make(|| Self::make_chunk(number - number % TABLES as u32))?;
            // Relaxed: the thread that increments the count owns the handle table, which `ALL`
            // publishes.
            if MADE.compare_exchange(number, number + 1, Relaxed, Relaxed).is_ok() {
                return Ok(&tables[number as usize % TABLES]);
            }
        }
    }

    /// Makes the handle tables from number `base` on.
    fn make_chunk(base: u32) -> Result<Box<[Self; TABLES]>> {
        let mut tables = fallible::with_room(TABLES)?;
        for number in base..base + TABLES as u32 {
            tables.push(Self::new(number)?);
        }
        tables.into_boxed_slice().try_into().map_err(|_| fallible::refused())
    }

    /// Takes a handle table that was returned, if there is one.
    fn pop_free() -> Option<&'static HandleTable> {
        // SYNC handle-table-free: Acquire; all that its last user did to it.
        let mut head = FREE.load(Acquire);
        loop {
            let handles = Self::find((head as u32).checked_sub(1)?)?;
            let rest = Self::next_head(head, handles.next.load(Relaxed));
            // SYNC handle-table-free: Acquire; as above. The count of changes distinguishes a
            // handle table that was taken and returned in between.
            match FREE.compare_exchange_weak(head, rest, Acquire, Acquire) {
                Ok(_) => return Some(handles),
                Err(now) => head = now,
            }
        }
    }

    /// Returns the handle table, for the next client of this process.
    fn push_free(&self) {
        let mut head = FREE.load(Relaxed);
        loop {
            self.next.store(head as u32, Relaxed);
            let first = Self::next_head(head, self.number + 1);
            // SYNC handle-table-free: Release; publishes the handle table and its link.
            match FREE.compare_exchange_weak(head, first, Release, Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// The head of the free list after one more change.
    fn next_head(head: u64, first: u32) -> u64 {
        (head >> 32).wrapping_add(1) << 32 | u64::from(first)
    }

    pub fn new(number: u32) -> Result<Self> {
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
            hint: Hint::new(HintKind::Buffer, number),
            growing: Mutex::new(()),
            copies: Mutex::default(),
            writers: WriterTable::new(number),
            next_serial: AtomicU64::new(1),
        })
    }

    /// The handle table with this number, if it exists.
    pub fn find(number: u32) -> Option<&'static HandleTable> {
        ALL.get(number as usize / TABLES)?.get()?.get(number as usize % TABLES)
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

    /// The session. The caller has a live entry or writer in the table, or an open client.
    #[inline(always)]
    pub fn session(&self) -> &Session {
        // SAFETY: `keeper` holds the session until `settle` finds the client closed and no entry or
        // writer left; the caller has one of these.
        unsafe { &*self.session.load(Relaxed) }
    }

    #[inline(always)]
    fn entry(&self, index: u32) -> Option<&Entry> {
        self.chunks.get((index / CHUNK) as usize)?.get()?.get((index % CHUNK) as usize)
    }

    /// Takes a free entry: the caller owns its lease word until [`HandleTable::release`].
    #[inline(always)]
    pub fn claim(&self) -> Result<Handle> {
        // SYNC handle-table-high: Acquire; the entries below it exist, and their lease words are
        // backed.
        let high = self.high.load(Acquire);
        let start = self.hint.get(thread::is_alone()).unwrap_or_else(|| thread_number() * PROBES);
        match self.probe(start, high, PROBES) {
            Some(handle) => Ok(handle),
            None => self.claim_slow(high),
        }
    }

    /// As [`HandleTable::claim`], if the hinted entry is free.
    #[inline(always)]
    pub fn claim_hot(&self) -> Option<Handle> {
        let alone = thread::is_alone();
        let index = self.hint.get(alone)?;
        // SYNC handle-table-high: Acquire; the entries below it exist, and their lease words are
        // backed.
        if index >= self.high.load(Acquire) {
            return None;
        }
        let serial = self.entry(index)?.take(alone)?;
        self.hint.set(index + 1, alone);
        Some(Handle { index, serial, copy: false })
    }

    #[inline(always)]
    fn probe(&self, start: u32, high: u32, probes: u32) -> Option<Handle> {
        let mut index = start;
        for _ in 0..probes.min(high) {
            if index >= high {
                index = if high == 0 { return None } else { index % high };
            }
            let alone = thread::is_alone();
            if let Some(serial) = self.entry(index)?.take(alone) {
                self.hint.set(index + 1, alone);
                return Some(Handle { index, serial, copy: false });
            }
            index += 1;
        }
        None
    }

    #[cold]
    fn claim_slow(&self, seen: u32) -> Result<Handle> {
        let _cancel = CancelOff::begin();
        let mut high = seen;
        loop {
            let growing = self.growing.lock();
            // Relaxed: it changes under `growing` alone.
            let now = self.high.load(Relaxed);
            if now == high && now < MAX_LEASES {
                let next = more_leases(now);
                for chunk in now / CHUNK..next.div_ceil(CHUNK) {
                    self.chunks[chunk as usize]
                        .get_or_init(|| (0..CHUNK).map(|_| Entry::new()).collect());
                }
                self.session().prepare_leases(next)?;
                // SYNC handle-table-high: Release; after the entries and their lease words.
                self.high.store(next, Release);
            }
            drop(growing);
            // SYNC handle-table-high: Acquire; another thread may have made more.
            let grown = self.high.load(Acquire);
            if let Some(handle) = self.probe(high.min(grown), grown, grown) {
                return Ok(handle);
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

    /// Whether `handle` names a buffer that is not released.
    #[inline(always)]
    pub fn is_live(&self, handle: Handle) -> bool {
        if handle.copy {
            return self.copies.lock().get(&handle.serial) == Some(&handle.index);
        }
        self.entry(handle.index).is_some_and(|entry| entry.is_live(handle.serial))
    }

    /// Makes another handle on the lease of `handle`, which is live.
    pub fn retain(&self, handle: Handle) -> Result<Handle> {
        let mut copies = self.copies.lock();
        copies.try_reserve(1).map_err(|_| fallible::refused())?;
        let entry = self.entry(handle.index).ok_or_else(stale_handle_error)?;
        if !entry.add_copy() {
            return Err(Error::new(Status::Limit, "a buffer is retained 32767 times"));
        }
        let serial = self.next_serial.fetch_add(1, Relaxed);
        copies.insert(serial, handle.index);
        Ok(Handle { index: handle.index, serial, copy: true })
    }

    /// Whether releases take the fast path: not in a forked child, nor in a client that counts the
    /// bytes it holds.
    #[inline(always)]
    pub fn goes_short_way(&self) -> bool {
        self.short_way.load(Relaxed) == fork::generation()
    }

    /// Releases a live buffer. The last release ends the lease.
    pub fn release(&self, handle: Handle) {
        if self.goes_short_way() && self.release_hot(handle) {
            return;
        }
        let Some(entry) = self.entry(handle.index) else { return };
        // The client counts the bytes that it holds.
        if !handle.copy
            && let Some(last) = entry.only_first(handle.serial)
        {
            self.session().end_lease(handle.index);
            return self.end(handle.index, entry, last);
        }
        let mut copies = self.copies.lock();
        let holder = if handle.copy { Holder::Copy } else { Holder::First };
        if handle.copy {
            copies.remove(&handle.serial);
        }
        let last = entry.let_go(holder);
        drop(copies);
        if let Some(last) = last {
            self.session().end_lease(handle.index);
            self.end(handle.index, entry, last);
        }
    }

    /// [`HandleTable::is_live`] and [`HandleTable::release`] in one, for a buffer without copies.
    /// The caller has checked that the client takes the fast path. Does nothing and returns `false`
    /// for a buffer with copies.
    #[inline(always)]
    pub fn release_hot(&self, handle: Handle) -> bool {
        if handle.copy {
            return false;
        }
        let Some(entry) = self.entry(handle.index) else { return false };
        let Some(last) = entry.only_first(handle.serial) else { return false };
        self.session().end_lease_hot(handle.index);
        self.end(handle.index, entry, last);
        true
    }

    /// Returns an entry that was claimed and not leased. Takes no [`Handle`]: a get keeps its
    /// handle in registers.
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

    /// Stores an object that is being written; returns it if memory is short.
    #[inline(always)]
    pub fn open_writer(
        &self,
        writer: ObjectWriter,
    ) -> std::result::Result<WriterHandle, ObjectWriter> {
        self.writers.open(writer)
    }

    /// Takes the writer with this handle out of the table for one call, which ends with
    /// [`HandleTable::put_writer`] or [`HandleTable::close_writer`].
    #[inline(always)]
    pub fn take_writer(&self, handle: WriterHandle) -> Option<TakenWriter> {
        self.writers.take(handle)
    }

    /// Puts back a writer from [`HandleTable::take_writer`].
    pub fn put_writer(&self, handle: WriterHandle, taken: TakenWriter) {
        self.writers.put(handle, taken);
    }

    /// Closes the entry of an object that was sealed or aborted.
    #[inline]
    pub fn close_writer(&self, handle: WriterHandle, taken: TakenWriter) {
        if self.writers.close(handle, taken, &self.closed) {
            self.settle();
        }
    }

    /// Notes that the client is closed: the session is released now, or with the last buffer.
    pub fn close(&self) {
        // SYNC closed: SeqCst; pairs with `end`.
        self.closed.store(true, SeqCst);
        // An entry that is seen free stays free, so most clients need no barrier. It is for a
        // thread that has just freed the last entry, unseen, and has not seen `closed`. If it is
        // refused, the last buffer releases the session if it sees `closed`.
        if !self.settle() && membarrier::is_ready() && membarrier::everywhere() {
            self.settle();
        }
    }

    /// Releases the session if the client is closed and has no buffer left. Returns `false` when
    /// it has some.
    #[cold]
    fn settle(&self) -> bool {
        let mut keeper = self.keeper.lock();
        // SYNC closed: SeqCst; before the entries are loaded.
        if !self.closed.load(SeqCst) || keeper.is_none() {
            return true;
        }
        if !self.is_empty() {
            return false;
        }
        let _cancel = CancelOff::begin();
        let session = keeper.take();
        // Relaxed: no thread uses this handle table now.
        self.session.store(std::ptr::null_mut(), Relaxed);
        drop(keeper);
        // A subscription may keep the session, but the client leaves the store.
        if let Some(session) = session {
            session.leave();
        }
        self.push_free();
        true
    }

    fn is_empty(&self) -> bool {
        self.writers.is_empty()
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

/// The error for a buffer that was released, sealed or aborted, or that never existed.
#[cold]
pub fn stale_handle_error() -> Error {
    Error::new(
        Status::InvalidArgument,
        "the buffer is released, sealed or aborted already, or is a stale copy of one that was",
    )
}
