//! Failures: the answer of an object whose creator could not make it.
//!
//! Its message is copied without a lease: the record's word, loaded again, decides whether the copy
//! counts. So a client that may take no more leases learns the reason too.

use crate::error::{Error, Result, Status};
use crate::layout::record::Record;
use crate::layout::word::{RecordWord, State};
use crate::protocols::index::Hit;
use crate::store::objects::metadata::MetadataView;
use crate::store::session::Session;
use crate::support::fallible;
use crate::sys::clock;

/// The most bytes of a message.
pub const MAX_MESSAGE: usize = 512;

/// More than the longest encoded name and metadata.
const MAX_TEXT: u64 = 2 << 20;

/// The key of metadata with the time, in microseconds since the Unix epoch, from which on a failure
/// is absent.
const EXPIRES: &str = "expires";

/// The answer of a FAILED object to a get.
pub enum Failure {
    /// FAILED, with the creator's message.
    Told(Error),
    /// Its time is over: the object counts as absent.
    Expired,
    /// The object is gone.
    Gone,
}

impl Session {
    /// The answer of an object that a lookup found FAILED.
    pub fn failure(&self, hit: Hit) -> Result<Failure> {
        let record = self.record(hit.slot)?;
        let expired = self.is_past(record, hit.word)?;
        let extent = record.data.load(hit.word.data_index());
        let len = extent.size.min(MAX_MESSAGE as u64) as usize;
        let mut message = [0; MAX_MESSAGE];
        // With a system call: the memory may be returned to the file system during the copy.
        self.segment.heap.copy_out(extent.offset(), &mut message[..len]);
        if !record.is_still(hit.word) {
            return Ok(Failure::Gone);
        }
        if expired {
            return Ok(Failure::Expired);
        }
        let len = message[..len].iter().position(|byte| *byte == 0).unwrap_or(len);
        let text = String::from_utf8_lossy(&message[..len]);
        Ok(Failure::Told(match &*text {
            "" => Error::plain(Status::Failed),
            text => Error::new(Status::Failed, text),
        }))
    }

    /// Whether an object is FAILED and counts as absent; `None` if it is gone.
    pub fn is_expired(&self, hit: Hit) -> Result<Option<bool>> {
        if !hit.word.is(State::Failed) {
            return Ok(Some(false));
        }
        let record = self.record(hit.slot)?;
        let expired = self.is_past(record, hit.word)?;
        Ok(record.is_still(hit.word).then_some(expired))
    }

    /// Whether the time in the metadata of a record is over. The caller checks that the record is
    /// still the same.
    fn is_past(&self, record: &Record, word: RecordWord) -> Result<bool> {
        let extent = record.meta.load(word.meta_index());
        if !word.has(RecordWord::TEXT) || extent.is_empty() || extent.size > MAX_TEXT {
            return Ok(false);
        }
        let mut bytes = fallible::repeat(0, extent.size as usize)?;
        self.segment.heap.copy_out(extent.offset(), &mut bytes);
        let mut pairs = MetadataView(&bytes).pairs().map_while(Result::ok);
        let value = pairs.find_map(|(key, value)| {
            (key.to_bytes() == EXPIRES.as_bytes()).then(|| std::str::from_utf8(value).ok())?
        });
        let until = value.and_then(|value| value.parse::<i64>().ok());
        Ok(until.is_some_and(|until| until <= clock::epoch_us()))
    }
}
