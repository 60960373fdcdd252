//! A process that uses a store, call by call, and judges each answer.

use crate::calls::Call;
use crate::edit::Effect;
use crate::image::{Image, SEALED, WRITTEN, fill, id, is_content, name, size_of_key, value};
use crate::verdict::{in_heap, judge};
use plasma::layout::header::Lifecycle;
use plasma::{
    Buffer, Client, ConnectOptions, CreateOptions, GetOrCreate, MutableBuffer, ObjectId, Result,
    Status, Subscription,
};
use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

const NOW: Option<Duration> = Some(Duration::ZERO);
const SOON: Option<Duration> = Some(Duration::from_millis(1));

/// Number of timeouts of the writer lock after which no more calls risk one.
const PATIENCE: u32 = 3;

/// Number of keys that calls use.
const KEYS: u8 = 16;

pub struct World<'a> {
    image: &'a Image,
    address: &'a str,
    clients: [Option<Client>; 2],
    active: usize,
    read_only: [bool; 2],
    buffers: Vec<(u8, Buffer)>,
    writers: Vec<(u8, MutableBuffer)>,
    news: Option<Subscription>,
    effect: Effect,
    /// Whether anything was edited.
    edited: bool,
    /// Objects of the image that must exist.
    there: BTreeSet<u8>,
    /// Whether calls have made or taken room, so that objects of the image may be evicted.
    shaken: bool,
    timeouts: u32,
}

impl<'a> World<'a> {
    pub fn new(image: &'a Image, address: &'a str) -> World<'a> {
        World {
            image,
            address,
            clients: [None, None],
            active: 0,
            read_only: [false; 2],
            buffers: Vec::new(),
            writers: Vec::new(),
            news: None,
            effect: Effect::Harmless,
            edited: false,
            there: SEALED.collect(),
            shaken: false,
            timeouts: 0,
        }
    }

    /// Connects the active client if it is not connected.
    pub fn connect(&mut self, read_only: bool) -> bool {
        if self.clients[self.active].is_some() {
            return true;
        }
        // A reader would wait 10 seconds for the leaver.
        let read_only = read_only && !self.closes();
        let options = ConnectOptions::default()
            .existing(true)
            .read_only(read_only)
            .lock_timeout(Some(Duration::from_millis(2)));
        let connected = Client::connect(Some(self.address), &options);
        self.clients[self.active] = self.judge("connect", connected);
        self.read_only[self.active] = read_only;
        self.clients[self.active].is_some()
    }

    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// Returns whether the lifecycle word says that the last client is leaving.
    fn closes(&self) -> bool {
        let mut word = [0; 4];
        let index = File::open(Path::new(self.address).join("index"));
        let read = index.and_then(|index| index.read_exact_at(&mut word, 136));
        read.is_ok() && u32::from_le_bytes(word) == Lifecycle::Closing as u32
    }

    /// Records that an edit was made.
    pub fn edit(&mut self, effect: Effect) {
        self.effect = self.effect.and(effect);
        self.edited = true;
    }

    fn judge<T>(&mut self, call: &str, answer: Result<T>) -> Option<T> {
        match answer {
            Ok(value) => Some(value),
            Err(error) => {
                self.timeouts += u32::from(error.status() == Status::Timeout);
                judge(call, self.effect, &error);
                None
            }
        }
    }

    /// As `judge`, where these answers mean nothing beyond themselves.
    fn judge_but<T>(&mut self, but: &[Status], call: &str, answer: Result<T>) -> Option<T> {
        match answer {
            Err(error) if but.contains(&error.status()) => None,
            answer => self.judge(call, answer),
        }
    }

    /// Returns whether calls that take the writer lock are still made.
    fn may_write(&self) -> bool {
        self.timeouts < PATIENCE && !self.read_only[self.active]
    }

    /// Returns the required answer to a get of a key of the image, if nothing happened to it.
    fn expect(&self, key: u8, found: bool) {
        if self.effect < Effect::Harmful && !self.shaken && SEALED.contains(&key) {
            assert_eq!(found, self.there.contains(&key), "object {key} is there");
        }
    }

    /// Reads all objects, with their bytes and metadata.
    pub fn read_all(&mut self) {
        for key in 0..KEYS {
            self.call(Call::Get(key));
            while self.buffers.len() > 4 {
                self.buffers.remove(0);
            }
        }
    }

    pub fn call(&mut self, call: Call) {
        if let Call::Connect { read_only } = call {
            self.connect(read_only);
            return;
        }
        if matches!(call, Call::Switch) {
            self.active = 1 - self.active;
            return;
        }
        let Some(client) = self.clients[self.active].take() else { return };
        match call {
            Call::Disconnect => return,
            Call::Get(_) | Call::GetByName(_) | Call::GetMany(_) | Call::Wait(_) => {
                self.get(&client, call);
            }
            Call::Look(_) | Call::List | Call::Clients | Call::Stats => {
                self.inspect(&client, call);
            }
            Call::Subscribe | Call::Events => self.news(&client, call),
            Call::Read(at) | Call::Retain(at) | Call::Release(at) => self.hold(call, at),
            _ if self.may_write() => self.write(&client, call),
            _ => {}
        }
        self.clients[self.active] = Some(client);
    }

    fn get(&mut self, client: &Client, call: Call) {
        match call {
            Call::Get(key) | Call::GetByName(key) => {
                let key = key % KEYS;
                let got = match call {
                    Call::Get(_) => client.get(&id(key), NOW),
                    _ => client.get_by_name(&name(key), NOW),
                };
                let got = self.judge("get", got);
                self.expect(key, got.is_some());
                if let Some(buffer) = got {
                    self.read(key, &buffer);
                    self.buffers.push((key, buffer));
                }
            }
            Call::GetMany(from) => {
                let keys: Vec<u8> = (0..6).map(|i| from.wrapping_add(i) % KEYS).collect();
                let ids: Vec<ObjectId> = keys.iter().copied().map(id).collect();
                let mut got = Vec::new();
                let all = client.get_many(&ids, SOON, &mut |at, result| got.push((at, result)));
                self.judge("get_many", all);
                for (at, result) in got {
                    if let Some(buffer) =
                        self.judge_but(&[Status::Timeout, Status::Aborted], "get_many", result)
                    {
                        self.read(keys[at], &buffer);
                    }
                }
            }
            Call::Wait(from) => {
                let ids: Vec<ObjectId> = (0..6).map(|i| id(from.wrapping_add(i) % KEYS)).collect();
                let mut ready = [false; 6];
                let waited = client.wait(&ids, 2, SOON, &mut ready);
                if let Some(outcome) = self.judge_but(&[Status::Aborted], "wait", waited) {
                    assert_eq!(outcome.ready, ready.iter().filter(|ready| **ready).count());
                }
            }
            _ => {}
        }
    }

    /// Reads all that a client can see of a sealed object.
    fn read(&mut self, key: u8, buffer: &Buffer) {
        let right = is_content(key, buffer);
        if !right || self.effect == Effect::Harmful {
            assert_eq!(self.effect, Effect::Harmful, "object {key} has wrong bytes");
            assert!(buffer.len() as u64 <= self.image.geometry.capacity);
        }
        if !right {
            in_heap("data", buffer);
        }
        let count = self.judge("metadata_count", buffer.metadata_count()).unwrap_or(0);
        for at in 0..count.min(8) {
            let Some((key, value)) = self.judge("metadata_at", buffer.metadata_at(at)) else {
                continue;
            };
            if key != c"key" && key != c"format" {
                in_heap("a key", key.to_bytes());
                in_heap("a value", value);
            }
        }
        assert!(buffer.metadata_at(count).is_err() || self.effect == Effect::Harmful);
        let found = self.judge("metadata", buffer.metadata("key")).map(<[u8]>::to_vec);
        if self.effect < Effect::Harmful && !self.shaken && SEALED.contains(&key) {
            assert_eq!(found, Some(value(key)), "the metadata of object {key}");
            assert_eq!(buffer.len(), size_of_key(key));
        }
    }

    fn inspect(&mut self, client: &Client, call: Call) {
        match call {
            Call::Look(key) => {
                let key = key % KEYS;
                let found = self.judge("lookup", client.lookup(&name(key)));
                if self.effect == Effect::Harmless && found.is_some() {
                    assert_eq!(found, Some(id(key)));
                }
                self.judge("contains", client.contains(&id(key)));
                self.judge("object_info", client.object_info(&id(key)));
                self.judge("list_holders", client.list_holders(&id(key)));
            }
            Call::List => {
                let Some(list) = self.judge("list", client.list()) else { return };
                assert!(list.len() <= self.image.geometry.max_objects as usize);
                if self.effect < Effect::Harmful && !self.shaken {
                    let has = |key| list.iter().any(|info| info.id == id(key));
                    assert!(self.there.iter().all(|key| has(*key)), "{list:?}");
                }
            }
            Call::Clients => {
                let clients = self.judge("list_clients", client.list_clients());
                // An edit may have taken its own identity away.
                let harmful = self.effect == Effect::Harmful;
                let sound = |some: usize| (harmful || some > 0) && some <= 2056;
                assert!(clients.is_none_or(|list| sound(list.len())));
            }
            Call::Stats => {
                let stats = self.judge("stats", client.stats());
                let max = u64::from(self.image.geometry.max_objects);
                assert!(stats.is_none_or(|it| it.objects_sealed <= max));
            }
            _ => {}
        }
    }

    fn news(&mut self, client: &Client, call: Call) {
        if matches!(call, Call::Subscribe) {
            self.news = self.judge("subscribe", client.subscribe());
            return;
        }
        let Some(news) = self.news.take() else { return };
        for _ in 0..20 {
            match news.next(NOW) {
                Ok(_) => {}
                Err(error) if error.status() == Status::Timeout => break,
                // The client that subscribed was disconnected.
                Err(error) if error.status() == Status::Disconnected => return,
                Err(error) => {
                    judge("next_event", self.effect, &error);
                    break;
                }
            }
        }
        self.news = Some(news);
    }

    fn hold(&mut self, call: Call, at: u8) {
        if self.buffers.is_empty() {
            return;
        }
        let at = usize::from(at) % self.buffers.len();
        let (key, buffer) = self.buffers.swap_remove(at);
        match call {
            Call::Read(_) => {
                self.read(key, &buffer);
                let info = self.judge("buffer_info", buffer.info());
                assert!(info.is_none_or(|info| info.name.len() <= 255));
                self.buffers.push((key, buffer));
            }
            Call::Retain(_) => {
                let copy = self.judge("retain", buffer.retain());
                self.buffers.push((key, buffer));
                self.buffers.extend(copy.map(|copy| (key, copy)));
            }
            _ => {}
        }
    }

    fn write(&mut self, client: &Client, call: Call) {
        match call {
            Call::Delete(key) => {
                let key = key % KEYS;
                if self.judge("delete", client.delete(&id(key))).is_some() {
                    self.there.remove(&key);
                }
            }
            Call::Pin(key) => drop(self.judge("pin", client.pin(&id(key % KEYS)))),
            Call::Unpin(key) => drop(self.judge("unpin", client.unpin(&id(key % KEYS)))),
            Call::Evict(bytes) => {
                self.shaken |= self.image.lru;
                let but: &[Status] = if self.image.lru { &[] } else { &[Status::Unsupported] };
                // An edit may have changed the kind of the store.
                let harmful = self.effect == Effect::Harmful;
                let but = if harmful { &[Status::Unsupported] } else { but };
                self.judge_but(but, "evict", client.evict(bytes.into()));
            }
            Call::Check => self.check(client),
            Call::Reap => drop(self.judge("reap", client.reap())),
            Call::Trim(keep) => drop(self.judge("trim", client.trim(keep.into()))),
            Call::Create { .. } | Call::Put { .. } | Call::GetOrCreate { .. } => {
                self.create(client, call);
            }
            _ => self.writer(call),
        }
    }

    fn check(&mut self, client: &Client) {
        let Some(report) = self.judge("check", client.check()) else { return };
        let sound = report.problem_count == 0;
        assert!(sound || self.edited, "nothing was edited: {:?}", report.problems);
    }

    fn create(&mut self, client: &Client, call: Call) {
        self.shaken = true;
        let (Call::Create { key, size, .. }
        | Call::Put { key, size, .. }
        | Call::GetOrCreate { key, size }) = call
        else {
            return;
        };
        let key = key % KEYS;
        let own = name(key);
        let value = value(key);
        let metadata: &[(&str, &[u8])] = &[("key", &value)];
        let name = match call {
            Call::Create { named: true, .. } | Call::Put { named: true, .. } => Some(&*own),
            _ => None,
        };
        let options = CreateOptions::default().name(name).metadata(metadata);
        let made = match call {
            Call::Put { .. } => {
                let mut data = vec![0; size.into()];
                fill(key, &mut data);
                self.judge("put", client.put(&id(key), &data, &options));
                return;
            }
            Call::Create { .. } => client.create(&id(key), size.into(), &options),
            _ => match client.get_or_create(&id(key), size.into(), &options, SOON) {
                Ok(GetOrCreate::Created(writer)) => Ok(writer),
                Ok(GetOrCreate::Existing(buffer)) => {
                    self.read(key, &buffer);
                    return;
                }
                Err(error) if error.status() == Status::Timeout => return,
                Err(error) if error.status() == Status::Aborted && key == WRITTEN => return,
                Err(error) => Err(error),
            },
        };
        if let Some(mut writer) = self.judge("create", made) {
            fill(key, writer.as_mut_slice());
            self.writers.push((key, writer));
        }
    }

    fn writer(&mut self, call: Call) {
        let Some((key, mut writer)) = self.writers.pop() else { return };
        let ended = match call {
            Call::Resize(size) => {
                if self.judge("resize", writer.resize(size.into())).is_some() {
                    fill(key, writer.as_mut_slice());
                }
                self.writers.push((key, writer));
                return;
            }
            Call::SetMetadata(bytes) => {
                let set = writer.set_metadata("other", &vec![1; usize::from(bytes) * 8]);
                self.judge("set_metadata", set);
                self.writers.push((key, writer));
                return;
            }
            Call::Seal => writer.seal(),
            Call::Abort => writer.abort(),
            Call::SealAndGet => writer.seal_and_get().map(|buffer| {
                self.read(key, &buffer);
                self.buffers.push((key, buffer));
            }),
            _ => {
                self.writers.push((key, writer));
                return;
            }
        };
        if let Err(failed) = ended {
            let (writer, error) = failed.into_parts();
            self.judge::<()>("end", Err(error));
            // Dropped: aborted, as far as that is possible.
            drop(writer);
        }
    }
}
