//! One connection to a store.

use crate::buffer::Buffer;
use crate::error::{Error, Result, Status};
use crate::id::ObjectId;
use crate::info::{
    Activity, CheckReport, ClientInfo, HeapMap, Holding, ObjectInfo, ObjectState, Stats,
    StoreFacts, WaitOutcome,
};
use crate::layout::record::IdWords;
use crate::mutable_buffer::MutableBuffer;
use crate::options::{ConnectOptions, CreateOptions};
use crate::protocols::index::Key;
use crate::store::{Call, GotOrCreated, HandleTable, Session, validate_name};
use crate::subscription::Subscription;
use crate::sys::thread::CancelOff;
use std::ffi::CStr;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The timeout of a call that has none of its own.
pub(crate) const NO_WAIT: Option<Duration> = Some(Duration::ZERO);

/// A connection; dropping it disconnects.
///
/// Any number of threads may use one client at once. Buffers outlive it: the client counts as
/// connected until the last of them is gone. In a forked child every call returns
/// [`Status::Forked`]; connect anew there. A time-out of `None` is for ever, zero is not at all.
pub struct Client {
    handles: &'static HandleTable,
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
        let _cancel = CancelOff::begin();
        let session = Session::connect(address, options)?;
        let handles = HandleTable::take(&session)?;
        Ok(Client { handles, session })
    }

    /// End every call blocked in this client with [`Status::Disconnected`], and wait until they
    /// have returned. Later calls may fail likewise.
    pub fn close(&self) {
        if !self.session.forked() {
            self.session.end_calls();
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
        let call = self.session.begin(options.timeout)?;
        let writer = self.session.create(&call, id, size, options)?;
        MutableBuffer::new(self.handles, writer)
    }

    /// Create an object from `data` and seal it.
    pub fn put(&self, id: &ObjectId, data: &[u8], options: &CreateOptions<'_>) -> Result<()> {
        self.put_in(&self.session.begin(options.timeout)?, id, data, options)
    }

    fn put_in(
        &self,
        call: &Call<'_>,
        id: &ObjectId,
        data: &[u8],
        options: &CreateOptions<'_>,
    ) -> Result<()> {
        let writer = self.session.create(call, id, data.len() as u64, options)?;
        writer.bytes.copy_from(data);
        let sealed = self.session.seal(&writer, None).map(drop);
        sealed.inspect_err(|_| self.session.give_up(writer.object))
    }

    /// As [`Client::put`] for many objects, `data` of each index. `each` is called once for every
    /// index, in their order. A disconnect, an interruption, a fork and the end of the store end the
    /// whole batch; after any other failure the next object is tried.
    pub fn put_many<'d>(
        &self,
        ids: &[ObjectId],
        data: &dyn Fn(usize) -> Result<&'d [u8]>,
        options: &CreateOptions<'_>,
        each: &mut dyn FnMut(usize, Result<()>),
    ) -> Result<()> {
        let call = self.session.begin(options.timeout)?;
        let one = &mut |at: usize| self.put_in(&call, &ids[at], data(at)?, options);
        batch(&call, ids.len(), one, each);
        Ok(())
    }

    /// As [`Client::delete`] for many objects; `each` and the end of a batch as in
    /// [`Client::put_many`].
    pub fn delete_many(
        &self,
        ids: &[ObjectId],
        each: &mut dyn FnMut(usize, Result<()>),
    ) -> Result<()> {
        let call = self.session.begin(NO_WAIT)?;
        batch(&call, ids.len(), &mut |at| self.session.delete(&call, &ids[at]), each);
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
        let call = self.session.begin(timeout)?;
        match self.session.get_or_create(&call, self.handles, id, size, options)? {
            GotOrCreated::Got(handle, held) => {
                Ok(GetOrCreate::Existing(Buffer::new(self.handles, handle, held)))
            }
            GotOrCreated::Made(writer) => {
                Ok(GetOrCreate::Created(MutableBuffer::new(self.handles, writer)?))
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
        let (handle, held) = self.session.get_hot(self.handles, &Key::Id(IdWords::from(id)))?;
        Some(Buffer::new(self.handles, handle, held))
    }

    #[cold]
    pub(crate) fn get_slow(&self, id: &ObjectId, timeout: Option<Duration>) -> Result<Buffer> {
        let key = Key::Id(IdWords::from(id));
        let call = self.session.begin(timeout)?;
        let (handle, held) = self.session.get(&call, self.handles, &key)?;
        Ok(Buffer::new(self.handles, handle, held))
    }

    /// As [`Client::get`], by name.
    #[inline]
    pub fn get_by_name(&self, name: &str, timeout: Option<Duration>) -> Result<Buffer> {
        validate_name(name)?;
        let key = self.session.name_key(name);
        if let Some((handle, held)) = self.session.get_hot(self.handles, &key) {
            return Ok(Buffer::new(self.handles, handle, held));
        }
        let call = self.session.begin(timeout)?;
        let (handle, held) = self.session.get(&call, self.handles, &key)?;
        Ok(Buffer::new(self.handles, handle, held))
    }

    /// The id of the object with this name, sealed or not.
    pub fn lookup(&self, name: &str) -> Result<ObjectId> {
        self.session.lookup(&self.session.begin(NO_WAIT)?, name)
    }

    /// Get many objects with one deadline. `each` is called once for every index, in no order.
    pub fn get_many(
        &self,
        ids: &[ObjectId],
        timeout: Option<Duration>,
        each: &mut dyn FnMut(usize, Result<Buffer>),
    ) -> Result<()> {
        let call = self.session.begin(timeout)?;
        self.session.get_many(&call, self.handles, ids, &mut |i, got| {
            each(i, got.map(|(handle, held)| Buffer::new(self.handles, handle, held)));
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
    ) -> Result<WaitOutcome> {
        self.session.wait_ready(&self.session.begin(timeout)?, ids, num_ready, ready)
    }

    /// Whether an object is there, and whether it is sealed.
    pub fn contains(&self, id: &ObjectId) -> Result<ObjectState> {
        self.session.contains(id)
    }

    /// All about one object.
    pub fn object_info(&self, id: &ObjectId) -> Result<ObjectInfo> {
        self.session.object_info(&self.session.begin(NO_WAIT)?, id)
    }

    /// All objects, deleted ones whose memory is still held among them.
    pub fn list(&self) -> Result<Vec<ObjectInfo>> {
        let _call = self.session.begin(NO_WAIT)?;
        self.session.list()
    }

    /// All clients, dead ones that were not reaped yet among them.
    pub fn list_clients(&self) -> Result<Vec<ClientInfo>> {
        let _call = self.session.begin(NO_WAIT)?;
        self.session.list_clients()
    }

    /// The clients that lease or write an object.
    pub fn list_holders(&self, id: &ObjectId) -> Result<Vec<ClientInfo>> {
        self.session.list_holders(&self.session.begin(NO_WAIT)?, id)
    }

    /// Delete a sealed object: gone at once for new gets, its memory follows the last release.
    pub fn delete(&self, id: &ObjectId) -> Result<()> {
        self.session.delete(&self.session.begin(NO_WAIT)?, id)
    }

    /// Keep an object from being evicted.
    pub fn pin(&self, id: &ObjectId) -> Result<()> {
        self.session.set_pinned(&self.session.begin(NO_WAIT)?, id, true)
    }

    /// Let an object be evicted again.
    pub fn unpin(&self, id: &ObjectId) -> Result<()> {
        self.session.set_pinned(&self.session.begin(NO_WAIT)?, id, false)
    }

    /// Evict the least recently released objects until `bytes` of data are gone or nothing may go;
    /// returns how many bytes went. Only in stores made with eviction.
    pub fn evict(&self, bytes: u64) -> Result<u64> {
        self.session.evict(&self.session.begin(NO_WAIT)?, bytes)
    }

    /// The numbers of the store.
    pub fn stats(&self) -> Result<Stats> {
        let _call = self.session.begin(NO_WAIT)?;
        self.session.stats()
    }

    /// Compare all structures of the store with each other: under the writer lock, so that writers
    /// wait; gets do not. No object is changed. What a dead writer left is recovered first, as by
    /// any writer; where there are problems and the object table is sound, the next writer makes all
    /// that is derived from it anew. Experimental: may change between minor versions.
    pub fn check(&self) -> Result<CheckReport> {
        self.session.check(&self.session.begin(NO_WAIT)?)
    }

    /// What never changes about the store. Experimental: may change between minor versions.
    pub fn facts(&self) -> Result<StoreFacts> {
        self.session.facts()
    }

    /// Where the objects lie in the heap, and so what is free. Stops nobody. Experimental: may
    /// change between minor versions.
    pub fn heap_map(&self) -> Result<HeapMap> {
        let _call = self.session.begin(NO_WAIT)?;
        self.session.heap_map()
    }

    /// Who holds what: as [`Client::list_holders`] for all objects at once, the deleted that are
    /// still held among them. Experimental: may change between minor versions.
    pub fn list_holdings(&self) -> Result<Vec<Holding>> {
        let _call = self.session.begin(NO_WAIT)?;
        self.session.list_holdings()
    }

    /// Who owns the writer lock and who waits. Experimental: may change between minor versions.
    pub fn activity(&self) -> Result<Activity> {
        self.session.activity()
    }

    /// Reap dead clients and free what nobody holds, now; returns how many clients were reaped.
    pub fn reap(&self) -> Result<u64> {
        self.session.reap(&self.session.begin(NO_WAIT)?)
    }

    /// Give whole free chunks back to the system, keeping `keep` bytes of reserved free memory;
    /// returns the bytes given back.
    pub fn trim(&self, keep: u64) -> Result<u64> {
        self.session.trim(&self.session.begin(NO_WAIT)?, keep)
    }

    /// News of objects from now on.
    pub fn subscribe(&self) -> Result<Subscription> {
        Subscription::new(Arc::clone(&self.session))
    }

    /// Remove a store. Connected processes keep what they hold; their calls return
    /// [`Status::StoreGone`].
    pub fn remove_store(address: Option<&str>) -> Result<()> {
        let _cancel = CancelOff::begin();
        Session::remove_store(address)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.session.forked() {
            // Another thread of the parent may have been in the midst of it: the child touches nothing.
            return std::mem::forget(Arc::clone(&self.session));
        }
        let _cancel = CancelOff::begin();
        self.session.end_calls();
        self.handles.close();
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("address", &self.session.address.display()).finish()
    }
}

/// Do the last that is done with a handle, all of it without the thread's being cancelled: more than
/// the handle may go with it.
pub(crate) fn end(run: impl FnOnce()) {
    let _cancel = CancelOff::begin();
    run();
}

/// The error of a call in a forked child.
pub(crate) fn forked() -> Error {
    Error::plain(Status::Forked)
}

/// Do `one` for each index, and tell `each`, until the call is ended: then all that are left come to
/// what ended it.
fn batch(
    call: &Call<'_>,
    count: usize,
    one: &mut dyn FnMut(usize) -> Result<()>,
    each: &mut dyn FnMut(usize, Result<()>),
) {
    for at in 0..count {
        match call.ensure_not_ended().and_then(|()| one(at)) {
            Err(error) if Call::is_ended_by(&error) => {
                return (at..count).for_each(|at| each(at, Err(error.clone())));
            }
            done => each(at, done),
        }
    }
}
