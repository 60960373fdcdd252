//! One connection to a store.

use crate::buffer::Buffer;
use crate::error::{Error, Result, Status};
use crate::id::ObjectId;
use crate::index::Key;
use crate::info::{
    Activity, CheckReport, ClientInfo, HeapMap, Holding, ObjectInfo, ObjectState, Stats, StoreFacts,
};
use crate::layout::record::IdWords;
use crate::mutable_buffer::MutableBuffer;
use crate::options::{ConnectOptions, CreateOptions};
use crate::store::{GetOrMake, Seat, Session, check_name};
use crate::subscription::Subscription;
use std::ffi::CStr;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A connection; dropping it disconnects.
///
/// Any number of threads may use one client at once. Buffers outlive it: the client counts as
/// connected until the last of them is gone. In a forked child every call returns
/// [`Status::Forked`]; connect anew there. A time-out of `None` is for ever, zero is not at all.
pub struct Client {
    seat: &'static Seat,
    session: Arc<Session>,
}

/// What `get_or_create` came to.
#[derive(Debug)]
pub enum GetOrCreate {
    /// The object was there, or another made it.
    Existing(Buffer),
    /// The caller makes it.
    Created(MutableBuffer),
}

impl Client {
    /// Connect to the store at `address`: a word is a store of this user in `/dev/shm`, anything
    /// with a `/` is the store's directory, `None` is `$PLASMA_STORE` or else `default`.
    pub fn connect(address: Option<&str>, options: &ConnectOptions) -> Result<Client> {
        let session = Session::connect(address, options)?;
        let seat = Seat::take(&session)?;
        Ok(Client { seat, session })
    }

    /// End every call blocked in this client with [`Status::Disconnected`], and wait until they
    /// have returned. Later calls may fail likewise.
    pub fn close(&self) {
        if !self.session.forked() {
            self.session.end_waits();
        }
    }

    /// The path of the store's directory.
    pub fn address(&self) -> &CStr {
        &self.session.address.path
    }

    /// Every call now waiting on this client returns [`Status::Interrupted`].
    pub fn interrupt(&self) -> Result<()> {
        if self.session.forked() {
            return Err(forked());
        }
        self.session.interrupt();
        Ok(())
    }

    /// Create an object of `size` bytes.
    #[inline]
    pub fn create(
        &self,
        id: &ObjectId,
        size: u64,
        options: &CreateOptions<'_>,
    ) -> Result<MutableBuffer> {
        let draft = self.session.create(id, size, options)?;
        MutableBuffer::new(self.seat, draft)
    }

    /// Create an object from `data` and seal it.
    pub fn put(&self, id: &ObjectId, data: &[u8], options: &CreateOptions<'_>) -> Result<()> {
        let draft = self.session.create(id, data.len() as u64, options)?;
        draft.bytes.copy_from(data);
        if let Err(error) = self.session.seal(&draft, None) {
            self.session.abort_or_abandon(draft.object);
            return Err(error);
        }
        Ok(())
    }

    /// Get the object, or create it when it is not there: one of many callers creates, the others
    /// wait for it.
    pub fn get_or_create(
        &self,
        id: &ObjectId,
        size: u64,
        options: &CreateOptions<'_>,
        timeout: Option<Duration>,
    ) -> Result<GetOrCreate> {
        match self.session.get_or_create(self.seat, id, size, options, timeout)? {
            GetOrMake::Got(ticket, held) => {
                Ok(GetOrCreate::Existing(Buffer::new(self.seat, ticket, held)))
            }
            GetOrMake::Made(draft) => {
                Ok(GetOrCreate::Created(MutableBuffer::new(self.seat, draft)?))
            }
        }
    }

    /// Get a view of a sealed object, waiting until it is sealed.
    #[inline(always)]
    pub fn get(&self, id: &ObjectId, timeout: Option<Duration>) -> Result<Buffer> {
        match self.get_hot(id.as_bytes()) {
            Some(buffer) => Ok(buffer),
            None => self.get_slow(id, timeout),
        }
    }

    /// What nearly every get comes to; `None` leaves it to [`Client::get_slow`].
    #[inline(always)]
    pub(crate) fn get_hot(&self, id: &[u8; ObjectId::SIZE]) -> Option<Buffer> {
        let (ticket, held) = self.session.get_hot(self.seat, &Key::Id(IdWords::from(id)))?;
        Some(Buffer::new(self.seat, ticket, held))
    }

    #[cold]
    pub(crate) fn get_slow(&self, id: &ObjectId, timeout: Option<Duration>) -> Result<Buffer> {
        let key = Key::Id(IdWords::from(id));
        let (ticket, held) = self.session.get(self.seat, &key, timeout)?;
        Ok(Buffer::new(self.seat, ticket, held))
    }

    /// As [`Client::get`], by name.
    #[inline]
    pub fn get_by_name(&self, name: &str, timeout: Option<Duration>) -> Result<Buffer> {
        check_name(name)?;
        let key = self.session.name_key(name);
        let (ticket, held) = self.session.get(self.seat, &key, timeout)?;
        Ok(Buffer::new(self.seat, ticket, held))
    }

    /// The id of the object with this name, sealed or not.
    pub fn lookup(&self, name: &str) -> Result<ObjectId> {
        self.session.lookup(name)
    }

    /// Get many objects with one deadline. `each` is called once for every index, in no order.
    pub fn get_many(
        &self,
        ids: &[ObjectId],
        timeout: Option<Duration>,
        each: &mut dyn FnMut(usize, Result<Buffer>),
    ) -> Result<()> {
        self.session.get_many(self.seat, ids, timeout, &mut |i, got| {
            each(i, got.map(|(ticket, held)| Buffer::new(self.seat, ticket, held)));
        })
    }

    /// Wait until `num_ready` of the ids (0: all of them) are sealed, without leasing them. Fills
    /// `ready`; returns how many are, and whether that is enough or the time was up.
    pub fn wait(
        &self,
        ids: &[ObjectId],
        num_ready: usize,
        timeout: Option<Duration>,
        ready: &mut [bool],
    ) -> Result<(usize, bool)> {
        self.session.wait_ready(ids, num_ready, timeout, ready)
    }

    /// Whether an object is there, and whether it is sealed.
    pub fn contains(&self, id: &ObjectId) -> Result<ObjectState> {
        self.session.contains(id)
    }

    /// All about one object.
    pub fn object_info(&self, id: &ObjectId) -> Result<ObjectInfo> {
        self.session.object_info(id)
    }

    /// All objects, deleted ones whose memory is still held among them.
    pub fn list(&self) -> Result<Vec<ObjectInfo>> {
        self.session.list()
    }

    /// All clients, dead ones that were not reaped yet among them.
    pub fn list_clients(&self) -> Result<Vec<ClientInfo>> {
        self.session.list_clients()
    }

    /// The clients that lease or write an object.
    pub fn list_holders(&self, id: &ObjectId) -> Result<Vec<ClientInfo>> {
        self.session.list_holders(id)
    }

    /// Delete a sealed object: gone at once for new gets, its memory follows the last release.
    pub fn delete(&self, id: &ObjectId) -> Result<()> {
        self.session.delete(id)
    }

    /// Keep an object from being evicted.
    pub fn pin(&self, id: &ObjectId) -> Result<()> {
        self.session.set_pinned(id, true)
    }

    /// Let an object be evicted again.
    pub fn unpin(&self, id: &ObjectId) -> Result<()> {
        self.session.set_pinned(id, false)
    }

    /// Evict the least recently released objects until `bytes` of data are gone or nothing may go;
    /// returns how many bytes went. Only in stores made with eviction.
    pub fn evict(&self, bytes: u64) -> Result<u64> {
        self.session.evict(bytes)
    }

    /// The numbers of the store.
    pub fn stats(&self) -> Result<Stats> {
        self.session.stats()
    }

    /// Compare all structures of the store with each other: under the writer lock, so that writers
    /// wait; gets do not. Changes nothing, but what a dead writer left is recovered first, as by
    /// any writer. Experimental: may change between minor versions.
    pub fn check(&self) -> Result<CheckReport> {
        self.session.examine()
    }

    /// What never changes about the store. Experimental: may change between minor versions.
    pub fn facts(&self) -> Result<StoreFacts> {
        self.session.facts()
    }

    /// Where the objects lie in the heap, and so what is free. Stops nobody. Experimental: may
    /// change between minor versions.
    pub fn heap_map(&self) -> Result<HeapMap> {
        self.session.heap_map()
    }

    /// Who holds what: as [`Client::list_holders`] for all objects at once, the deleted that are
    /// still held among them. Experimental: may change between minor versions.
    pub fn list_holdings(&self) -> Result<Vec<Holding>> {
        self.session.list_holdings()
    }

    /// Who owns the writer lock and who waits. Experimental: may change between minor versions.
    pub fn activity(&self) -> Result<Activity> {
        self.session.activity()
    }

    /// Reap dead clients and free what nobody holds, now; returns how many clients were reaped.
    pub fn reap(&self) -> Result<u64> {
        self.session.reap()
    }

    /// Give whole free chunks back to the system, keeping `keep` bytes of reserved free memory;
    /// returns the bytes given back.
    pub fn trim(&self, keep: u64) -> Result<u64> {
        self.session.trim(keep)
    }

    /// News of objects from now on.
    pub fn subscribe(&self) -> Result<Subscription> {
        Subscription::new(Arc::clone(&self.session))
    }

    /// Remove a store. Connected processes keep what they hold; their calls return
    /// [`Status::StoreGone`].
    pub fn remove_store(address: Option<&str>) -> Result<()> {
        Session::remove_store(address)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.session.forked() {
            // Another thread of the parent may have been in the midst of it: the child touches nothing.
            return std::mem::forget(Arc::clone(&self.session));
        }
        self.session.end_waits();
        self.seat.close();
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("address", &self.session.address.display()).finish()
    }
}

/// The error of a call in a forked child.
pub(crate) fn forked() -> Error {
    Error::plain(Status::Forked)
}
