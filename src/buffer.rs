//! A read-only view of a sealed object.
#![allow(unsafe_code)] // a leased object's bytes become a slice

use crate::client::{NO_WAIT, forked};
use crate::error::{Error, Result, Status};
use crate::info::ObjectInfo;
use crate::segment::Bytes;
use crate::store::{Handle, HandleTable, Held, MetadataView, Releases, stale_handle_error};
use std::ffi::CStr;
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::Deref;

/// A lease on a sealed object; dropping it releases the lease.
///
/// The bytes stay mapped and unchanged as long as the buffer lives, even if the object is deleted,
/// its creator dies or the client is closed. One thread at a time may use a buffer; it may move
/// between threads. A forked child may read the bytes while its parent holds the buffer; every call
/// in the child returns [`Status::Forked`].
pub struct Buffer {
    handles: &'static HandleTable,
    handle: Handle,
    held: Held,
}

/// Marks the words of a C struct as a buffer's.
const TAG: u64 = u64::from_le_bytes(*b"plasmaRB");

impl Buffer {
    #[inline(always)]
    pub(crate) fn new(handles: &'static HandleTable, handle: Handle, held: Held) -> Self {
        Self { handles, handle, held }
    }

    /// The first byte; never null.
    pub fn as_ptr(&self) -> *const u8 {
        self.held.bytes.ptr
    }

    /// Bytes of data.
    pub fn len(&self) -> usize {
        self.held.bytes.len as usize
    }

    /// Whether the object holds no bytes.
    pub fn is_empty(&self) -> bool {
        self.held.bytes.len == 0
    }

    /// Makes a second buffer on the same lease.
    pub fn retain(&self) -> Result<Buffer> {
        self.ensure_open()?;
        Ok(Buffer {
            handles: self.handles,
            handle: self.handles.retain(self.handle)?,
            held: self.held,
        })
    }

    /// The value of a metadata key.
    pub fn metadata(&self, key: &str) -> Result<&[u8]> {
        for pair in self.text()?.pairs() {
            let (found, value) = pair?;
            if found.to_bytes() == key.as_bytes() {
                return Ok(value);
            }
        }
        Err(Error::plain(Status::NotFound))
    }

    /// The number of metadata keys.
    pub fn metadata_count(&self) -> Result<u64> {
        self.text()?.count()
    }

    /// The key and value at a position, in the order in which they were first set.
    pub fn metadata_at(&self, index: u64) -> Result<(&CStr, &[u8])> {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        self.text()?.pairs().nth(index).unwrap_or(Err(Error::plain(Status::NotFound)))
    }

    /// Describes the object.
    pub fn info(&self) -> Result<ObjectInfo> {
        self.ensure_open()?;
        let _call = self.handles.session().begin_on_buffer(NO_WAIT);
        self.handles.session().held_info(self.held.slot, self.held.generation)
    }

    /// Describes the object, with a `lease_count` of 0: counting reads the leases of all clients.
    pub(crate) fn info_without_leases(&self) -> Result<ObjectInfo> {
        self.ensure_open()?;
        let _call = self.handles.session().begin_on_buffer(NO_WAIT);
        self.handles.session().describe_held(self.held.slot, self.held.generation)
    }

    fn ensure_open(&self) -> Result<()> {
        if self.handles.forked() { Err(forked()) } else { Ok(()) }
    }

    fn text(&self) -> Result<MetadataView<'_>> {
        self.ensure_open()?;
        let bytes = self.handles.session().held_text(&self.held)?;
        // SAFETY: the object is sealed and leased as long as `self` lives, its metadata too.
        Ok(MetadataView(unsafe { bytes.as_slice() }))
    }

    /// The words of a C struct for this buffer. Never all zero.
    #[inline(always)]
    pub(crate) fn into_parts(self) -> [u64; 6] {
        let this = ManuallyDrop::new(self);
        [
            this.handle.serial << 1 | u64::from(this.handle.copy),
            u64::from(this.handles.number()) << 32 | u64::from(this.handle.index),
            u64::from(this.held.slot) << 32 | u64::from(this.held.generation),
            this.held.bytes.ptr.expose_provenance() as u64,
            this.held.bytes.len,
            TAG,
        ]
    }

    /// Releases the buffer behind the words of a C struct in the common case: a live buffer of this
    /// process without copies. Otherwise does nothing and returns `false`.
    #[inline(always)]
    pub(crate) fn release_hot(parts: &[u64; 6]) -> bool {
        let Some((handles, handle)) = Self::name(parts) else { return false };
        handles.goes_short_way() && handles.release_hot(handle)
    }

    /// The handle table and the handle that the words of a C struct name, live or not.
    #[inline(always)]
    fn name(parts: &[u64; 6]) -> Option<(&'static HandleTable, Handle)> {
        let [name, place, _, _, _, tag] = *parts;
        if tag != TAG {
            return None;
        }
        let handle = Handle { index: place as u32, serial: name >> 1, copy: name & 1 != 0 };
        Some((HandleTable::find((place >> 32) as u32)?, handle))
    }

    /// The buffer behind the words of a C struct; `InvalidArgument` if the words name no live
    /// buffer.
    pub(crate) fn from_parts(parts: &[u64; 6]) -> Result<ManuallyDrop<Buffer>> {
        let (handles, handle) = Self::name(parts).ok_or_else(stale_handle_error)?;
        if handles.forked() {
            return Err(forked());
        }
        if !handles.is_live(handle) {
            return Err(stale_handle_error());
        }
        let [_, _, object, ptr, len, _] = *parts;
        let ptr = std::ptr::with_exposed_provenance(ptr as usize);
        let bytes = Bytes { ptr, len };
        let held = Held { slot: (object >> 32) as u32, generation: object as u32, bytes };
        Ok(ManuallyDrop::new(Buffer { handles, handle, held }))
    }
}

/// Releases many buffers in the common case, most of them of one client.
pub(crate) struct Releasing {
    table: u32,
    releases: Option<Releases<'static>>,
}

impl Releasing {
    pub(crate) fn begin() -> Self {
        Self { table: 0, releases: None }
    }

    /// As [`Buffer::release_hot`]. The last one is followed by [`Releasing::end`].
    #[inline(always)]
    pub(crate) fn release_hot(&mut self, parts: &[u64; 6]) -> bool {
        let [name, place, _, _, _, tag] = *parts;
        if tag != TAG {
            return false;
        }
        let table = (place >> 32) as u32;
        if table != self.table || self.releases.is_none() {
            self.turn_to(table);
        }
        let handle = Handle { index: place as u32, serial: name >> 1, copy: name & 1 != 0 };
        self.releases.as_mut().is_some_and(|releases| releases.release(handle))
    }

    #[inline(never)]
    fn turn_to(&mut self, table: u32) {
        self.end();
        let handles = HandleTable::find(table).filter(|handles| handles.goes_short_way());
        *self = Self { table, releases: handles.map(HandleTable::begin_releases) };
    }

    pub(crate) fn end(&mut self) {
        if let Some(releases) = self.releases.take() {
            releases.end();
        }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the object is sealed and leased as long as `self` lives.
        unsafe { self.held.bytes.as_slice() }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.handles.goes_short_way() && self.handles.release_hot(self.handle) {
            return;
        }
        if !self.handles.forked() {
            self.handles.release(self.handle);
        }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer").field("len", &self.len()).finish_non_exhaustive()
    }
}
