//! The creator's view of an object until it is sealed.
#![allow(unsafe_code)] // a creator's own bytes become a slice

use crate::buffer::Buffer;
use crate::client::forked;
use crate::error::{Error, Result};
use crate::segment::BytesMut;
use crate::store::{Draft, Seat, Session, stale};
use std::fmt;
use std::mem::ManuallyDrop;

/// An object being written; dropping it aborts it.
///
/// One thread at a time may use it; it may move between threads. It outlives its client. New memory
/// holds whatever was there before, unless the object was created with `zeroed`.
pub struct MutableBuffer {
    seat: &'static Seat,
    serial: u64,
    bytes: BytesMut,
}

/// Marks the words of a C struct as a mutable buffer's.
const TAG: u64 = u64::from_le_bytes(*b"plasmaMB");

impl MutableBuffer {
    #[inline]
    pub(crate) fn new(seat: &'static Seat, draft: Draft) -> Self {
        let bytes = draft.bytes;
        Self { seat, serial: seat.open_draft(draft), bytes }
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

    /// Change the size, keeping the bytes; on failure all is as before.
    pub fn resize(&mut self, new_size: u64) -> Result<()> {
        self.bytes = self.with_draft(|session, draft| {
            session.resize(draft, new_size)?;
            Ok(draft.bytes)
        })?;
        Ok(())
    }

    /// Set or replace a metadata value; on failure all is as before.
    pub fn set_metadata(&mut self, key: &str, value: &[u8]) -> Result<()> {
        self.with_draft(|session, draft| session.set_metadata(draft, key, value))
    }

    /// Publish the object: from now on it never changes.
    pub fn seal(self) -> std::result::Result<(), (MutableBuffer, Error)> {
        let sealed = self.with_draft(|session, draft| session.seal(draft, None));
        self.end(sealed.map(drop))
    }

    /// Publish the object and hold it, with no gap between.
    pub fn seal_and_get(self) -> std::result::Result<Buffer, (MutableBuffer, Error)> {
        let sealed = self.seal_leased();
        self.end(sealed)
    }

    fn seal_leased(&self) -> Result<Buffer> {
        let seat = self.seat;
        self.with_draft(|session, draft| {
            let ticket = seat.claim()?;
            match session.seal(draft, Some(ticket.index)).and_then(|held| held.ok_or_else(stale)) {
                Ok(held) => Ok(Buffer::new(seat, ticket, held)),
                Err(error) => {
                    seat.release(ticket, |session| session.end_lease(ticket.index));
                    Err(error)
                }
            }
        })
    }

    /// Give the object up: its id, name and memory are free again.
    pub fn abort(self) -> std::result::Result<(), (MutableBuffer, Error)> {
        let aborted = self.with_draft(|session, draft| session.abort(draft));
        self.end(aborted)
    }

    fn with_draft<T>(&self, f: impl FnOnce(&Session, &mut Draft) -> Result<T>) -> Result<T> {
        if self.seat.forked() {
            return Err(forked());
        }
        let draft = self.seat.draft(self.serial).ok_or_else(stale)?;
        let mut draft = draft.lock();
        f(self.seat.session(), &mut draft)
    }

    /// After a call that consumes: on success the draft is forgotten, else the buffer goes back.
    fn end<T>(self, outcome: Result<T>) -> std::result::Result<T, (MutableBuffer, Error)> {
        match outcome {
            Ok(value) => {
                let this = ManuallyDrop::new(self);
                this.seat.close_draft(this.serial);
                Ok(value)
            }
            Err(error) => Err((self, error)),
        }
    }

    /// What a C struct keeps of this buffer. Never all zero.
    pub(crate) fn into_parts(self) -> [u64; 6] {
        let this = ManuallyDrop::new(self);
        [this.serial, u64::from(this.seat.number()), 0, 0, 0, TAG]
    }

    /// The buffer behind the words of a C struct; `InvalidArgument` for words of no live buffer.
    pub(crate) fn from_parts(parts: &[u64; 6]) -> Result<ManuallyDrop<MutableBuffer>> {
        let [serial, number, _, _, _, tag] = *parts;
        let number = u32::try_from(number).map_err(|_| stale())?;
        let seat = Seat::find(number).filter(|_| tag == TAG).ok_or_else(stale)?;
        if seat.forked() {
            return Err(forked());
        }
        let bytes = seat.draft(serial).ok_or_else(stale)?.lock().bytes;
        Ok(ManuallyDrop::new(MutableBuffer { seat, serial, bytes }))
    }
}

impl Drop for MutableBuffer {
    fn drop(&mut self) {
        if !self.seat.forked() {
            // Nothing to tell and nobody to tell it to: a draft that is gone was ended already.
            let _ = self.with_draft(|session, draft| {
                session.abort_or_abandon(draft);
                Ok(())
            });
            self.seat.close_draft(self.serial);
        }
    }
}

impl fmt::Debug for MutableBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MutableBuffer").field("len", &self.len()).finish_non_exhaustive()
    }
}
