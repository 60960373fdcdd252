//! The creator's view of an object until it is sealed.
#![allow(unsafe_code)] // a creator's own bytes become a slice

use crate::buffer::Buffer;
use crate::client::{NO_WAIT, forked};
use crate::error::{Error, Result};
use crate::segment::BytesMut;
use crate::store::{
    HandleTable, ObjectWriter, Session, TakenWriter, WriterHandle, stale_handle_error,
};
use crate::support::fallible;
use std::fmt;
use std::mem::ManuallyDrop;

/// An object being written; dropping it aborts it.
///
/// One thread at a time may use it; it may move between threads. It outlives its client. New memory
/// holds whatever was there before, unless the object was created with `zeroed`.
///
/// ```
/// # use plasma::{Client, ConnectOptions, CreateOptions, ObjectId, Result};
/// fn store(client: &Client, bytes: &[u8]) -> Result<ObjectId> {
///     let id = ObjectId::random()?;
///     let mut writer = client.create(&id, bytes.len() as u64, &CreateOptions::default())?;
///     writer.as_mut_slice().copy_from_slice(bytes);
///     writer.seal()?;
///     Ok(id)
/// }
/// # fn main() -> Result<()> {
/// # let path = format!("/dev/shm/plasma-doc-writer-{}", std::process::id());
/// # let options = ConnectOptions::default().capacity(1 << 20).ephemeral(true);
/// # let client = Client::connect(Some(&path), &options)?;
/// # let id = store(&client, b"hello")?;
/// # assert_eq!(&client.get(&id, None)?[..], b"hello");
/// # Ok(())
/// # }
/// ```
pub struct MutableBuffer {
    handles: &'static HandleTable,
    handle: WriterHandle,
    bytes: BytesMut,
}

/// Marks the words of a C struct as a mutable buffer's.
const TAG: u64 = u64::from_le_bytes(*b"plasmaMB");

impl MutableBuffer {
    #[inline(always)]
    pub(crate) fn new(handles: &'static HandleTable, writer: ObjectWriter) -> Result<Self> {
        let bytes = writer.bytes;
        let handle = handles.open_writer(writer).map_err(|writer| {
            handles.session().give_up(writer.object);
            fallible::refused()
        })?;
        Ok(Self { handles, handle, bytes })
    }

    /// The first byte; never null.
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.bytes.ptr
    }

    /// Bytes of data.
    pub fn len(&self) -> usize {
        self.bytes.len as usize
    }

    /// Whether the object holds no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: the extent is this object's alone until it is sealed, which takes `self`; and
        // `resize`, which moves it, takes `&mut self`.
        unsafe { self.bytes.as_mut_slice() }
    }

    /// Changes the size and keeps the bytes; on failure nothing changes.
    pub fn resize(&mut self, new_size: u64) -> Result<()> {
        self.with_writer(|session, writer| {
            session.resize(&session.begin_on_buffer(NO_WAIT), writer, new_size)
        })
    }

    /// Sets or replaces a metadata value; on failure nothing changes.
    pub fn set_metadata(&mut self, key: &str, value: &[u8]) -> Result<()> {
        self.with_writer(|session, writer| {
            session.set_metadata(&session.begin_on_buffer(NO_WAIT), writer, key, value)
        })
    }

    /// Publishes the object: from now on it never changes. A failure returns the buffer in the
    /// error; `?` drops it, which aborts the object.
    pub fn seal(self) -> std::result::Result<(), EndError> {
        self.end(|session, writer| session.seal(writer, None).map(drop))
    }

    /// Publishes the object and leases it at the same instant. It fails as [`MutableBuffer::seal`]
    /// does.
    pub fn seal_and_get(self) -> std::result::Result<Buffer, EndError> {
        let handles = self.handles;
        self.end(|session, writer| {
            let handle = handles.claim()?;
            match session
                .seal(writer, Some(handle.index))
                .and_then(|held| held.ok_or_else(stale_handle_error))
            {
                Ok(held) => Ok(Buffer::new(handles, handle, held)),
                Err(error) => {
                    handles.release(handle);
                    Err(error)
                }
            }
        })
    }

    /// Aborts the object: its id, name and memory are free again. It fails as
    /// [`MutableBuffer::seal`] does.
    pub fn abort(self) -> std::result::Result<(), EndError> {
        self.end(|session, writer| session.abort(&session.begin_on_buffer(NO_WAIT), writer.object))
    }

    /// Ends the object as failed: waiters and later gets receive [`Status::Failed`] with this message
    /// until it is deleted. As much of the message is kept as fits the object's own memory, and 512
    /// bytes at most. It fails as [`MutableBuffer::seal`] does.
    ///
    /// [`Status::Failed`]: crate::Status::Failed
    pub fn fail(self, message: &str) -> std::result::Result<(), EndError> {
        self.end(|session, writer| session.fail(&session.begin_on_buffer(NO_WAIT), writer, message))
    }

    #[inline(always)]
    fn take_writer(&self) -> Result<TakenWriter> {
        if self.handles.forked() {
            return Err(forked());
        }
        self.handles.take_writer(self.handle).ok_or_else(stale_handle_error)
    }

    fn with_writer<T>(
        &mut self,
        call: impl FnOnce(&Session, &mut ObjectWriter) -> Result<T>,
    ) -> Result<T> {
        let mut taken = self.take_writer()?;
        let outcome = call(self.handles.session(), &mut taken.writer);
        // The bytes in a C struct may be out of date.
        self.bytes = taken.writer.bytes;
        self.handles.put_writer(self.handle, taken);
        outcome
    }

    /// Runs a call that consumes the buffer: on success the entry is closed, on failure the error
    /// returns the buffer.
    #[inline(always)]
    fn end<T>(
        mut self,
        call: impl FnOnce(&Session, &ObjectWriter) -> Result<T>,
    ) -> std::result::Result<T, EndError> {
        let taken = match self.take_writer() {
            Ok(taken) => taken,
            Err(error) => return Err(EndError { buffer: self, error }),
        };
        match call(self.handles.session(), &taken.writer) {
            Ok(value) => {
                let this = ManuallyDrop::new(self);
                this.handles.close_writer(this.handle, taken);
                Ok(value)
            }
            Err(error) => {
                self.bytes = taken.writer.bytes;
                self.handles.put_writer(self.handle, taken);
                Err(EndError { buffer: self, error })
            }
        }
    }

    /// The words of a C struct for this buffer. Never all zero.
    #[inline(always)]
    pub(crate) fn into_parts(self) -> [u64; 6] {
        let this = ManuallyDrop::new(self);
        let ptr = this.bytes.ptr.expose_provenance() as u64;
        let WriterHandle { index, serial } = this.handle;
        [serial, u64::from(this.handles.number()), ptr, this.bytes.len, u64::from(index), TAG]
    }

    /// The buffer behind the words of a C struct; `InvalidArgument` if the words are not a
    /// buffer's. The calls on the buffer find out whether it is live.
    #[inline(always)]
    pub(crate) fn from_parts(parts: &[u64; 6]) -> Result<ManuallyDrop<MutableBuffer>> {
        let [serial, number, ptr, len, index, tag] = *parts;
        let number = u32::try_from(number).map_err(|_| stale_handle_error())?;
        let handle =
            WriterHandle { index: u32::try_from(index).map_err(|_| stale_handle_error())?, serial };
        let handles =
            HandleTable::find(number).filter(|_| tag == TAG).ok_or_else(stale_handle_error)?;
        if handles.forked() {
            return Err(forked());
        }
        let bytes = BytesMut { ptr: std::ptr::with_exposed_provenance_mut(ptr as usize), len };
        Ok(ManuallyDrop::new(MutableBuffer { handles, handle, bytes }))
    }
}

impl Drop for MutableBuffer {
    fn drop(&mut self) {
        if !self.handles.forked() {
            // Without a writer, the buffer was sealed or aborted already.
            if let Some(taken) = self.handles.take_writer(self.handle) {
                self.handles.session().give_up(taken.writer.object);
                self.handles.close_writer(self.handle, taken);
            }
        }
    }
}

impl fmt::Debug for MutableBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MutableBuffer").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Why an object was neither sealed nor aborted, and its buffer, which is as it was.
///
/// `?` makes an [`Error`] of it and drops the buffer. To try again, take the buffer back:
///
/// ```
/// # use plasma::{Error, MutableBuffer, Status};
/// fn seal_or_give_back(writer: MutableBuffer) -> Result<Option<MutableBuffer>, Error> {
///     match writer.seal() {
///         Ok(()) => Ok(None),
///         Err(failed) if failed.error().status() == Status::Timeout => {
///             Ok(Some(failed.into_buffer()))
///         }
///         Err(failed) => Err(failed.into()),
///     }
/// }
/// ```
#[derive(Debug)]
pub struct EndError {
    buffer: MutableBuffer,
    error: Error,
}

impl EndError {
    /// Why the call failed.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The object, still being written.
    pub fn into_buffer(self) -> MutableBuffer {
        self.buffer
    }

    /// The buffer and the error.
    pub fn into_parts(self) -> (MutableBuffer, Error) {
        (self.buffer, self.error)
    }
}

impl fmt::Display for EndError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for EndError {}

impl From<EndError> for Error {
    /// Drops the buffer, which aborts the object.
    fn from(failed: EndError) -> Self {
        failed.error
    }
}
