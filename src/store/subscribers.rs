//! The subscriptions of this client, as far as others have to know of them.

use crate::error::{Error, Result, Status};
use crate::store::session::Session;
use crate::sync::local::Ordering::Relaxed;

impl Session {
    /// Notes a subscription, before its cursor begins. From here on all clients append events.
    pub fn begin_subscription(&self) -> Result<()> {
        if !self.may_register() {
            return match self.segment.facts.foreign_readers() {
                // Events are appended in any case.
                true => Ok(()),
                false => Err(Error::new(
                    Status::Permission,
                    "a client that subscribes writes to the file wake, which is not allowed here",
                )),
            };
        }
        let mut count = self.subscriptions.lock();
        // The slot may belong to another client.
        if self.left.load(Relaxed) {
            return Err(Error::plain(Status::Disconnected));
        }
        if *count == 0 {
            self.segment.subscribers().enter(self.own.slot);
        }
        *count += 1;
        Ok(())
    }

    /// Notes the end of a subscription.
    pub fn end_subscription(&self) {
        let mut count = self.subscriptions.lock();
        if *count > 0 {
            *count -= 1;
            if *count == 0 {
                self.segment.subscribers().leave(self.own.slot);
            }
        }
    }

    /// Notes the end of all subscriptions, before the client leaves.
    pub fn end_subscriptions(&self) {
        if std::mem::take(&mut *self.subscriptions.lock()) > 0 {
            self.segment.subscribers().leave(self.own.slot);
        }
    }
}
