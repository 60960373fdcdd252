//! The subscriptions of this client, as far as others have to know of them.

use crate::error::{Error, Result, Status};
use crate::store::session::Session;

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
        match self.segment.subscribers().begin(self.own.slot, &self.subscriptions) {
            true => Ok(()),
            false => Err(Error::plain(Status::Disconnected)),
        }
    }

    /// Notes the end of a subscription.
    pub fn end_subscription(&self) {
        if self.may_register() {
            self.segment.subscribers().end(self.own.slot, &self.subscriptions);
        }
    }

    /// Notes the end of all subscriptions, before the client leaves.
    pub fn end_subscriptions(&self) {
        if self.may_register() {
            self.segment.subscribers().end_all(self.own.slot, &self.subscriptions);
        }
    }
}
