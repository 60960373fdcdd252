//! Events of a store.
#![allow(unsafe_code)] // `unsafe impl Growing`, and the names of C functions

use super::client::{client_arg, plasma_client_t};
use super::id::plasma_id_t;
use super::raw::{self, Growing};
use super::status::{plasma_status_t, run};
use super::{arg, timeout};
use crate::client::end;
use crate::subscription::{Event, EventKind, Subscription};
use std::ffi::{c_char, c_int};
use std::mem::MaybeUninit;

/// The type of an event. The numbers are frozen; new ones may be added.
#[repr(C)]
#[derive(Clone, Copy)]
pub enum plasma_event_type {
    /// An object was sealed.
    PLASMA_EVENT_SEALED = 1,
    /// An object was deleted.
    PLASMA_EVENT_DELETED = 2,
    /// An object was evicted.
    PLASMA_EVENT_EVICTED = 3,
    /// An unsealed object was aborted by its creator, or the creator died.
    PLASMA_EVENT_ABORTED = 4,
    /// lost_count events were lost; list the objects again.
    PLASMA_EVENT_LOST = 5,
    /// The creator of an object ended it with plasma_fail().
    PLASMA_EVENT_FAILED = 6,
}

const _: () = {
    assert!(plasma_event_type::PLASMA_EVENT_SEALED as i32 == EventKind::Sealed as i32);
    assert!(plasma_event_type::PLASMA_EVENT_DELETED as i32 == EventKind::Deleted as i32);
    assert!(plasma_event_type::PLASMA_EVENT_EVICTED as i32 == EventKind::Evicted as i32);
    assert!(plasma_event_type::PLASMA_EVENT_ABORTED as i32 == EventKind::Aborted as i32);
    assert!(plasma_event_type::PLASMA_EVENT_LOST as i32 == EventKind::Lost as i32);
    assert!(plasma_event_type::PLASMA_EVENT_FAILED as i32 == EventKind::Failed as i32);
};

/// An event of a store. Initialize with PLASMA_EVENT_INIT. Grows.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct plasma_event_t {
    /// sizeof(plasma_event_t)
    pub struct_size: u32,
    /// PLASMA_EVENT_*; ignore types that you do not know.
    pub r#type: i32,
    /// Position of the event among the events of the store.
    pub sequence: u64,
    /// Time of the event, in microseconds since the Unix epoch.
    pub time_us: i64,
    /// Id of the object; all zeros for LOST.
    pub id: plasma_id_t,
    /// Always 0.
    pub padding: u32,
    /// Size of the object's data in bytes.
    pub data_size: u64,
    /// For LOST the number of lost events, else 0.
    pub lost_count: u64,
    /// Size of the object's metadata, as in plasma_object_info_t.
    pub metadata_size: u64,
}

const _: () = assert!(size_of::<plasma_event_t>() == 72);

// SAFETY: repr(C), `struct_size` first, integers only, no padding (the asserted size is the sum).
unsafe impl Growing for plasma_event_t {
    const TYPE: &'static str = "plasma_event_t";
    const INIT: &'static str = "PLASMA_EVENT_INIT";
    const MIN_SIZE: usize = 8;
}

impl From<&Event> for plasma_event_t {
    fn from(event: &Event) -> Self {
        Self {
            struct_size: size_of::<Self>() as u32,
            r#type: event.kind as i32,
            sequence: event.sequence,
            time_us: event.time_us,
            id: event.id.into(),
            padding: 0,
            data_size: event.data_size,
            lost_count: event.lost_count,
            metadata_size: event.metadata_size,
        }
    }
}

/// A reader of the events of a store, with a position of its own.
///
/// Lifetime: from plasma_subscribe() to plasma_unsubscribe(). May outlive the
///           client, but then its calls return DISCONNECTED.
/// Threads:  any number at once; each event goes to one of them.
/// Fork:     every call in the child returns FORKED.
#[derive(Debug)]
pub struct plasma_subscription_t(Subscription);

const fn shared_by_threads<T: Send + Sync>() {}
const _: () = shared_by_threads::<plasma_subscription_t>();

/// Subscribe to the events of a store, from now on.
///
/// To miss nothing, subscribe first and list the objects afterwards.
///
/// @param client        borrowed.
/// @param subscription  written; end it with plasma_unsubscribe().
///
/// @retval PLASMA_OK
///
/// Threads: any.   Cost: negligible.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_subscribe(
    client: Option<&plasma_client_t>,
    subscription: Option<&mut MaybeUninit<*mut plasma_subscription_t>>,
) -> plasma_status_t {
    run(|| {
        let (client, subscription) = (client_arg(client)?, arg(subscription, "subscription")?);
        subscription.write(raw::to_handle(plasma_subscription_t(client.subscribe()?)));
        Ok(())
    })
}

/// Subscribe to the events of objects whose names match a pattern.
///
/// The name is read when the event is taken: that an object was deleted, evicted
/// or aborted matches no pattern. PLASMA_EVENT_LOST comes whatever was lost.
///
/// @param client        borrowed.
/// @param pattern       borrowed; as in plasma_list_matching().
/// @param subscription  written; end it with plasma_unsubscribe().
///
/// @retval PLASMA_OK
///
/// Threads: any.   Cost: negligible; each event that is passed over costs a
/// system call.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_subscribe_matching(
    client: Option<&plasma_client_t>,
    pattern: *const c_char,
    subscription: Option<&mut MaybeUninit<*mut plasma_subscription_t>>,
) -> plasma_status_t {
    run(|| {
        let (client, subscription) = (client_arg(client)?, arg(subscription, "subscription")?);
        let pattern = raw::required_text(pattern, "pattern")?;
        let made = plasma_subscription_t(client.subscribe_matching(pattern)?);
        subscription.write(raw::to_handle(made));
        Ok(())
    })
}

/// Take the next event, and wait until there is one.
///
/// A subscriber that is too slow gets one PLASMA_EVENT_LOST in place of the
/// events that were overwritten.
///
/// @param subscription  borrowed.
/// @param timeout_ms    in milliseconds; 0 does not wait, -1 waits forever.
/// @param event         written, up to its struct_size.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_TIMEOUT       no event in time, also if timeout_ms is 0
/// @retval PLASMA_ERR_DISCONNECTED  the client was disconnected
///
/// Threads: any.   Cost: no system call if there is an event.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_next_event(
    subscription: Option<&plasma_subscription_t>,
    timeout_ms: i64,
    event: *mut plasma_event_t,
) -> plasma_status_t {
    run(|| {
        let (subscription, event) =
            (arg(subscription, "subscription")?, raw::output(event, "event")?);
        event.write(&(&subscription.0.next(timeout(timeout_ms)?)?).into());
        Ok(())
    })
}

/// Get a file descriptor, for poll and epoll, that is readable while events
/// wait.
///
/// Do not read from it: take events with plasma_next_event() and timeout 0 until
/// TIMEOUT. The first call starts one helper thread with all signals blocked.
///
/// @param subscription  borrowed.
/// @param fd            written; owned by the library, which closes it in
///                      plasma_unsubscribe().
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_LIMIT  too many open files or threads
///
/// Threads: any.   Cost: some system calls in the first call; then negligible.
/// Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_event_fd(
    subscription: Option<&plasma_subscription_t>,
    fd: Option<&mut MaybeUninit<c_int>>,
) -> plasma_status_t {
    run(|| {
        let (subscription, fd) = (arg(subscription, "subscription")?, arg(fd, "fd")?);
        fd.write(subscription.0.fd()?);
        Ok(())
    })
}

/// End a subscription.
///
/// @param subscription  consumed; NULL is a no-op. No other thread may be in a
///                      call with it.
///
/// Threads: any.   Cost: joins the helper thread, if there is one.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_unsubscribe(subscription: *mut plasma_subscription_t) {
    end(|| raw::free_handle(subscription));
}
