//! The content of the store as its caller knows it, and the judgment of each act.

use super::acts::{Act, Wrong};
use super::args::*;
use super::handles::{self, CAPACITY, Handle, News, Sized, Store, bytes, text, written};
use plasma::ffi::*;
use std::collections::BTreeMap;
use std::ffi::CString;
use std::mem::MaybeUninit;

/// An object that is being written or sealed.
#[derive(Clone)]
pub struct Object {
    pub salt: u8,
    pub size: u64,
    pub sealed: bool,
    pub name: Option<u8>,
    pub metadata: BTreeMap<u8, u16>,
}

/// A buffer that is not released.
pub struct Held {
    pub buffer: plasma_buffer_t,
    pub object: Object,
}

/// An object that this process is writing.
pub struct Writer {
    pub buffer: plasma_mutable_buffer_t,
    pub key: u8,
}

pub struct Model<'a> {
    pub store: &'a Store,
    pub extra: Option<Handle>,
    pub active: u8,
    pub objects: BTreeMap<u8, Object>,
    pub held: Vec<Held>,
    pub writers: Vec<Writer>,
    pub stale: Vec<plasma_buffer_t>,
    pub stale_writers: Vec<plasma_mutable_buffer_t>,
    /// A subscription, and its client.
    pub news: Option<(News, u8)>,
    pub salt: u8,
}

/// In place of the client of a subscription: the client was disconnected.
pub const ENDED: u8 = 3;

/// Checks that the status is one of these.
#[track_caller]
pub fn expect(what: &str, status: i32, allowed: &[i32]) {
    if !allowed.contains(&status) {
        let name = |status| text(plasma_status_name(status)).to_string_lossy();
        let allowed: Vec<_> = allowed.iter().copied().map(name).collect();
        let words = text(plasma_error_message()).to_string_lossy();
        panic!("{what} returned {} ({words}), not {allowed:?}", name(status));
    }
    if status != OK {
        let words = text(plasma_error_message());
        assert!(words.to_bytes().len() < 1024 && words.to_str().is_ok(), "{what}: {words:?}");
    }
}

pub fn byte(salt: u8, at: usize) -> u8 {
    salt ^ (at as u8).wrapping_mul(31) ^ (at >> 8) as u8
}

pub fn content(salt: u8, size: u64) -> Vec<u8> {
    (0..size as usize).map(|at| byte(salt, at)).collect()
}

/// Returns the metadata key with this number.
pub fn key_text(number: u8) -> CString {
    CString::new(format!("key {}", number % 6)).expect("no NUL")
}

impl<'a> Model<'a> {
    pub fn new(store: &'a Store) -> Model<'a> {
        Model {
            store,
            extra: None,
            active: 0,
            objects: BTreeMap::new(),
            held: Vec::new(),
            writers: Vec::new(),
            stale: Vec::new(),
            stale_writers: Vec::new(),
            news: None,
            salt: 0,
        }
    }

    /// Returns the client that acts, NULL if `how` says so.
    pub fn client(&self, how: Option<u8>, null: u8) -> Option<&plasma_client_t> {
        Wrong::unless(how, null, self.acting().get())
    }

    pub fn acting(&self) -> &Handle {
        match (self.active, &self.extra) {
            (1, _) => &self.store.reader,
            (2, Some(extra)) => extra,
            _ => &self.store.writer,
        }
    }

    pub fn reads_only(&self) -> bool {
        self.active == 1
    }

    /// Returns the required answer of a call that changes the store, when it is not allowed.
    pub fn may_write<'b>(&self, wrong: Wrong, allowed: &'b [i32]) -> &'b [i32] {
        match (self.reads_only(), wrong.is_none()) {
            (true, true) => &[READ_ONLY],
            (true, false) => &[READ_ONLY, INVALID],
            (false, true) => allowed,
            (false, false) => &[INVALID],
        }
    }

    /// Returns the objects whose memory is still in use.
    fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.held.is_empty() && self.writers.is_empty()
    }

    /// Returns the statuses that a create may return when its arguments are right.
    pub fn creating(&self, key: u8, size: u64, name: Option<u8>) -> Vec<i32> {
        let mut allowed = Vec::new();
        if self.objects.contains_key(&(key % KEYS)) {
            allowed.push(EXISTS);
        }
        if name.is_some_and(|name| self.named(name).is_some()) {
            allowed.push(NAME_EXISTS);
        }
        let refused = !allowed.is_empty() || size > CAPACITY;
        // Name and metadata need room too.
        let large = size.saturating_add(4096) > CAPACITY;
        if large {
            allowed.push(TOO_LARGE);
        }
        if refused {
            return allowed;
        }
        if !self.is_empty() || large {
            allowed.extend([OUT_OF_MEMORY, LIMIT]);
        }
        allowed.push(OK);
        allowed
    }

    /// Returns the object with this name.
    pub fn named(&self, name: u8) -> Option<(u8, &Object)> {
        let mut all = self.objects.iter();
        all.find(|(_, object)| object.name == Some(name % KEYS)).map(|(key, object)| (*key, object))
    }

    pub fn next_salt(&mut self) -> u8 {
        self.salt = self.salt.wrapping_add(1);
        self.salt
    }

    /// Returns the required answer to a get without waiting.
    pub fn getting(&self, object: Option<&Object>) -> i32 {
        match object {
            None => NOT_FOUND,
            Some(object) if object.sealed => OK,
            Some(_) => NOT_SEALED,
        }
    }

    /// Checks a buffer that was just got: its bytes are those that were sealed.
    pub fn got(&mut self, buffer: plasma_buffer_t, object: Object) {
        assert_eq!(buffer.size, object.size);
        let data = bytes(buffer.data, buffer.size);
        assert!(data.iter().enumerate().all(|(at, byte_at)| *byte_at == byte(object.salt, at)));
        self.held.push(Held { buffer, object });
    }

    pub fn act(&mut self, act: Act) {
        match act {
            Act::Use { client } => self.active = client % 3,
            Act::Connect { wrong } => self.connect(wrong),
            Act::Disconnect => self.disconnect(),
            Act::Address { which } => self.address(which),
            Act::Ids { bytes, size, wrong } => self.ids(bytes, size, wrong),
            Act::Texts { number } => {
                let name = text(plasma_status_name(number)).to_bytes();
                assert!(name.starts_with(b"PLASMA_"));
                assert!(plasma_error_errno() >= 0);
            }
            Act::Stats { wrong } => self.stats(wrong),
            Act::Check { wrong } => self.check(wrong),
            Act::List { wrong, at } => self.list(wrong, at),
            Act::ListClients { key, holders, at, wrong } => {
                self.list_clients(key, holders, at, wrong);
            }
            Act::Subscribe { wrong } => self.subscribe(wrong),
            Act::NextEvent { count, wrong } => self.next_event(count, wrong),
            Act::Unsubscribe => self.news = None,
            Act::Manage { what, number, wrong } => self.manage(what, number, wrong),
            Act::Stale { which, call, garble } => self.stale(which, call, garble),
            Act::StaleWriter { which, call, garble } => self.stale_writer(which, call, garble),
            _ => self.object_act(act),
        }
    }

    /// Releases everything: then nothing is left in the store.
    pub fn end(mut self) {
        self.active = 0;
        self.news = None;
        for writer in &mut self.writers {
            expect("abort", plasma_abort(Some(&mut writer.buffer)), &[OK]);
        }
        for held in &mut self.held {
            expect("release", plasma_release(Some(&mut held.buffer)), &[OK]);
        }
        let client = self.store.writer.get();
        for key in self.objects.iter().filter(|(_, it)| it.sealed).map(|(key, _)| *key) {
            expect("delete", plasma_delete(Some(client), Some(&id(key))), &[OK]);
        }
        self.extra = None;
        let mut reaped = MaybeUninit::uninit();
        expect("reap", plasma_reap(Some(client), Some(&mut reaped)), &[OK]);
        assert_eq!(written(&reaped), 0);
        let mut stats = Sized::<plasma_stats_t>::right();
        expect("stats", plasma_stats(Some(client), stats.pointer()), &[OK]);
        let stats = stats.value();
        let left = [
            stats.used,
            stats.objects_writing,
            stats.objects_sealed,
            stats.objects_deleted,
            stats.leases,
            stats.pinned,
        ];
        assert_eq!(left, [0; 6], "used, writing, sealed, deleted, leases, pinned");
        assert_eq!((stats.clients, stats.largest_free), (2, CAPACITY));
        // A stale struct stays stale.
        for buffer in &mut self.stale {
            expect("release", plasma_release(Some(buffer)), &[INVALID]);
        }
        for buffer in &mut self.stale_writers {
            expect("abort", plasma_abort(Some(buffer)), &[INVALID]);
        }
    }

    fn connect(&mut self, wrong: Wrong) {
        if self.extra.is_some() {
            return;
        }
        let mut options = connect_options();
        options.flags = PLASMA_CONNECT_EXISTING;
        let how = wrong.of(16);
        let mut allowed = vec![INVALID];
        let mut address = self.store.address.clone();
        match how {
            None => allowed = vec![OK],
            Some(0) => options.struct_size = wrong_size(wrong.0),
            Some(1) => options.flags = 1 << 5,
            Some(2) => options.reserved = 1,
            Some(3) => options.eviction = 2,
            Some(4) => options.huge_pages = 2,
            Some(5) => options.mode = 0o777,
            Some(6) => options.lock_timeout_ms = -2,
            Some(7) => (options.flags, allowed) = (PLASMA_CONNECT_EXCLUSIVE, vec![STORE_EXISTS]),
            Some(8) => options.flags |= PLASMA_CONNECT_EXCLUSIVE,
            Some(9) => (options.capacity, allowed) = (CAPACITY * 2, vec![MISMATCH]),
            Some(10) => (options.max_objects, allowed) = (7, vec![MISMATCH]),
            Some(11) => (options.eviction, allowed) = (1, vec![MISMATCH]),
            Some(12) => options.flags = PLASMA_CREATE_ZEROED,
            Some(13) => address = CString::new([0xff, b'/', b'x']).expect("no NUL"),
            Some(14) => {
                address = CString::new("/dev/null/none").expect("no NUL");
                allowed = vec![STORE_NOT_FOUND, NOT_A_STORE, INVALID];
            }
            Some(_) => {
                address = CString::new([".x", "", "a b", "\n"][usize::from(wrong.0) % 4])
                    .expect("no NUL");
            }
        }
        match Handle::connect(&address, Some(&options)) {
            Ok(handle) => {
                expect("connect", OK, &allowed);
                self.extra = Some(handle);
            }
            Err(status) => expect("connect", status, &allowed),
        }
        let client = plasma_connect(address.as_ptr(), &options, None);
        expect("connect", client, &[INVALID]);
    }

    fn disconnect(&mut self) {
        handles::disconnect_null();
        if self.extra.take().is_some()
            && let Some((_, owner @ 2)) = &mut self.news
        {
            *owner = ENDED;
        }
        if self.active == 2 {
            self.active = 0;
        }
    }

    fn address(&self, which: u8) {
        assert!(plasma_client_address(None).is_null());
        assert_eq!(text(plasma_client_address(self.client(None, 0))), &*self.store.address);
        if which.is_multiple_of(2) {
            expect("interrupt", plasma_interrupt(self.client(None, 0)), &[OK]);
            expect("interrupt", plasma_interrupt(None), &[INVALID]);
            return;
        }
        let (wrong, allowed): (&[u8], _) = match which / 2 % 4 {
            0 => (b"", INVALID),
            1 => (b"a b", INVALID),
            2 => (b"\xff/", INVALID),
            _ => (b"/dev/shm/plasma-fuzz-nothing", STORE_NOT_FOUND),
        };
        let wrong = CString::new(wrong).expect("no NUL");
        expect("remove", plasma_store_remove(wrong.as_ptr()), &[allowed]);
    }
}
