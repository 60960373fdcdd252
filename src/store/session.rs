//! A session: one client's connection to one store, and the functions that every part of the store
//! needs.

use crate::error::{Error, Result, Status};
use crate::layout::header::Lifecycle;
use crate::layout::record::Record;
use crate::layout::shard::{SHARDS, Shard};
use crate::options::ConnectOptions;
use crate::protocols::events::Subscriptions;
use crate::protocols::lease::quota::Quota;
use crate::protocols::wake::Spin;
use crate::protocols::writer_lock::Backoff;
use crate::segment::{Address, Segment};
use crate::store::calls::Calls;
use crate::store::clients::known::ClientRegistry;
use crate::store::connection::own_client::OwnClient;
use crate::store::memory::allowance::CgroupAllowance;
use crate::store::memory::bare_buckets::BareBuckets;
use crate::sync::Ordering::Relaxed;
use crate::sync::local::{AtomicBool, AtomicU32, AtomicU64};
use crate::sync::{AtomicU64 as SharedU64, Ordering};
use crate::sys::{fork, process};
use once_cell::sync::OnceCell;
use std::time::Duration;

/// A fork generation that no process reaches.
const NEVER: u32 = u32::MAX;

/// The greatest age, in microseconds, of a producer's last check of its links when it creates an
/// object, and the number of creates after which it checks in any case. A check takes four system
/// calls.
const LINKS_AGE_US: u64 = 100_000;

const LINKS_AGE_CREATES: u32 = 1024;

/// One client's connection to one store. The client and its buffers share it through a handle
/// table.
pub struct Session {
    /// The address of the store.
    pub address: Address,
    /// The store.
    pub segment: Segment,
    /// This client itself.
    pub own: OwnClient,
    /// The other clients, as far as this client knows them.
    pub registry: ClientRegistry,
    /// The longest wait for the writer lock.
    pub lock_timeout: Option<Duration>,
    /// The backoff between attempts to take the writer lock.
    pub backoff: Backoff,
    /// The client whose releases are folded first by the next eviction.
    pub fold_turn: AtomicU32,
    /// The block after the last window that a search of the whole heap found; 0 is none.
    pub window_turn: AtomicU32,
    /// The payments of deletes for the next scan of all leases.
    pub paid: AtomicU64,
    /// The number of those scans.
    pub scans: AtomicU32,
    /// How long waiters probe before they sleep.
    spin: OnceCell<Spin>,
    /// What the last check of the memory cgroup allows.
    pub cgroup_allowance: CgroupAllowance,
    /// The calls in flight.
    pub calls: Calls,
    /// The threads that wait as registered.
    pub waiting: AtomicU32,
    /// The subscriptions that others know of.
    pub subscriptions: Subscriptions,
    forks: u32,
    /// The value of `forks` where gets and releases take the fast path; [`NEVER`] in a client that
    /// counts the bytes it holds, so that the fast path need not ask for that.
    short_way: u32,
    /// The bytes that this client holds and may hold, if it is a reader of another uid.
    pub quota: Option<Quota>,
    /// The store is gone, as seen by a client that cannot write that down.
    pub gone: AtomicBool,
    /// The client has left the store; a subscription may keep the session.
    pub left: AtomicBool,
    /// When a creator last checked the links of the store, and the number of creates.
    links_seen_us: AtomicU64,
    creates: AtomicU32,
    /// The buckets that need memory to grow.
    pub bare_buckets: BareBuckets,
}

impl Session {
    pub fn new(
        address: &Address,
        options: &ConnectOptions,
        segment: Segment,
        own: OwnClient,
    ) -> Session {
        let quota = own.in_readers.then(|| Quota::new(segment.facts.reader_quota));
        Session {
            address: address.clone(),
            registry: ClientRegistry::default(),
            lock_timeout: options.lock_timeout,
            backoff: Backoff::default(),
            fold_turn: AtomicU32::new(0),
            window_turn: AtomicU32::new(0),
            paid: AtomicU64::new(0),
            scans: AtomicU32::new(0),
            spin: OnceCell::new(),
            cgroup_allowance: CgroupAllowance::default(),
            calls: Calls::default(),
            waiting: AtomicU32::new(0),
            subscriptions: Subscriptions::none(),
            forks: fork::generation(),
            short_way: if quota.is_some() { NEVER } else { fork::generation() },
            quota,
            gone: AtomicBool::new(false),
            left: AtomicBool::new(false),
            links_seen_us: AtomicU64::new(0),
            creates: AtomicU32::new(0),
            bare_buckets: BareBuckets::default(),
            own,
            segment,
        }
    }

    /// Whether this process is a forked child.
    #[inline(always)]
    pub fn forked(&self) -> bool {
        self.forks != fork::generation()
    }

    /// As [`Session::ensure_open`], without the reason.
    #[inline(always)]
    pub fn is_open(&self) -> bool {
        let lifecycle = self.segment.lifecycle_word().load();
        let there = matches!(lifecycle, Some(Lifecycle::Live | Lifecycle::Closing));
        there && self.goes_short_way() && !self.gone.load(Relaxed)
    }

    /// Whether gets and releases take the fast path: not in a forked child, nor in a client that
    /// counts the bytes it holds.
    #[inline(always)]
    pub fn goes_short_way(&self) -> bool {
        self.short_way == fork::generation()
    }

    /// The fork generation in which gets and releases take the fast path.
    pub fn short_way(&self) -> u32 {
        self.short_way
    }

    #[cold]
    pub fn gone_error(&self) -> Error {
        Error::new(
            Status::StoreGone,
            format!(
                "{} was removed; held buffers stay readable; to continue, disconnect and connect again",
                self.address.display()
            ),
        )
    }

    /// Notes that the store's directory was deleted from outside the library: nothing may be freed,
    /// and no call starts.
    #[cold]
    pub fn declare_gone(&self) -> Error {
        self.gone.store(true, Relaxed);
        if !self.segment.read_only {
            self.segment.lifecycle_word().condemn();
            self.segment.wake_everybody();
        }
        self.gone_error()
    }

    /// Returns an error if the store's directories, its members or this client's own file have lost
    /// their names.
    pub fn ensure_linked(&self) -> Result<()> {
        let segment = &self.segment;
        let mut names = segment.dir.inspect()?.nlink.min(segment.members.fd.inspect()?.nlink);
        if let Some(readers) = &segment.readers {
            names = names.min(readers.inspect()?.nlink);
        }
        if names.min(self.own.names()?) > 0 { Ok(()) } else { Err(self.declare_gone()) }
    }

    /// Whether creates of `more` objects at `now_us` have to check the links. Nobody notifies a producer that its
    /// store's directory was deleted, so it checks from time to time. That bounds the number of
    /// futile creates, at hardly any cost per create.
    #[inline(always)]
    pub fn links_are_old(&self, now_us: u64, more: u32) -> bool {
        // Not one atomic operation: racing threads may lose a count, and the bound then holds for
        // each thread.
        let creates = self.creates.load(Relaxed).wrapping_add(more);
        self.creates.store(creates, Relaxed);
        // A clock that was set back, and the first create, give a very large age.
        let age = now_us.wrapping_sub(self.links_seen_us.load(Relaxed));
        age >= LINKS_AGE_US || creates % LINKS_AGE_CREATES < more
    }

    /// See [`Session::links_are_old`].
    #[cold]
    #[inline(never)]
    pub fn ensure_linked_again(&self, now_us: u64) -> Result<()> {
        self.links_seen_us.store(now_us, Relaxed);
        match self.ensure_linked() {
            // A descriptor was closed from outside the library: operations that need no descriptor
            // continue.
            Err(error) if error.status() != Status::StoreGone => Ok(()),
            linked => linked,
        }
    }

    /// The lease word of an entry of the handle table.
    #[inline(always)]
    pub fn lease_word(&self, index: u32) -> &SharedU64 {
        self.own.lease(index)
    }

    /// The lease words of the entries from one on.
    #[inline(always)]
    pub fn lease_words_from(&self, index: u32) -> &[SharedU64] {
        self.own.leases_from(index)
    }

    /// Backs the first `count` lease words with memory and makes scanners read them.
    pub fn prepare_leases(&self, count: u32) -> Result<()> {
        self.own.prepare_leases(&self.segment, count)
    }

    /// How long waits of this client probe before they sleep.
    pub fn spin(&self) -> &Spin {
        self.spin.get_or_init(|| Spin::new(process::has_several_processors()))
    }

    /// A record of the object table.
    pub fn record(&self, slot: u32) -> Result<&Record> {
        self.segment.record(slot)
    }

    /// The shard of the client in this slot.
    #[inline]
    pub fn shard(&self, client: u32) -> &Shard {
        &self.segment.header().shards[client as usize % SHARDS]
    }

    /// Adds to a statistics counter.
    pub fn count(&self, counter: &SharedU64, more: u64) {
        counter.fetch_add(more, Ordering::Relaxed);
    }
}
