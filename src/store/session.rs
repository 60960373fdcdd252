//! A session: one client's connection to one store.

use crate::error::{Error, Result, Status};
use crate::layout::client::SLOTS;
use crate::layout::header::Lifecycle;
use crate::options::{ConnectOptions, Eviction};
use crate::protocols::lease::quota::Quota;
use crate::protocols::wake::Spin;
use crate::protocols::writer_lock::Backoff;
use crate::segment::{Access, Address, NewStore, Segment, create, finish_removal, open};
use crate::store::call::Calls;
use crate::store::clients::registry::ClientRegistry;
use crate::store::connection::own_file::Own;
use crate::sync::local::{AtomicBool, AtomicU32, AtomicU64, Ordering::*};
use crate::sync::mutex::Mutex;
use crate::sync::{AtomicU64 as SharedU64, Ordering};
use crate::sys::ticks::Age;
use crate::sys::{clock, fork, futex, process};
use once_cell::sync::OnceCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// How often opening and creating are tried while others create and remove the same store.
const ATTEMPTS: u32 = 1000;

/// How often, a millisecond apart, a store is looked at that is being removed.
const GONE_ATTEMPTS: u32 = 200;

/// A number of forks that no process comes to.
const NEVER: u32 = u32::MAX;

/// How old, in microseconds, a producer's last look at the names of its store may be when it creates
/// an object, and after how many creates it looks in any case. A look is four system calls.
const LINKS_AGE_US: u64 = 100_000;
const LINKS_AGE_CREATES: u32 = 1024;

/// How long all of that takes at most; a reader may wait as long for who leaves.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// One client's connection to one store. Shared by its handle and its buffers through a handle table.
pub struct Session {
    /// Where the store is.
    pub address: Address,
    /// The store.
    pub segment: Segment,
    /// This client's own file.
    pub own: Own,
    /// The other clients, as far as they are known.
    pub registry: ClientRegistry,
    /// The longest wait for the writer lock.
    pub lock_timeout: Option<Duration>,
    /// How eagerly it waits for the writer lock.
    pub backoff: Backoff,
    /// Objects to evict next, oldest first; made by a scan of the table.
    pub victims: Mutex<VecDeque<crate::store::memory::evict::Victim>>,
    /// What deletes have paid for the next scan of all leases.
    pub paid: AtomicU64,
    /// How many such scans there were.
    pub scans: AtomicU32,
    /// How long waiters look before they sleep.
    spin: OnceCell<Spin>,
    /// The calls in flight.
    pub calls: Calls,
    forks: u32,
    /// As `forks` where gets and releases go the short way, and no number of forks in a client that
    /// counts what it holds: so they need not ask for that.
    short_way: u32,
    /// What this client holds and may hold, if it is a reader of another uid.
    pub quota: Option<Quota>,
    /// Seen to be gone by a client that cannot write it down.
    gone: AtomicBool,
    /// It has left the store; a subscription may keep it all the same.
    pub left: AtomicBool,
    /// When a creator last looked whether the store still has its names, and how many it created.
    links_seen_us: AtomicU64,
    creates: AtomicU32,
}

impl Session {
    /// Connect: open the store, or make it, and join.
    pub fn connect(address: Option<&str>, options: &ConnectOptions) -> Result<Arc<Session>> {
        let address = Address::parse(address)?;
        validate_options(options)?;
        fork::install().map_err(|errno| errno.because("cannot prepare for fork"))?;
        let mut gone = None;
        let end = clock::monotonic_ns().saturating_add(PATIENCE.as_nanos() as u64);
        for attempt in 0..ATTEMPTS {
            match Self::try_connect(&address, options) {
                Ok(Some(session)) => return Ok(Arc::new(session)),
                Ok(None) if clock::monotonic_ns() < end => {}
                Ok(None) => break,
                // It was removed just now, or its remover is still at work.
                Err(error)
                    if error.status() == Status::StoreGone
                        && attempt < GONE_ATTEMPTS
                        && clock::monotonic_ns() < end =>
                {
                    gone = Some(error);
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(error) => return Err(error),
            }
        }
        Err(gone.unwrap_or_else(|| {
            Error::new(
                Status::StoreGone,
                format!("{} keeps being removed and made again", address.display()),
            )
        }))
    }

    /// One attempt; `None` when the store came or went meanwhile.
    fn try_connect(address: &Address, options: &ConnectOptions) -> Result<Option<Session>> {
        let access = if options.read_only { Access::Read } else { Access::Write };
        let existing = options.existing || options.read_only;
        let opened = open(address, access);
        let opened = match existing {
            true => opened,
            false => opened.map_err(|error| {
                error.and_if(Status::NotAStore, "to make one, pass a path that does not exist yet")
            }),
        };
        let Some(segment) = opened? else {
            if existing {
                return Err(not_there(address));
            }
            if !create(address, &new_store(options)?)? {
                return Ok(None);
            }
            let Some(segment) = open(address, access)? else { return Ok(None) };
            return Self::join(address, options, segment, true);
        };
        if segment.lifecycle()? == Lifecycle::Gone {
            finish_removal(address, &segment).map_err(|error| {
                let why = format!("{} was removed, but its directory remains", address.display());
                Error::os(Status::StoreGone, error.errno(), format!("{why}: {error}"))
            })?;
            return Ok(None);
        }
        Self::join(address, options, segment, false)
    }

    fn join(
        address: &Address,
        options: &ConnectOptions,
        segment: Segment,
        made: bool,
    ) -> Result<Option<Session>> {
        // Of an EPHEMERAL store it is known only after joining whether it is still in use.
        if !made && !segment.facts.ephemeral() {
            ensure_acceptable(address, options, &segment)?;
        }
        let own = match Own::join(&segment) {
            Ok(own) => own,
            // Its directories were removed meanwhile, or deleted.
            Err(_) if segment.lifecycle()? == Lifecycle::Gone || segment.is_deleted() => {
                return Ok(None);
            }
            // Every slot is taken, perhaps by the dead.
            Err(error) if error.status() == Status::Limit && !segment.read_only => {
                let Ok(own) = Own::join_as_guest(&segment) else { return Err(error) };
                let guest = Self::new(address, options, segment, own);
                return if guest.bury_as_guest()? { Ok(None) } else { Err(error) };
            }
            Err(error) => return Err(error),
        };
        let session = Self::new(address, options, segment, own);
        let call = session.begin(Some(Duration::ZERO))?;
        if !session.enter(&call)? {
            return Ok(None);
        }
        if session.segment.facts.ephemeral() && !made && !session.take_over_ephemeral(&call)? {
            if options.existing || options.read_only {
                return Err(not_there(address));
            }
            return Ok(None);
        }
        if !made {
            ensure_acceptable(address, options, &session.segment)?;
        }
        session.announce_joined();
        // Only now does a leaver take this client for a user: again either it does, or this sees it.
        if !session.enter(&call)? {
            return Ok(None);
        }
        if !session.segment.read_only && !session.reap_on_connect()? {
            return Ok(None);
        }
        drop(call);
        Ok(Some(session))
    }

    fn new(address: &Address, options: &ConnectOptions, segment: Segment, own: Own) -> Session {
        let quota = own.in_readers.then(|| Quota::new(segment.facts.reader_quota));
        Session {
            address: address.clone(),
            registry: ClientRegistry::default(),
            lock_timeout: options.lock_timeout,
            backoff: Backoff::default(),
            victims: Mutex::default(),
            paid: AtomicU64::new(0),
            scans: AtomicU32::new(0),
            spin: OnceCell::new(),
            calls: Calls::default(),
            forks: fork::generation(),
            short_way: if quota.is_some() { NEVER } else { fork::generation() },
            quota,
            gone: AtomicBool::new(false),
            left: AtomicBool::new(false),
            links_seen_us: AtomicU64::new(0),
            creates: AtomicU32::new(0),
            own,
            segment,
        }
    }

    /// Whether calls may start: not in a forked child, and the store is there.
    #[inline(always)]
    pub fn ensure_open(&self) -> Result<()> {
        if self.forked() {
            return Err(Error::plain(Status::Forked));
        }
        self.ensure_store_open()
    }

    /// As [`Session::ensure_open`], in a call that is known to be in no forked child.
    #[inline(always)]
    pub fn ensure_store_open(&self) -> Result<()> {
        match self.segment.lifecycle().or_else(|error| self.settle_lifecycle(error))? {
            Lifecycle::Gone => Err(self.gone_error()),
            _ if self.gone.load(Relaxed) => Err(self.gone_error()),
            _ => Ok(()),
        }
    }

    /// As [`Session::ensure_open`], without saying why not.
    #[inline(always)]
    pub fn is_open(&self) -> bool {
        let lifecycle = self.segment.lifecycle_word().load();
        let there = matches!(lifecycle, Some(Lifecycle::Live | Lifecycle::Closing));
        there && self.goes_short_way() && !self.gone.load(Relaxed)
    }

    /// Whether this process is a forked child.
    #[inline(always)]
    pub fn forked(&self) -> bool {
        self.forks != fork::generation()
    }

    /// Whether gets and releases go the short way: not in a forked child, nor in a client that counts
    /// what it holds.
    #[inline(always)]
    pub fn goes_short_way(&self) -> bool {
        self.short_way == fork::generation()
    }

    /// The number of forks in which gets and releases go the short way.
    pub fn short_way(&self) -> u32 {
        self.short_way
    }

    /// As [`Session::ensure_open`], for calls that change the store.
    #[inline]
    pub fn ensure_writable(&self) -> Result<()> {
        self.ensure_open()?;
        if self.segment.read_only {
            return Err(Error::new(
                Status::ReadOnly,
                "this client was connected with PLASMA_CONNECT_READ_ONLY; connect without it",
            ));
        }
        Ok(())
    }

    /// The lifecycle word is nonsense: the store is there as long as its directory has a name.
    #[cold]
    fn settle_lifecycle(&self, error: Error) -> Result<Lifecycle> {
        self.ensure_linked()?;
        if self.segment.read_only {
            return Ok(Lifecycle::Live);
        }
        self.mend();
        self.segment.lifecycle().map_err(|_| error)
    }

    #[cold]
    fn gone_error(&self) -> Error {
        Error::new(
            Status::StoreGone,
            format!(
                "{} was removed; what is held stays readable, and to go on disconnect and connect again",
                self.address.display()
            ),
        )
    }

    /// The store's directory was deleted behind our back: nothing may be freed, nothing starts.
    #[cold]
    pub fn declare_gone(&self) -> Error {
        self.gone.store(true, Relaxed);
        if !self.segment.read_only {
            self.segment.lifecycle_word().condemn();
            self.segment.wake_everybody();
        }
        self.gone_error()
    }

    /// Whether the store's directories and this client's own file still have names.
    pub fn ensure_linked(&self) -> Result<()> {
        let segment = &self.segment;
        let mut names = segment.dir.inspect()?.nlink.min(segment.clients.inspect()?.nlink);
        if let Some(readers) = &segment.readers {
            names = names.min(readers.inspect()?.nlink);
        }
        if names.min(self.own.inspect()?.nlink) > 0 { Ok(()) } else { Err(self.declare_gone()) }
    }

    /// For a create at `now_us`: nobody tells a producer that its store's directory is deleted, so it
    /// looks now and then. That bounds what it makes in vain, and costs each create hardly anything.
    #[inline(always)]
    pub fn links_are_old(&self, now_us: u64) -> bool {
        // Not one operation: threads that race lose a count, and the bound is that of each of them.
        let creates = self.creates.load(Relaxed).wrapping_add(1);
        self.creates.store(creates, Relaxed);
        // A clock that was set back is far ahead here, and so is that of the first create.
        let age = now_us.wrapping_sub(self.links_seen_us.load(Relaxed));
        age >= LINKS_AGE_US || creates.is_multiple_of(LINKS_AGE_CREATES)
    }

    /// See [`Session::links_are_old`].
    #[cold]
    #[inline(never)]
    pub fn ensure_linked_again(&self, now_us: u64) -> Result<()> {
        self.links_seen_us.store(now_us, Relaxed);
        match self.ensure_linked() {
            // Closed behind our back: what needs no descriptor goes on.
            Err(error) if error.status() != Status::StoreGone => Ok(()),
            linked => linked,
        }
    }

    /// A stamp of use as microseconds since the Unix epoch; `None` when there is none, or it was
    /// made before the source of stamps went back.
    pub fn ticks_to_us(&self, ticks: u64) -> Option<i64> {
        let facts = &self.segment.facts;
        let source = facts.ticks_source();
        let (now, now_us) = (source.now(), clock::epoch_us());
        let age = Age::at(now).of(ticks).filter(|_| ticks != 0)?;
        // Until this process has measured the rate it is that since the store was made.
        let (span, us) = match source.per_ms() {
            Some(span) => (span, 1_000),
            None => (now.checked_sub(facts.ticks)?, now_us.checked_sub(facts.epoch_us)?.max(0)),
        };
        let age_us = u128::from(age) * us as u128 / u128::from(span.max(1));
        Some(now_us.saturating_sub(i64::try_from(age_us).unwrap_or(i64::MAX)))
    }

    /// The lease word of an entry of the handle table.
    #[inline(always)]
    pub fn lease_word(&self, index: u32) -> &SharedU64 {
        self.own.lease(index)
    }

    /// Back the first `count` lease words with memory and let scanners know of them.
    pub fn prepare_leases(&self, count: u32) -> Result<()> {
        self.own.prepare_leases(count)
    }

    /// How long waits of this client probe before they sleep.
    pub fn spin(&self) -> &Spin {
        self.spin.get_or_init(|| Spin::new(process::has_several_processors()))
    }

    /// End all calls in flight with INTERRUPTED.
    pub fn interrupt(&self) {
        self.calls.interrupt();
        self.wake_blind_waits();
    }

    /// End all calls in flight with DISCONNECTED, and return when there are none.
    pub fn end_calls(&self) {
        self.calls.close(|| self.wake_blind_waits());
    }

    /// Where a wait cannot watch two words, it watches one word of the store in place of the client's.
    fn wake_blind_waits(&self) {
        if !futex::has_waitv() && self.segment.can_hint {
            self.segment.wake_everybody();
        }
    }

    /// Bookkeeping of an object count that only people read.
    pub fn count(&self, counter: &SharedU64, more: u64) {
        counter.fetch_add(more, Ordering::Relaxed);
    }
}

fn validate_options(options: &ConnectOptions) -> Result<()> {
    let wrong = |text: &str| Err(Error::new(Status::InvalidArgument, text));
    if options.exclusive && (options.existing || options.read_only) {
        return wrong("PLASMA_CONNECT_EXCLUSIVE makes a store, EXISTING and READ_ONLY never do");
    }
    if options.huge_pages > 1 {
        return wrong("huge_pages is 0 or 1");
    }
    if options.max_readers > u64::from(SLOTS) {
        return wrong("max_readers is at most 1024, and 0 for that");
    }
    if options.mode != 0 {
        crate::segment::check_mode(options.mode)?;
    }
    Ok(())
}

fn new_store(options: &ConnectOptions) -> Result<NewStore> {
    use crate::layout::header::{FLAG_EPHEMERAL, FLAG_HUGE_PAGES, FLAG_LRU};
    let flag = |on: bool, flag: u32| if on { flag } else { 0 };
    Ok(NewStore {
        capacity: options.capacity,
        max_objects: options.max_objects,
        mode: if options.mode == 0 { 0o600 } else { options.mode },
        flags: flag(options.ephemeral, FLAG_EPHEMERAL)
            | flag(options.eviction == Some(Eviction::Lru), FLAG_LRU)
            | flag(options.huge_pages == 1, FLAG_HUGE_PAGES),
        reserve: options.reserve,
        reader_quota: options.reader_quota,
        max_readers: options.max_readers,
    })
}

/// Whether a store that is there will do.
fn ensure_acceptable(address: &Address, options: &ConnectOptions, segment: &Segment) -> Result<()> {
    if options.exclusive {
        return Err(is_there(address));
    }
    ensure_matching(address, options, segment)
}

/// Options that were given must be those of the store that is there.
fn ensure_matching(address: &Address, options: &ConnectOptions, segment: &Segment) -> Result<()> {
    let facts = &segment.facts;
    let differs = |what: &str, asked: String, is: String| {
        Err(Error::new(
            Status::Mismatch,
            format!(
                "{} has {what} {is}, {asked} was asked for; leave it out to take what is there",
                address.display()
            ),
        ))
    };
    let capacity = options.capacity.checked_next_multiple_of(64).unwrap_or(u64::MAX);
    if options.capacity != 0 && capacity != facts.geometry.capacity {
        return differs("capacity", capacity.to_string(), facts.geometry.capacity.to_string());
    }
    let max_objects = u64::from(facts.geometry.max_objects);
    if options.max_objects != 0 && options.max_objects != max_objects {
        return differs("max_objects", options.max_objects.to_string(), max_objects.to_string());
    }
    if options.mode != 0 && options.mode != facts.mode {
        return differs("mode", format!("{:04o}", options.mode), format!("{:04o}", facts.mode));
    }
    let readers = [
        ("reader_quota", options.reader_quota, facts.reader_quota),
        ("max_readers", options.max_readers, facts.max_readers.into()),
    ];
    for (what, asked, is) in readers {
        if asked != 0 && asked != is {
            return differs(what, asked.to_string(), is.to_string());
        }
    }
    if let Some(asked) = options.eviction
        && (asked == Eviction::Lru) != facts.lru()
    {
        let name = |lru: bool| if lru { "LRU" } else { "NONE" }.to_string();
        return differs("eviction", name(asked == Eviction::Lru), name(facts.lru()));
    }
    if options.huge_pages == 1 && !facts.huge_pages() {
        return differs("huge_pages", "1".into(), "0".into());
    }
    if options.ephemeral && !facts.ephemeral() {
        return differs("EPHEMERAL", "on".into(), "off".into());
    }
    Ok(())
}

fn not_there(address: &Address) -> Error {
    Error::new(
        Status::StoreNotFound,
        format!(
            "there is no store at {}; who connects without EXISTING or READ_ONLY makes one",
            address.display()
        ),
    )
}

fn is_there(address: &Address) -> Error {
    Error::new(
        Status::StoreExists,
        format!("{} exists; connect without EXCLUSIVE opens it", address.display()),
    )
}
