//! Subscriptions: the events of a store.

use crate::error::{Result, Status};
use crate::id::ObjectId;
use crate::layout::event;
use crate::protocols::events::{self, Cursor, Poll};
use crate::protocols::wake::Topic;
use crate::store::{Progress, Session};
use crate::support::pattern::Pattern;
use crate::sync::local::{AtomicBool, AtomicU32, Ordering::SeqCst};
use crate::sync::mutex::Mutex;
use crate::sys::event_fd::EventFd;
use crate::sys::futex;
use crate::sys::thread::{CancelOff, Thread, spawn_quiet};
use once_cell::sync::OnceCell;
use std::fmt;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

/// The kinds of events.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// An object was sealed.
    Sealed = 1,
    /// An object was deleted.
    Deleted = 2,
    /// An object was evicted.
    Evicted = 3,
    /// An unsealed object was aborted.
    Aborted = 4,
    /// Events were lost; list the objects again.
    Lost = 5,
    /// The creator of an object failed.
    Failed = 6,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// The kind of the event.
    pub kind: EventKind,
    /// The position in the store's events.
    pub sequence: u64,
    /// The time, in microseconds since the Unix epoch.
    pub time_us: i64,
    /// The object.
    pub id: ObjectId,
    /// The bytes of data of the object.
    pub data_size: u64,
    /// The number of lost events, for `Lost`.
    pub lost_count: u64,
    /// The bytes of metadata of the object.
    pub metadata_size: u64,
}

/// A private cursor on a store's events.
///
/// It outlives its client: then `next` returns [`Status::Disconnected`].
pub struct Subscription {
    shared: Arc<Shared>,
    pump: OnceCell<Pump>,
}

struct Shared {
    session: Arc<Session>,
    cursor: Mutex<Cursor>,
    /// Events of objects with other names are passed over.
    pattern: Option<Pattern>,
    stop: AtomicBool,
}

/// The thread that makes the descriptor readable.
struct Pump {
    fd: Arc<EventFd>,
    turn: Arc<Turn>,
    thread: Option<Thread>,
}

/// Whose turn it is to act on the descriptor; a futex.
struct Turn(AtomicU32);

/// The reader's turn: the descriptor is readable.
const READER: u32 = 0;
/// The thread's turn: the reader has drained the descriptor.
const THREAD: u32 = 1;
/// The subscription ends.
const STOP: u32 = 2;
/// The thread has ended, and the descriptor stays readable.
const ENDED: u32 = 3;

impl Turn {
    /// Waits until the reader has drained the descriptor; `false` if the subscription ends.
    fn wait(&self) -> bool {
        loop {
            // SYNC pump-turn: SeqCst throughout; each side's work is done before it passes the
            // turn.
            match self.0.compare_exchange(THREAD, READER, SeqCst, SeqCst) {
                Ok(_) => return true,
                Err(READER) => drop(futex::wait_private(&self.0, READER, None)),
                Err(_) => return false,
            }
        }
    }

    /// Passes the turn after draining; whether the thread has ended instead.
    fn drained(&self) -> bool {
        // SYNC pump-turn: as above.
        let turn = self.0.compare_exchange(READER, THREAD, SeqCst, SeqCst);
        futex::wake_private(&self.0);
        turn == Err(ENDED)
    }

    fn end(&self, how: u32) {
        // SYNC pump-turn: as above.
        self.0.store(how, SeqCst);
        futex::wake_private(&self.0);
    }
}

impl Subscription {
    pub(crate) fn new(session: Arc<Session>, pattern: Option<Pattern>) -> Result<Self> {
        session.ensure_open()?;
        let ring = session.segment.events()?;
        session.begin_subscription()?;
        let cursor = Mutex::new(Cursor::at_end(&ring));
        let shared = Arc::new(Shared { session, cursor, pattern, stop: AtomicBool::new(false) });
        Ok(Self { shared, pump: OnceCell::new() })
    }

    /// Waits for the next event and returns it.
    pub fn next(&self, timeout: Option<Duration>) -> Result<Event> {
        let event = self.shared.next(timeout);
        // Not in a forked child: a thread that only the parent has may hold the lock on the cursor.
        if !self.shared.session.forked()
            && let Some(pump) = self.pump.get()
        {
            pump.settle(&self.shared);
        }
        event
    }

    /// A descriptor that is readable while an event is waiting. It belongs to the subscription. The
    /// first call starts the one thread that feeds it.
    pub fn fd(&self) -> Result<RawFd> {
        let _call = self.shared.session.begin(None)?;
        self.shared.session.ensure_open()?;
        let pump = self.pump.get_or_try_init(|| Pump::start(&self.shared))?;
        pump.fd.number().map_err(|errno| errno.because("the event descriptor was closed"))
    }
}

impl Shared {
    fn next(&self, timeout: Option<Duration>) -> Result<Event> {
        let session = &self.session;
        let call = session.begin(timeout)?;
        session.ensure_open()?;
        session.spin().probe(|| self.has_event().then_some(()));
        session.wait_until(&call, &[Topic::EVENTS], || {
            let ring = session.segment.events()?;
            let mut cursor = self.cursor.lock();
            loop {
                let sequence = cursor.next();
                return Ok(match cursor.poll(&ring) {
                    Poll::Empty => Progress::of(None, false),
                    Poll::Lost(count) => Progress::Done(Event::lost(sequence, count)),
                    Poll::Event(event) if !self.matches(&event) => continue,
                    Poll::Event(event) => Progress::Done(Event::from(event)),
                });
            }
        })
    }

    /// Whether `next` would return at once. Passes over events that do not match.
    fn has_event(&self) -> bool {
        let Ok(ring) = self.session.segment.events() else { return false };
        let mut cursor = self.cursor.lock();
        loop {
            let mut next = *cursor;
            match next.poll(&ring) {
                Poll::Empty => return false,
                Poll::Event(event) if !self.matches(&event) => *cursor = next,
                _ => return true,
            }
        }
    }

    /// Whether an event is of an object that the subscription is for.
    fn matches(&self, event: &events::Event) -> bool {
        let Some(pattern) = &self.pattern else { return true };
        let exists = matches!(event.kind, event::EventKind::Sealed | event::EventKind::Failed);
        exists && self.session.name_of(&event.id).is_some_and(|name| pattern.matches(&name))
    }
}

impl Pump {
    fn start(shared: &Arc<Shared>) -> Result<Self> {
        let cannot = |errno: crate::sys::Errno| errno.because("cannot make an event descriptor");
        let fd = Arc::new(EventFd::new().map_err(cannot)?);
        let turn = Arc::new(Turn(AtomicU32::new(READER)));
        let (shared, signal, mine) = (Arc::clone(shared), Arc::clone(&fd), Arc::clone(&turn));
        let thread = spawn_quiet(c"plasma-events", move || {
            while shared.wait_for_event() {
                signal.signal();
                if !mine.wait() {
                    return;
                }
            }
            // The descriptor stays readable: `next` returns the reason.
            mine.end(ENDED);
            signal.signal();
        })
        .map_err(cannot)?;
        Ok(Self { fd, turn, thread: Some(thread) })
    }

    /// After an event was taken: makes the descriptor unreadable if no more events wait.
    fn settle(&self, shared: &Shared) {
        if !shared.has_event() && shared.session.ensure_open().is_ok() {
            self.fd.drain();
            // If the thread has ended, the descriptor stays readable.
            if self.turn.drained() || shared.has_event() {
                self.fd.signal();
            }
        }
    }
}

impl Shared {
    /// Waits for an event; `false` if there will be no more.
    fn wait_for_event(&self) -> bool {
        loop {
            let Ok(call) = self.session.begin(None) else { return false };
            let waited = self.session.wait_until(&call, &[Topic::EVENTS], || {
                // SYNC pump-stop: SeqCst; set before the nudge.
                let stop = self.stop.load(SeqCst);
                Ok(Progress::of((stop || self.has_event()).then_some(!stop), false))
            });
            match waited {
                Ok(go_on) => return go_on,
                Err(error) if error.status() == Status::Interrupted => {}
                Err(_) => return false,
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if self.shared.session.forked() {
            // Another thread of the parent may have been using it during the fork, so the child
            // touches nothing.
            std::mem::forget((Arc::clone(&self.shared), self.pump.take()));
            return;
        }
        let _cancel = CancelOff::begin();
        // SYNC pump-stop: SeqCst; before the nudge.
        self.shared.stop.store(true, SeqCst);
        if let Some(Pump { fd, turn, thread }) = self.pump.take() {
            turn.end(STOP);
            self.shared.session.wake_own_waits();
            if let Some(thread) = thread {
                thread.join();
            }
            drop(fd);
        }
        self.shared.session.end_subscription();
    }
}

impl Event {
    fn lost(sequence: u64, lost_count: u64) -> Self {
        Self {
            kind: EventKind::Lost,
            sequence,
            time_us: crate::sys::clock::epoch_us(),
            id: ObjectId::default(),
            data_size: 0,
            lost_count,
            metadata_size: 0,
        }
    }
}

impl From<events::Event> for Event {
    fn from(event: events::Event) -> Self {
        let kind = match event.kind {
            event::EventKind::Sealed => EventKind::Sealed,
            event::EventKind::Deleted => EventKind::Deleted,
            event::EventKind::Evicted => EventKind::Evicted,
            event::EventKind::Aborted => EventKind::Aborted,
            event::EventKind::Gap => EventKind::Lost,
            event::EventKind::Failed => EventKind::Failed,
        };
        Self {
            kind,
            sequence: event.ticket,
            time_us: event.time_us,
            id: event.id,
            data_size: event.sizes.data,
            lost_count: 0,
            metadata_size: event.sizes.metadata,
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}
