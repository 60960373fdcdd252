//! Wait until some of many objects are sealed, or failed.

use crate::error::{Error, Result, Status};
use crate::id::ObjectId;
use crate::info::WaitOutcome;
use crate::layout::record::IdWords;
use crate::protocols::index::Key;
use crate::store::call::Call;
use crate::store::session::Session;
use crate::store::wait::Progress;
use crate::support::fallible;

impl Session {
    /// Waits until `num_ready` of the ids (0: all) are sealed, or failed. Fills `ready`.
    pub fn wait_ready(
        &self,
        call: &Call<'_>,
        ids: &[ObjectId],
        num_ready: usize,
        ready: &mut [bool],
    ) -> Result<WaitOutcome> {
        self.ensure_open()?;
        if num_ready > ids.len() || ready.len() < ids.len() {
            return Err(Error::new(
                Status::InvalidArgument,
                format!("num_ready {num_ready} is greater than the number of ids, {}", ids.len()),
            ));
        }
        let wanted = if num_ready == 0 { ids.len() } else { num_ready };
        let keys = fallible::collect(ids.iter().map(|id| Key::Id(IdWords::from(id))))?;
        let mut seen = fallible::repeat(None, keys.len())?;
        let mut aborted = fallible::repeat(false, keys.len())?;
        let mut count = 0;
        let mut step = |thorough: bool| -> Result<Progress<()>> {
            let before = std::mem::take(&mut count);
            let mut creator = false;
            for (i, key) in keys.iter().enumerate() {
                ready[i] = self.find_settled(key)?.is_some();
                count += usize::from(ready[i]);
                if ready[i] || !thorough {
                    continue;
                }
                match self.find_live(call, key, &mut seen[i]) {
                    Err(error) if error.status() == Status::Aborted => aborted[i] = true,
                    other => creator |= other?.is_some(),
                }
            }
            let lost = (0..keys.len()).filter(|&i| aborted[i] && !ready[i]).count();
            if count < wanted && keys.len() - lost < wanted {
                return Err(Error::plain(Status::Aborted));
            }
            if count >= wanted {
                return Ok(Progress::Done(()));
            }
            Ok(Progress::Pending { creator, advanced: count > before })
        };
        if matches!(step(false)?, Progress::Done(())) || !call.waits() {
            return Ok(WaitOutcome { ready: count, enough: count >= wanted });
        }
        let topics = self.topics(keys.iter().copied())?;
        match self.wait_until(call, &topics, || step(true)) {
            Ok(()) => Ok(WaitOutcome { ready: count, enough: true }),
            Err(error) if error.status() == Status::Timeout => {
                Ok(WaitOutcome { ready: count, enough: false })
            }
            Err(error) => Err(error),
        }
    }
}
