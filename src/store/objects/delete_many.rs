//! Delete many objects: a piece of them under one acquisition of the writer lock.

use crate::error::{Error, Result, Status};
use crate::id::ObjectId;
use crate::layout::record::IdWords;
use crate::layout::word::State;
use crate::protocols::index::Key;
use crate::store::batch::{Changes, Each, PIECE};
use crate::store::call::Call;
use crate::store::session::Session;

impl Session {
    /// Deletes many objects, each as by [`Session::delete`].
    pub fn delete_many(&self, call: &Call<'_>, ids: &[ObjectId], each: Each<'_>) {
        let piece = &mut |from: usize, each: Each<'_>| {
            let ids = &ids[from..ids.len().min(from + PIECE)];
            self.delete_piece(call, ids, &mut |at, deleted| each(from + at, deleted)).unwrap_or(0)
        };
        let one = &mut |at: usize| self.delete(call, &Key::Id(IdWords::from(&ids[at])));
        call.run_batch(ids.len(), piece, one, each);
    }

    /// Deletes the first of these objects, and returns their number. A piece ends before an object
    /// that is being written.
    fn delete_piece(&self, call: &Call<'_>, ids: &[ObjectId], each: Each<'_>) -> Result<usize> {
        self.ensure_writable()?;
        let mut locked = self.lock(call)?;
        let announcement = self.begin_announcement();
        // All are found before the first one is changed, so that the processor waits for their
        // records at once.
        let index = self.segment.index();
        let (mut hits, mut found) = ([None; PIECE], 0);
        for (id, place) in ids.iter().zip(&mut hits) {
            if let Some(hit) = locked.find_in(&index, &Key::Id(IdWords::from(id))) {
                let Ok(record) = self.record(hit.slot) else { break };
                if hit.word.is(State::Writing) {
                    break;
                }
                *place = Some((hit, record.sizes(hit.word)));
            }
            found += 1;
        }
        let (mut gone, mut count) = (Changes::default(), 0);
        for (id, hit) in ids.iter().zip(&hits[..found]) {
            if let Some((hit, sizes)) = *hit {
                // An id that is there twice is gone now.
                if call.ensure_not_ended().is_err() || locked.doom_in(&index, hit).is_err() {
                    break;
                }
                gone.push(id, sizes);
            }
            count += 1;
        }
        drop(locked);
        let mut reclaimed = Ok(());
        if gone.len() > 0 {
            self.notify_all_deleted(&gone);
            drop(announcement);
            reclaimed = self.reclaim_for_deletes(call, gone.sizes().map(|sizes| sizes.data));
        }
        let last = hits[..count].iter().rposition(Option::is_some);
        for (at, hit) in hits[..count].iter().enumerate() {
            let deleted = match hit {
                // As after a single delete, the object is deleted whatever the scan found.
                Some(_) if Some(at) == last => std::mem::replace(&mut reclaimed, Ok(())),
                Some(_) => Ok(()),
                None => Err(Error::plain(Status::NotFound)),
            };
            each(at, deleted);
        }
        Ok(count)
    }
}
