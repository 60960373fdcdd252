//! Get many objects with one deadline.

use crate::error::Result;
use crate::id::ObjectId;
use crate::layout::record::IdWords;
use crate::protocols::index::Key;
use crate::store::call::Call;
use crate::store::handles::table::{Handle, HandleTable};
use crate::store::objects::held::{GetOutcome, Held};
use crate::store::session::Session;
use crate::store::wait::Progress;
use crate::support::fallible;

impl Session {
    /// Gets many objects with one deadline: `each` is called once for each index.
    pub fn get_many(
        &self,
        call: &Call<'_>,
        handles: &HandleTable,
        ids: &[ObjectId],
        each: &mut dyn FnMut(usize, Result<(Handle, Held)>),
    ) -> Result<()> {
        self.ensure_open()?;
        match &self.quota {
            None => self.get_many_by(call, handles, ids, each, |key| self.get_now(handles, key)),
            Some(quota) => {
                let get_now = |key: &Key| self.get_counted(handles, key, quota);
                self.get_many_by(call, handles, ids, each, get_now)
            }
        }
    }

    fn get_many_by(
        &self,
        call: &Call<'_>,
        handles: &HandleTable,
        ids: &[ObjectId],
        each: &mut dyn FnMut(usize, Result<(Handle, Held)>),
        get_now: impl Fn(&Key) -> Result<GetOutcome>,
    ) -> Result<()> {
        let keys = fallible::collect(ids.iter().map(|id| Key::Id(IdWords::from(id))))?;
        let mut seen = fallible::repeat(None, keys.len())?;
        let mut pending: Vec<usize> = fallible::with_room(keys.len())?;
        for (i, key) in keys.iter().enumerate() {
            match get_now(key) {
                Ok(GetOutcome::Held(handle, held)) => each(i, Ok((handle, held))),
                Ok(_) => pending.push(i),
                Err(error) => each(i, Err(error)),
            }
        }
        if !call.waits() {
            for i in pending {
                each(i, self.get(call, handles, &keys[i]));
            }
            return Ok(());
        }
        if pending.is_empty() {
            return Ok(());
        }
        let topics = self.topics(pending.iter().map(|&i| &keys[i]))?;
        let waited = self.wait_until(call, &topics, || {
            let (mut creator, before) = (false, pending.len());
            pending.retain(|&i| match get_now(&keys[i]) {
                Ok(GetOutcome::Held(handle, held)) => {
                    each(i, Ok((handle, held)));
                    false
                }
                Ok(_) => match self.find_live(call, &keys[i], &mut seen[i]) {
                    Ok(hit) => {
                        creator |= hit.is_some();
                        true
                    }
                    Err(error) => {
                        each(i, Err(error));
                        false
                    }
                },
                Err(error) => {
                    each(i, Err(error));
                    false
                }
            });
            if pending.is_empty() {
                return Ok(Progress::Done(()));
            }
            Ok(Progress::Pending { creator, advanced: pending.len() < before })
        });
        if let Err(error) = waited {
            pending.iter().for_each(|&i| each(i, Err(error.clone())));
        }
        Ok(())
    }
}
