//! Get an object, or create it.

use crate::error::{Error, Result, Status};
use crate::id::ObjectId;
use crate::layout::word::State;
use crate::options::CreateOptions;
use crate::protocols::index::Key;
use crate::protocols::wake::Slices;
use crate::store::call::Call;
use crate::store::handles::table::{Handle, HandleTable};
use crate::store::objects::held::{GetOutcome, Held};
use crate::store::objects::writer::ObjectWriter;
use crate::store::session::Session;
use crate::store::wait::Progress;
use crate::sys::clock;

/// The outcome of get or create.
pub enum GotOrCreated {
    /// The object existed.
    Got(Handle, Held),
    /// The caller creates it.
    Made(ObjectWriter),
}

impl Session {
    /// Gets the object with this key, or creates it with this id if it is absent; waits while
    /// another client writes it. The options have the name of a key by name.
    pub fn get_or_create(
        &self,
        call: &Call<'_>,
        handles: &HandleTable,
        key: &Key,
        id: &ObjectId,
        size: u64,
        options: &CreateOptions<'_>,
    ) -> Result<GotOrCreated> {
        self.ensure_writable()?;
        let taken = match key {
            Key::Id(_) => Status::Exists,
            Key::Name(_) => Status::NameExists,
        };
        loop {
            if let GetOutcome::Held(handle, held) = self.get_now(handles, key)? {
                return Ok(GotOrCreated::Got(handle, held));
            }
            match self.create(call, id, size, options) {
                Ok(writer) => return Ok(GotOrCreated::Made(writer)),
                Err(error) if error.status() == taken => {}
                Err(error) => return Err(error),
            }
            if call.deadline().is_some_and(|deadline| clock::monotonic_ns() >= deadline) {
                // The object was sealed or given up in between: no wait is needed.
                match self.find_live(call, key, &mut None)? {
                    Some(hit) if hit.word.is(State::Writing) => {
                        let status = if call.waits() { Status::Timeout } else { Status::NotSealed };
                        return Err(Error::plain(status));
                    }
                    _ => continue,
                }
            }
            // New slices for each creator: if several creators die in succession, each death is
            // noticed soon.
            let slices = Slices::staggered(self.own.slot);
            self.wait_in_slices(call, &[self.topic(key)], slices, || {
                let hit = self.find_live(call, key, &mut None)?;
                let writing = hit.is_some_and(|hit| hit.word.is(State::Writing));
                Ok(Progress::of((!writing).then_some(()), true))
            })?;
        }
    }
}
