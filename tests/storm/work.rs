//! The random operations, each of which checks its results.

use super::common::{Rng, id};
use super::death::begin;
use super::object::{Held, LENGTH, fill};
use super::plan::StoreKind;
use plasma::{
    Client, ConnectOptions, CreateOptions, Error, EventKind, GetOrCreate, MutableBuffer, ObjectId,
    ObjectState, Result, Status, Subscription,
};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// Kinds of objects: the first exist throughout, the second come and go for waiters, and all
/// processes compete for the third.
pub const KEPT: u8 = 1;
pub const BELL: u8 = 2;
pub const SHARED: u8 = 3;

/// Number of bells.
pub const BELLS: u64 = 8;

/// Maximum number of buffers that a process holds.
const HOLD: usize = 8;

/// One thread at work in a store.
pub struct Work {
    pub kind: StoreKind,
    pub rng: Rng,
    pub client: Arc<Client>,
    pub who: String,
    /// Number of this thread in the process.
    pub thread: usize,
    /// Whether others share the client, so that it may be interrupted and is not closed.
    pub shared: bool,
    pub count: u64,
    address: String,
    options: ConnectOptions,
    held: Vec<Held>,
    writers: Vec<(ObjectId, MutableBuffer)>,
    news: Option<(Subscription, u64)>,
}

impl Work {
    pub fn new(kind: StoreKind, seed: u64, who: String, address: &str, read_only: bool) -> Work {
        let mut rng = Rng(seed);
        let patience = [None, None, Some(5), Some(50)][rng.below(4) as usize];
        let ours = kind == StoreKind::Ephemeral && !read_only;
        let options = if ours { kind.options() } else { ConnectOptions::default() }
            .existing(!ours)
            .read_only(read_only)
            .lock_timeout(patience.map(Duration::from_millis));
        begin(0, 0, "connect");
        let client = Arc::new(connect(kind, address, &options));
        let address = address.to_owned();
        let (held, writers, news) = (Vec::new(), Vec::new(), None);
        let (thread, shared, count) = (0, false, 0);
        Work {
            kind,
            rng,
            client,
            who,
            thread,
            shared,
            count,
            address,
            options,
            held,
            writers,
            news,
        }
    }

    /// Returns the same client for another thread.
    pub fn another(&self, thread: usize, seed: u64) -> Work {
        Work {
            kind: self.kind,
            rng: Rng(seed),
            client: Arc::clone(&self.client),
            who: self.who.clone(),
            thread,
            shared: true,
            count: 0,
            address: self.address.clone(),
            options: self.options.clone(),
            held: Vec::new(),
            writers: Vec::new(),
            news: None,
        }
    }

    fn begin(&mut self, name: &'static str) {
        self.count += 1;
        begin(self.thread, self.count, name);
    }

    /// Returns the result of the call, if it is one of the statuses that are allowed.
    fn fine<T>(&self, what: &str, result: Result<T>, allowed: &[Status]) -> Option<T> {
        let error = match result {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        let status = error.status();
        let impatient = self.options.lock_timeout.is_some() && status == Status::Timeout;
        let interrupted = self.shared && status == Status::Interrupted;
        let gone = self.kind == StoreKind::Ephemeral && status == Status::StoreGone;
        let fine = allowed.contains(&status) || impatient || interrupted || gone;
        assert!(fine, "{}: {what}: {error}", self.who);
        None
    }

    fn some_id(&mut self) -> (u64, ObjectId) {
        let number = self.rng.below(self.kind.ids());
        (number, id(SHARED, number))
    }

    fn pause(&mut self) -> Option<Duration> {
        let millis = [0, 1, 20][self.rng.below(3) as usize];
        Some(Duration::from_millis(millis))
    }

    fn hold(&mut self, held: Held) {
        self.held.push(held);
        while self.held.len() > HOLD {
            self.let_go();
        }
    }

    /// Releases a buffer that was held, after checking it.
    pub fn let_go(&mut self) {
        if !self.held.is_empty() {
            self.begin("release");
            let at = self.rng.below(self.held.len() as u64) as usize;
            self.held.swap_remove(at).check();
        }
    }

    /// Runs one operation of a worker.
    pub fn anything(&mut self) {
        match self.rng.below(24) {
            0..=4 => self.look(),
            5..=7 => self.put(),
            8..=11 => self.create(),
            12 => self.finish_writer(),
            13..=14 => self.delete(),
            15 => self.wait(),
            16 => self.pin(),
            17..=18 => self.tidy(),
            19..=20 => self.ask(),
            21 => self.listen(),
            22 => self.get_or_create(),
            _ if self.rng.below(6) == 0 => self.come_again(),
            _ => self.let_go(),
        }
        if self.rng.below(3) == 0 {
            self.let_go();
        }
    }

    /// Gets an object without waiting.
    pub fn look(&mut self) {
        let (number, it) = self.some_id();
        let absent = [Status::NotFound, Status::NotSealed];
        match self.rng.below(4) {
            0..=1 => {
                self.begin("get");
                let got = self.client.get(&it, Some(Duration::ZERO));
                if let Some(buffer) = self.fine("get", got, &absent) {
                    self.hold(Held::new(it, buffer));
                }
            }
            2 => {
                self.begin("get_by_name");
                let got = self.client.get_by_name(&name_of(number), Some(Duration::ZERO));
                if let Some(buffer) = self.fine("get_by_name", got, &absent) {
                    self.hold(Held::new(it, buffer));
                }
            }
            _ => {
                self.begin("get_many");
                let ids: Vec<ObjectId> = (0..5).map(|_| self.some_id().1).collect();
                let mut got = Vec::new();
                let timeout = self.pause();
                let all = self.client.get_many(&ids, timeout, &mut |at, buffer| {
                    got.push((ids[at], buffer));
                });
                self.fine("get_many", all, &[]);
                for (it, buffer) in got {
                    let late =
                        [Status::NotFound, Status::NotSealed, Status::Timeout, Status::Aborted];
                    if let Some(buffer) = self.fine("get of many", buffer, &late) {
                        self.hold(Held::new(it, buffer));
                    }
                }
            }
        }
        if self.rng.below(4) == 0 {
            self.retain();
        }
    }

    /// A second buffer on one lease outlives the first, or not.
    fn retain(&mut self) {
        if let Some(first) = self.held.pop() {
            self.begin("retain");
            if let Some(second) = self.fine("retain", first.buffer.retain(), &[]) {
                self.held.push(Held::new(first.id, second));
            }
            self.begin("release of the first");
            drop(first);
        }
    }

    fn put(&mut self) {
        let (number, it) = self.some_id();
        let making = self.rng.next() | 1;
        let mut bytes = vec![0; self.kind.size_of(number)];
        fill(&it, making, &mut bytes);
        let name = name_of(number);
        let length = bytes.len().to_le_bytes();
        let metadata: &[(&str, &[u8])] = &[(LENGTH, &length)];
        let options = CreateOptions::default()
            .name(number.is_multiple_of(2).then_some(name.as_str()))
            .metadata(metadata)
            .timeout(self.pause());
        self.begin("put");
        let made = self.client.put(&it, &bytes, &options);
        self.fine("put", made, &NO_ROOM);
    }

    fn create(&mut self) {
        let (number, it) = self.some_id();
        let name = name_of(number);
        let size = self.kind.size_of(number) as u64;
        let zeroed = self.rng.below(4) == 0;
        let options = CreateOptions::default()
            .zeroed(zeroed)
            .pinned(self.rng.below(16) == 0)
            .name(number.is_multiple_of(2).then_some(name.as_str()))
            .timeout(self.pause());
        self.begin("create");
        let made = self.client.create(&it, size / (1 + self.rng.below(3)), &options);
        if let Some(mut writer) = self.fine("create", made, &NO_ROOM) {
            let bytes = writer.as_mut_slice();
            assert!(!zeroed || bytes.iter().all(|byte| *byte == 0), "{}: not zero", self.who);
            bytes.fill(0xaa);
            self.writers.push((it, writer));
            if self.writers.len() > 2 || self.rng.below(2) == 0 {
                self.finish_writer();
            }
        }
    }

    /// Writes, seals or aborts an object that was created some time ago.
    fn finish_writer(&mut self) {
        let Some((it, mut writer)) = self.writers.pop() else { return };
        let full = [Status::OutOfMemory];
        let how = self.rng.below(10);
        if how == 0 {
            self.begin("drop of a writer");
            return drop(writer);
        }
        if how == 1 {
            self.begin("abort");
            let aborted = writer.abort().map_err(plasma::Error::from);
            self.fine("abort", aborted, &[]);
            return;
        }
        let to = self.kind.size_of(self.rng.below(6)) as u64;
        self.begin("resize");
        let resized = writer.resize(to);
        self.fine("resize", resized, &full);
        self.begin("set_metadata");
        if how == 2 {
            let more = writer.set_metadata("more", &[7; 500]);
            self.fine("set_metadata", more, &full);
        }
        let length = writer.len();
        let described = writer.set_metadata(LENGTH, &length.to_le_bytes());
        if self.fine("set_metadata", described, &full).is_none() {
            return;
        }
        fill(&it, self.rng.next() | 1, writer.as_mut_slice());
        if how < 6 {
            self.begin("seal_and_get");
            let sealed = writer.seal_and_get().map_err(plasma::Error::from);
            if let Some(buffer) = self.fine("seal_and_get", sealed, &[]) {
                self.hold(Held::new(it, buffer));
            }
        } else {
            self.begin("seal");
            let sealed = writer.seal().map_err(plasma::Error::from);
            self.fine("seal", sealed, &[]);
        }
    }

    fn get_or_create(&mut self) {
        let (number, it) = self.some_id();
        let options = CreateOptions::default();
        let size = self.kind.size_of(number) as u64;
        self.begin("get_or_create");
        let timeout = self.pause();
        let got = self.client.get_or_create(&it, size, &options, timeout);
        let allowed = [Status::OutOfMemory, Status::Limit, Status::Timeout, Status::NotSealed];
        match self.fine("get_or_create", got, &allowed) {
            Some(GetOrCreate::Existing(buffer)) => self.hold(Held::new(it, buffer)),
            Some(GetOrCreate::Created(writer)) => {
                self.writers.push((it, writer));
                self.finish_writer();
            }
            None => {}
        }
    }

    pub fn delete(&mut self) {
        let (_, it) = self.some_id();
        self.begin("delete");
        let deleted = self.client.delete(&it);
        self.fine("delete", deleted, &[Status::NotFound, Status::NotSealed]);
    }

    fn pin(&mut self) {
        let (_, it) = self.some_id();
        self.begin("pin");
        let pinned =
            if self.rng.below(4) == 0 { self.client.pin(&it) } else { self.client.unpin(&it) };
        self.fine("pin", pinned, &[Status::NotFound]);
    }

    /// Frees what dead clients and deleted objects leave behind.
    pub fn tidy(&mut self) {
        match self.rng.below(3) {
            0 => {
                self.begin("reap");
                let reaped = self.client.reap();
                self.fine("reap", reaped, &[]);
            }
            1 if self.kind == StoreKind::Lru => {
                self.begin("evict");
                let evicted = self.client.evict(1 + self.rng.below(60_000));
                self.fine("evict", evicted, &[]);
            }
            2 if self.rng.below(8) == 0 => {
                self.begin("check");
                if let Some(report) = self.fine("check", self.client.check(), &[]) {
                    assert_eq!(report.problem_count, 0, "{}: {:#?}", self.who, report.problems);
                }
            }
            _ => {
                self.begin("trim");
                let keep = self.rng.below(2) * (8 << 20);
                let trimmed = self.client.trim(keep);
                self.fine("trim", trimmed, &[Status::OutOfMemory]);
            }
        }
    }

    /// Asks the store for information.
    pub fn ask(&mut self) {
        let (number, it) = self.some_id();
        let client = Arc::clone(&self.client);
        match self.rng.below(7) {
            0 => {
                self.begin("list");
                let mut sealed = HashSet::new();
                for info in self.fine("list", client.list(), &[]).into_iter().flatten() {
                    assert!(info.data_size <= 1_500_000, "{}: {info:?}", self.who);
                    if info.state == ObjectState::Sealed {
                        sealed.insert(info.id);
                    }
                }
                assert!(sealed.len() as u64 <= self.kind.options().max_objects);
            }
            1 => {
                self.begin("list_clients");
                if let Some(clients) = self.fine("list_clients", client.list_clients(), &[]) {
                    let me = std::process::id() as i32;
                    let alive = clients.iter().any(|client| client.pid == me && client.alive);
                    assert!(alive, "{} is not in {clients:?}", self.who);
                }
            }
            2 => {
                self.begin("list_holders");
                let it = self.held.last().map_or(it, |held| held.id);
                self.fine("list_holders", client.list_holders(&it), &[Status::NotFound]);
            }
            3 => {
                self.begin("stats");
                if let Some(stats) = self.fine("stats", client.stats(), &[]) {
                    assert!(stats.used <= stats.capacity, "{}: {stats:?}", self.who);
                }
            }
            4 => {
                self.begin("object_info");
                self.fine("object_info", client.object_info(&it), &[Status::NotFound]);
            }
            5 => {
                self.begin("contains");
                self.fine("contains", client.contains(&it), &[]);
            }
            _ => {
                self.begin("lookup");
                let found =
                    self.fine("lookup", client.lookup(&name_of(number)), &[Status::NotFound]);
                assert!(found.is_none_or(|found| found == it), "{}: another's name", self.who);
            }
        }
    }

    /// Reads events: their order never goes back.
    pub fn listen(&mut self) {
        self.begin("subscribe");
        if self.news.is_none() || self.rng.below(8) == 0 {
            let client = Arc::clone(&self.client);
            self.news = self.fine("subscribe", client.subscribe(), &[]).map(|news| (news, 0));
        }
        for _ in 0..1 + self.rng.below(20) {
            self.begin("next_event");
            let timeout = self.pause();
            let Some((news, next)) = &self.news else { return };
            let event = news.next(timeout);
            let next = *next;
            let Some(event) = self.fine("next_event", event, &[Status::Timeout]) else { return };
            assert!(event.sequence >= next, "{}: {event:?} after {next}", self.who);
            let lost = event.kind == EventKind::Lost;
            assert!(lost || event.data_size <= 1_500_000, "{}: {event:?}", self.who);
            if let Some((_, next)) = &mut self.news {
                *next = event.sequence + u64::from(!lost);
            }
        }
    }

    /// Sleeps in a call that waits.
    pub fn wait(&mut self) {
        let (number, it) = self.some_id();
        let bells = matches!(self.kind, StoreKind::Roomy | StoreKind::Lru) && !self.shared;
        let timeout = Some(Duration::from_millis(self.rng.below(40)));
        let late = [Status::Timeout, Status::Aborted, Status::NotFound, Status::NotSealed];
        match self.rng.below(5) {
            0 => {
                self.begin("get that waits");
                let got = self.client.get(&it, timeout);
                if let Some(buffer) = self.fine("get that waits", got, &late) {
                    self.hold(Held::new(it, buffer));
                }
            }
            1 => {
                self.begin("get_by_name that waits");
                let got = self.client.get_by_name(&name_of(number), timeout);
                if let Some(buffer) = self.fine("get_by_name that waits", got, &late) {
                    self.hold(Held::new(it, buffer));
                }
            }
            2 if bells => {
                // The bell rings repeatedly, so no thread waits forever.
                self.begin("get that waits forever");
                let bell = id(BELL, self.rng.below(BELLS));
                let got = self.client.get(&bell, None);
                let held = self.fine("get that waits forever", got, &[]);
                drop(held.map(|buffer| Held::new(bell, buffer)));
            }
            3 => {
                self.begin("wait for many");
                let many = if self.rng.below(2) == 0 { 3 } else { 200 };
                let ids: Vec<ObjectId> = (0..many).map(|n| id(SHARED, number + n)).collect();
                let mut ready = vec![false; ids.len()];
                let waited = self.client.wait(&ids, 2, timeout, &mut ready);
                if let Some(outcome) = self.fine("wait for many", waited, &[Status::Aborted]) {
                    let ready = ready.iter().filter(|ready| **ready).count();
                    assert_eq!(outcome.ready, ready, "{}: wait", self.who);
                }
            }
            _ => self.listen(),
        }
    }

    /// Ends every wait of the threads that share this client.
    pub fn interrupt(&mut self) {
        self.begin("interrupt");
        let interrupted = self.client.interrupt();
        self.fine("interrupt", interrupted, &[]);
    }

    /// Leaves and connects again; held buffers outlive the client.
    pub fn come_again(&mut self) {
        if self.shared {
            return self.interrupt();
        }
        self.begin("connect");
        if self.rng.below(2) == 0 {
            (self.news, self.writers) = (None, Vec::new());
        }
        let client = connect(self.kind, &self.address, &self.options);
        self.begin("disconnect");
        self.client = Arc::new(client);
        self.news = None;
    }

    /// Returns whether the store exists, which may be removed at any time.
    pub fn is_gone(&self) -> bool {
        let gone = |error: Error| error.status() == Status::StoreGone;
        self.kind == StoreKind::Ephemeral && self.client.stats().is_err_and(gone)
    }

    /// Removes the store that others use.
    pub fn remove(&mut self) {
        self.begin("store_remove");
        let removed = Client::remove_store(Some(&self.address));
        self.fine("store_remove", removed, &[Status::StoreNotFound, Status::StoreGone]);
    }
}

const NO_ROOM: [Status; 5] =
    [Status::Exists, Status::NameExists, Status::OutOfMemory, Status::Limit, Status::Timeout];

pub fn name_of(number: u64) -> String {
    format!("shared-{number}")
}

/// Connects. Where stores come and go, repeats that until there is one.
fn connect(kind: StoreKind, address: &str, options: &ConnectOptions) -> Client {
    loop {
        match Client::connect(Some(address), options) {
            Ok(client) => return client,
            Err(error) => {
                let status = error.status();
                // This happens also when the last client was stopped while it left.
                let late = status == Status::Timeout && options.lock_timeout.is_some();
                let gone = late || matches!(status, Status::StoreNotFound | Status::StoreGone);
                assert!(kind == StoreKind::Ephemeral && gone, "connect: {error}");
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}
