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
use crate::store::{FileSource, GotOrCreated, HandleTable, PIECE, Session, validate_name};
use crate::subscription::Subscription;
use crate::support::fallible;
use crate::support::pattern::Pattern;
use crate::sys::thread::CancelOff;
use std::ffi::CStr;
use std::fmt;
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

/// The timeout of a call without one of its own.
pub(crate) const NO_WAIT: Option<Duration> = Some(Duration::ZERO);

/// A connection; dropping it disconnects.
///
/// Any number of threads may use one client at once. Buffers outlive it: the client counts as
/// connected until the last of them is released. In a forked child every call returns
/// [`Status::Forked`]; the child can connect again. A timeout of `None` waits forever, and a
/// timeout of zero does not wait.
pub struct Client {
    handles: &'static HandleTable,
    session: Arc<Session>,
}

/// Takes the results of [`Client::get_all`], one for each index.
pub(crate) trait GotMany {
    /// Takes objects from index `from` on; the indices that are given to the result begin there.
    fn had(&mut self, from: usize, count: usize) -> impl FnMut(usize, Buffer);
    fn failed(&mut self, at: usize, error: Error);
}

/// The outcome of [`Client::get_or_create`].
#[derive(Debug)]
pub enum GetOrCreate {
    /// The object existed, or another client created it.
    Existing(Buffer),
    /// The caller creates it.
    Created(MutableBuffer),
}

impl Client {
    /// Connects to the store at `address`: a word is a store of this user in `/dev/shm`, a path
    /// with a `/` is the store's directory, and `None` is `$PLASMA_STORE` or else `default`.
    pub fn connect(address: Option<&str>, options: &ConnectOptions) -> Result<Client> {
        let _cancel = CancelOff::begin();
        let session = Session::connect(address, options)?;
        let handles = HandleTable::take(&session)?;
        Ok(Client { handles, session })
    }

    /// Ends every call blocked in this client with [`Status::Disconnected`], and waits until they
    /// have returned. Later calls may fail with the same status.
    pub fn close(&self) {
        if !self.session.forked() {
            self.session.end_calls();
        }
    }

    /// The path of the store's directory.
    pub fn address(&self) -> &CStr {
        &self.session.address.path
    }

    /// Makes every call that waits on this client return [`Status::Interrupted`].
    pub fn interrupt(&self) -> Result<()> {
        if self.session.forked() {
            return Err(forked());
        }
        self.session.interrupt();
        Ok(())
    }

    /// Creates an object of `size` bytes.
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

    /// Creates an object from the bytes of a file in `range`, and calls `copied` with the number of
    /// those that are copied. The kernel copies them where it can. The object is as long as the
    /// range, or shorter where the file ends before, as it may when others truncate it during the copy.
    ///
    /// The file must have positions, so it is no pipe. Its own position does not move.
    pub fn create_from_file(
        &self,
        id: &ObjectId,
        file: impl AsFd,
        range: Range<u64>,
        options: &CreateOptions<'_>,
        copied: &dyn Fn(u64),
    ) -> Result<MutableBuffer> {
        let call = self.session.begin(options.timeout)?;
        let source = FileSource::new(file.as_fd(), range.start, copied);
        let size = range.end.saturating_sub(range.start);
        let writer = self.session.create_from_file(&call, id, &source, size, options)?;
        MutableBuffer::new(self.handles, writer)
    }

    /// Creates an object from `data` and seals it.
    pub fn put(&self, id: &ObjectId, data: &[u8], options: &CreateOptions<'_>) -> Result<()> {
        self.put_parts(id, &[data], options)
    }

    /// As [`Client::put`], of parts that lie one after the other in the object.
    pub fn put_parts(
        &self,
        id: &ObjectId,
        parts: &[&[u8]],
        options: &CreateOptions<'_>,
    ) -> Result<()> {
        self.session.put(&self.session.begin(options.timeout)?, id, parts, options)
    }

    /// As [`Client::put`] for many objects: `data` returns the bytes for an index. `each` is called
    /// once for every index, in order. A disconnect, an interruption, a fork and the end of the
    /// store end the whole batch; after any other failure the next object is tried.
    pub fn put_many<'d>(
        &self,
        ids: &[ObjectId],
        data: &dyn Fn(usize) -> Result<&'d [u8]>,
        options: &CreateOptions<'_>,
        each: &mut dyn FnMut(usize, Result<()>),
    ) -> Result<()> {
        let call = self.session.begin(options.timeout)?;
        self.session.put_many(&call, ids, data, options, each);
        Ok(())
    }

    /// As [`Client::delete`] for many objects; `each` and the end of a batch are as in
    /// [`Client::put_many`].
    pub fn delete_many(
        &self,
        ids: &[ObjectId],
        each: &mut dyn FnMut(usize, Result<()>),
    ) -> Result<()> {
        let call = self.session.begin(NO_WAIT)?;
        self.session.delete_many(&call, ids, each);
        Ok(())
    }

    /// Gets the object, or creates it if it does not exist: one of many callers creates it, and the
    /// others wait for it.
    pub fn get_or_create(
        &self,
        id: &ObjectId,
        size: u64,
        options: &CreateOptions<'_>,
        timeout: Option<Duration>,
    ) -> Result<GetOrCreate> {
        self.get_or_create_key(&Key::Id(IdWords::from(id)), id, size, options, timeout)
    }

    /// As [`Client::get_or_create`], by name: an object that is created has a random id. `options`
    /// has this name or none.
    pub fn get_or_create_by_name(
        &self,
        name: &str,
        size: u64,
        options: &CreateOptions<'_>,
        timeout: Option<Duration>,
    ) -> Result<GetOrCreate> {
        validate_name(name)?;
        if options.name.is_some_and(|other| other != name) {
            return Err(Error::new(Status::InvalidArgument, "the options have another name"));
        }
        let (key, id) = (self.session.name_key(name.as_bytes()), ObjectId::random()?);
        let options = CreateOptions { name: Some(name), ..options.clone() };
        self.get_or_create_key(&key, &id, size, &options, timeout)
    }

    fn get_or_create_key(
        &self,
        key: &Key,
        id: &ObjectId,
        size: u64,
        options: &CreateOptions<'_>,
        timeout: Option<Duration>,
    ) -> Result<GetOrCreate> {
        let call = self.session.begin(timeout)?;
        match self.session.get_or_create(&call, self.handles, key, id, size, options)? {
            GotOrCreated::Got(handle, held) => {
                Ok(GetOrCreate::Existing(Buffer::new(self.handles, handle, held)))
            }
            GotOrCreated::Made(writer) => {
                Ok(GetOrCreate::Created(MutableBuffer::new(self.handles, writer)?))
            }
        }
    }

    /// Gets a view of a sealed object, waiting until it is sealed.
    #[inline(always)]
    pub fn get(&self, id: &ObjectId, timeout: Option<Duration>) -> Result<Buffer> {
        match self.get_hot(id.as_bytes()) {
            Some(buffer) => Ok(buffer),
            None => self.get_slow(id, timeout),
        }
    }

    /// The path of nearly every get; `None` in all other cases, which [`Client::get_slow`] handles.
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

    /// As [`Client::get_hot`], by name. Only a name that is valid has an object.
    #[inline(always)]
    pub(crate) fn get_hot_by_name(&self, name: &[u8]) -> Option<Buffer> {
        let key = self.session.name_key(name);
        let (handle, held) = self.session.get_hot(self.handles, &key)?;
        Some(Buffer::new(self.handles, handle, held))
    }

    /// As [`Client::get`], by name.
    #[inline]
    pub fn get_by_name(&self, name: &str, timeout: Option<Duration>) -> Result<Buffer> {
        if let Some(buffer) = self.get_hot_by_name(name.as_bytes()) {
            return Ok(buffer);
        }
        validate_name(name)?;
        let key = self.session.name_key(name.as_bytes());
        let call = self.session.begin(timeout)?;
        let (handle, held) = self.session.get(&call, self.handles, &key)?;
        Ok(Buffer::new(self.handles, handle, held))
    }

    /// The id of the object with this name, sealed or not.
    pub fn lookup(&self, name: &str) -> Result<ObjectId> {
        self.session.lookup(&self.session.begin(NO_WAIT)?, name)
    }

    /// Gets many objects with one deadline. `each` is called once for every index, in no order; if
    /// the whole call fails, only for the objects that it had before.
    pub fn get_many(
        &self,
        ids: &[ObjectId],
        timeout: Option<Duration>,
        each: &mut dyn FnMut(usize, Result<Buffer>),
    ) -> Result<()> {
        struct Each<'a>(&'a mut dyn FnMut(usize, Result<Buffer>));
        impl GotMany for Each<'_> {
            fn had(&mut self, from: usize, _: usize) -> impl FnMut(usize, Buffer) {
                move |at, buffer| (self.0)(from + at, Ok(buffer))
            }
            fn failed(&mut self, at: usize, error: Error) {
                (self.0)(at, Err(error));
            }
        }
        self.get_all(ids, timeout, &mut Each(each))
    }

    /// As [`Client::get_many`]. Only objects that are not sealed yet take the way with a call, which
    /// may enter the kernel.
    #[inline(always)]
    pub(crate) fn get_all(
        &self,
        ids: &[ObjectId],
        timeout: Option<Duration>,
        got: &mut impl GotMany,
    ) -> Result<()> {
        let mut missed = Ok(Vec::new());
        for (piece, ids) in ids.chunks(PIECE).enumerate() {
            let from = piece * PIECE;
            let mut had = got.had(from, ids.len());
            self.session.get_piece(
                self.handles,
                ids,
                |at, handle, held| had(at, Buffer::new(self.handles, handle, held)),
                |at| note_missed(&mut missed, from + at),
            );
        }
        match missed {
            Ok(missed) if missed.is_empty() => Ok(()),
            missed => self.get_missed(ids, &missed?, timeout, got),
        }
    }

    #[cold]
    fn get_missed(
        &self,
        ids: &[ObjectId],
        missed: &[usize],
        timeout: Option<Duration>,
        got: &mut impl GotMany,
    ) -> Result<()> {
        let call = self.session.begin(timeout)?;
        self.session.get_many(&call, self.handles, ids, missed, &mut |at, result| match result {
            Ok((handle, held)) => got.had(at, 1)(0, Buffer::new(self.handles, handle, held)),
            Err(error) => got.failed(at, error),
        })
    }

    /// Waits until `num_ready` of the ids (0: all of them) are sealed, without leasing them. Fills
    /// `ready`, which has one element for each id.
    pub fn wait(
        &self,
        ids: &[ObjectId],
        num_ready: usize,
        timeout: Option<Duration>,
        ready: &mut [bool],
    ) -> Result<WaitOutcome> {
        self.session.wait_ready(&self.session.begin(timeout)?, ids, num_ready, ready)
    }

    /// Whether an object exists, and whether it is sealed.
    pub fn contains(&self, id: &ObjectId) -> Result<ObjectState> {
        self.session.contains(id)
    }

    /// Describes one object.
    pub fn object_info(&self, id: &ObjectId) -> Result<ObjectInfo> {
        self.session.object_info(&self.session.begin(NO_WAIT)?, id)
    }

    /// Lists all objects, including deleted objects whose memory is still held.
    pub fn list(&self) -> Result<Vec<ObjectInfo>> {
        let _call = self.session.begin(NO_WAIT)?;
        self.session.list(None)
    }

    /// As [`Client::list`], of objects whose names match a pattern: `*` is any text, `?` any
    /// character. Deleted objects are not listed.
    pub fn list_matching(&self, pattern: &str) -> Result<Vec<ObjectInfo>> {
        let pattern = Pattern::new(pattern)?;
        let _call = self.session.begin(NO_WAIT)?;
        self.session.list(Some(&pattern))
    }

    /// Lists all clients, including dead clients that are not reaped yet.
    pub fn list_clients(&self) -> Result<Vec<ClientInfo>> {
        let _call = self.session.begin(NO_WAIT)?;
        self.session.list_clients()
    }

    /// Lists the clients that lease or write an object.
    pub fn list_holders(&self, id: &ObjectId) -> Result<Vec<ClientInfo>> {
        self.session.list_holders(&self.session.begin(NO_WAIT)?, id)
    }

    /// Deletes a sealed object: it is absent at once for new gets, and its memory is freed after
    /// the last release.
    pub fn delete(&self, id: &ObjectId) -> Result<()> {
        self.session.delete(&self.session.begin(NO_WAIT)?, &Key::Id(IdWords::from(id)))
    }

    /// As [`Client::delete`], by name.
    pub fn delete_by_name(&self, name: &str) -> Result<()> {
        validate_name(name)?;
        let key = self.session.name_key(name.as_bytes());
        self.session.delete(&self.session.begin(NO_WAIT)?, &key)
    }

    /// Keeps an object from being evicted.
    pub fn pin(&self, id: &ObjectId) -> Result<()> {
        self.session.set_pinned(&self.session.begin(NO_WAIT)?, id, true)
    }

    /// Allows an object to be evicted again.
    pub fn unpin(&self, id: &ObjectId) -> Result<()> {
        self.session.set_pinned(&self.session.begin(NO_WAIT)?, id, false)
    }

    /// Evicts the least recently released objects until `bytes` of data are evicted or nothing more
    /// may go; returns the bytes evicted. Only in stores created with eviction.
    pub fn evict(&self, bytes: u64) -> Result<u64> {
        self.session.evict(&self.session.begin(NO_WAIT)?, bytes)
    }

    /// The statistics of the store.
    pub fn stats(&self) -> Result<Stats> {
        let _call = self.session.begin(NO_WAIT)?;
        self.session.stats()
    }

    /// Compares all structures of the store with each other, under the writer lock: writers wait,
    /// gets do not. No object is changed. As any writer, this call first recovers what a dead
    /// writer left. If there are problems and the object table is sound, the next writer rebuilds
    /// every structure that derives from the table. Experimental: may change between minor
    /// versions.
    pub fn check(&self) -> Result<CheckReport> {
        self.session.check(&self.session.begin(NO_WAIT)?)
    }

    /// The constant facts of the store. Experimental: may change between minor versions.
    pub fn facts(&self) -> Result<StoreFacts> {
        self.session.facts()
    }

    /// The positions of the objects in the heap; the rest of the heap is free. No client is
    /// stopped. Experimental: may change between minor versions.
    pub fn heap_map(&self) -> Result<HeapMap> {
        let _call = self.session.begin(NO_WAIT)?;
        self.session.heap_map()
    }

    /// The holders of all objects at once, as [`Client::list_holders`] lists them for one object,
    /// including the holders of deleted objects. Experimental: may change between minor versions.
    pub fn list_holdings(&self) -> Result<Vec<Holding>> {
        let _call = self.session.begin(NO_WAIT)?;
        self.session.list_holdings()
    }

    /// The owner of the writer lock, and the waits. Experimental: may change between minor
    /// versions.
    pub fn activity(&self) -> Result<Activity> {
        self.session.activity()
    }

    /// Reaps dead clients and frees the deleted objects without holders; returns the number of
    /// clients reaped.
    pub fn reap(&self) -> Result<u64> {
        self.session.reap(&self.session.begin(NO_WAIT)?)
    }

    /// Returns whole free chunks to the system, except `keep` bytes of reserved free memory;
    /// returns the bytes that were returned.
    pub fn trim(&self, keep: u64) -> Result<u64> {
        self.session.trim(&self.session.begin(NO_WAIT)?, keep)
    }

    /// Subscribes to the events of objects from now on.
    pub fn subscribe(&self) -> Result<Subscription> {
        Subscription::new(Arc::clone(&self.session), None)
    }

    /// As [`Client::subscribe`], to events of objects whose names match a pattern, as in
    /// [`Client::list_matching`]. The name is read when the event is taken, so it matters as long as
    /// the object exists: that an object was deleted, evicted or aborted matches no pattern. Losses
    /// are reported whatever was lost.
    pub fn subscribe_matching(&self, pattern: &str) -> Result<Subscription> {
        Subscription::new(Arc::clone(&self.session), Some(Pattern::new(pattern)?))
    }

    /// Removes a store. Connected processes keep the buffers they hold; their calls return
    /// [`Status::StoreGone`].
    pub fn remove_store(address: Option<&str>) -> Result<()> {
        let _cancel = CancelOff::begin();
        Session::remove_store(address)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.session.forked() {
            // Another thread of the parent may have been using it during the fork, so the child
            // touches nothing.
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

/// Runs the last operation on a handle, which may free more than the handle, without cancellation
/// of the thread.
pub(crate) fn end(run: impl FnOnce()) {
    let _cancel = CancelOff::begin();
    run();
}

/// Adds an index to those that were not found sealed.
#[cold]
fn note_missed(missed: &mut Result<Vec<usize>>, at: usize) {
    if let Ok(list) = missed
        && let Err(refused) = fallible::push(list, at)
    {
        *missed = Err(refused);
    }
}

/// The error of a call in a forked child.
pub(crate) fn forked() -> Error {
    Error::plain(Status::Forked)
}
