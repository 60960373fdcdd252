//! Writers: the objects that this client is writing.

use crate::error::{Error, Result, Status};
use crate::layout::record::Record;
use crate::layout::word::{RecordWord, State};
use crate::segment::BytesMut;
use crate::store::objects::metadata::Metadata;
use crate::store::session::Session;

/// The identity of an object that is being written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unsealed {
    /// Its slot.
    pub slot: u32,
    /// The generation of the slot since the creation.
    pub generation: u32,
}

/// The state of a writer.
#[derive(Debug)]
pub struct ObjectWriter {
    /// The object.
    pub object: Unsealed,
    /// Name and metadata so far.
    pub metadata: Metadata,
    /// Its bytes.
    pub bytes: BytesMut,
}

impl Session {
    /// The record of a writer's object and its word, which is WRITING.
    #[inline]
    pub fn load_writing(&self, object: Unsealed) -> Result<(&Record, RecordWord)> {
        let record = self.record(object.slot)?;
        let word = record.load();
        if word.generation() != object.generation || !word.is(State::Writing) {
            return Err(Error::new(
                Status::Corrupt,
                "another client took an object that this client is writing",
            ));
        }
        Ok((record, word))
    }
}

#[cold]
pub fn lost_error() -> Error {
    Error::new(Status::Corrupt, "another client changed an object that this client is writing")
}
