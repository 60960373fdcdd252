//! After a cell the store is sound, and contains the objects of the model.

use super::api::*;
use super::common::{assert_sound, connect as rust_connect, content, get_checked, id, is_content};
use super::disturbances::Disturbance;
use super::expected::Situation;
use super::fixture::{After, Before, Fix, KEPT_OBJECTS, SIZE, Wait, many, target};
use super::run::{Cell, kept};
use plasma::ffi::*;
use plasma::{Client, EventKind, ObjectState, Status, Subscription};
use std::time::Duration;

/// Returns the state of the object in the model, after a call that returned `status`.
fn expected_state(cell: Cell, status: i32) -> ObjectState {
    let call = cell.call;
    if cell.situation == Situation::Waits && call.waits == Some(Wait::Seal) {
        // The other creator sealed it, whatever the call returned.
        return ObjectState::Sealed;
    }
    let before = match call.before {
        Before::Nothing | Before::News | Before::Many => ObjectState::Absent,
        Before::Sealed | Before::Pinned | Before::Held | Before::Lists => ObjectState::Sealed,
        Before::Writer => ObjectState::Writing,
    };
    match call.after {
        _ if status != OK => before,
        After::Same | After::Batch => before,
        After::Absent => ObjectState::Absent,
        After::Sealed => ObjectState::Sealed,
        After::Writing => ObjectState::Writing,
        After::Failed => ObjectState::Failed,
        After::Removed => ObjectState::Absent,
    }
}

/// Checks everything. `gone`: the client was disconnected.
pub fn judge(
    cell: Cell,
    mut fix: Fix,
    gone: bool,
    status: i32,
    (helper, news): (Client, Subscription),
) {
    let removed = cell.call.after == After::Removed && status == OK;
    let there = !removed && cell.disturbance.leaves_a_store();
    // Buffers that it returned have the right bytes, and can be released.
    for mut got in fix.got.drain(..).chain([fix.held]) {
        if !got.data.is_null() {
            assert!(is_content(&target(), bytes(got.data, got.size)), "a buffer has other bytes");
            assert_eq!(plasma_release(Some(&mut got)), OK);
        }
    }
    if there {
        look(cell, &fix, status, &helper);
        hear(cell, status, &helper, &news);
    }
    if !fix.writer.data.is_null() {
        let aborted = plasma_abort(Some(&mut fix.writer));
        assert!(aborted == OK || !there, "abort: {}", status_name(aborted));
    }
    plasma_unsubscribe(fix.news);
    plasma_list_free(fix.list);
    plasma_client_list_free(fix.clients);
    if !gone && !fix.ended {
        plasma_disconnect(fix.client.0);
    }
    if let Some(made) = fix.made {
        plasma_disconnect(made.0);
    }
    if !there {
        if removed || cell.disturbance == Disturbance::Remove {
            let there = std::path::Path::new(fix.address.to_str().unwrap()).exists();
            assert!(!there, "the store was removed, and its directory is there");
        }
        return;
    }
    empty(helper);
}

fn look(cell: Cell, fix: &Fix, status: i32, helper: &Client) {
    let what = format!("after {}", status_name(status));
    assert_sound(helper, &what);
    for n in 0..KEPT_OBJECTS {
        let kept = get_checked(helper, &kept(n));
        assert!(kept.is_some_and(|kept| kept.len() == 500 + n as usize), "{what}: kept object {n}");
    }
    let right = expected_state(cell, status);
    let lru_took_it = cell.kind == super::fixture::StoreKind::Lru && right == ObjectState::Sealed;
    let state = helper.contains(&target()).unwrap();
    assert!(state == right || lru_took_it, "{what}: the object is {state:?}, not {right:?}");
    if state == ObjectState::Sealed {
        let object = get_checked(helper, &target()).unwrap();
        assert!([SIZE, 9000].contains(&object.len()));
    }
    let pins = match (cell.call.name, status) {
        ("plasma_pin", OK) => Some(true),
        ("plasma_unpin", OK) => Some(false),
        ("plasma_pin", _) => Some(false),
        ("plasma_unpin", _) => Some(true),
        _ => None,
    };
    if let Some(pinned) = pins {
        let info = helper.object_info(&target()).unwrap();
        assert_eq!(info.pinned, pinned, "{what}");
    }
    if cell.call.after == After::Batch {
        let first = fix.statuses.iter().find(|status| **status != OK).copied().unwrap_or(OK);
        assert_eq!(status, first, "the first failure of {:?}", fix.statuses);
        for (id, status) in many().zip(&fix.statuses) {
            let sealed = (*status == OK) == (cell.call.name == "plasma_put_many");
            let right = if sealed { ObjectState::Sealed } else { ObjectState::Absent };
            assert_eq!(helper.contains(&id).unwrap(), right, "{what}: {:?}", fix.statuses);
        }
        // The status that ended the call is that of all objects after it.
        let ends = [DISCONNECTED, INTERRUPTED, STORE_GONE, FORKED];
        if let Some(at) = fix.statuses.iter().position(|status| ends.contains(status)) {
            assert!(fix.statuses[at..].iter().all(|it| *it == fix.statuses[at]));
        }
    }
}

/// Checks that the last event of the object is that of its last change, and that an unchanged object
/// has no event.
fn hear(cell: Cell, status: i32, helper: &Client, news: &Subscription) {
    let mut last = None;
    loop {
        match news.next(Some(Duration::ZERO)) {
            // A client died, or was slow: events may be missing.
            Ok(event) if event.kind == EventKind::Lost => return,
            Ok(event) if event.id == target() => last = Some(event.kind),
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.status(), Status::Timeout);
                break;
            }
        }
    }
    let before = match cell.call.before {
        Before::Nothing | Before::News | Before::Many | Before::Writer => None,
        Before::Sealed | Before::Pinned | Before::Held | Before::Lists => Some(EventKind::Sealed),
    };
    let waited = cell.situation == Situation::Waits && cell.call.waits == Some(Wait::Seal);
    let right = match (cell.call.after, status, helper.contains(&target()).unwrap()) {
        _ if waited => Some(EventKind::Sealed),
        (After::Sealed, OK, _) => Some(EventKind::Sealed),
        (After::Failed, OK, _) => Some(EventKind::Failed),
        (After::Absent, OK, ObjectState::Absent) => Some(match cell.call.name {
            "plasma_abort" => EventKind::Aborted,
            "plasma_evict" => EventKind::Evicted,
            _ => EventKind::Deleted,
        }),
        // It was created, and aborted again.
        _ if last == Some(EventKind::Aborted) && before.is_none() && status != OK => last,
        _ => before,
    };
    // The subscription begins before a waiting call, and after the objects of the other clients
    // exist.
    let since = if before.is_some() && right == before && !waited { None } else { right };
    assert_eq!(last, since, "the last event, after {}", status_name(status));
}

/// Checks that everything can be deleted, and that nothing is left then: no byte, no lease, no
/// object.
fn empty(helper: Client) {
    let address = helper.address().to_str().unwrap().to_owned();
    let fresh = rust_connect(&address);
    drop(helper);
    for info in fresh.list().unwrap() {
        if info.state != ObjectState::Deleted {
            fresh.delete(&info.id).unwrap_or_else(|error| panic!("{info:?}: {error}"));
        }
    }
    fresh.reap().unwrap();
    let stats = fresh.stats().unwrap();
    let left = (stats.used, stats.leases, stats.objects_writing, stats.objects_deleted);
    assert_eq!(left, (0, 0, 0, 0), "{stats:?}");
    assert_eq!(stats.largest_free, stats.capacity, "{stats:?}");
    let probe = id(8, 0);
    fresh.put(&probe, &content(&probe, 1000), &Default::default()).unwrap();
    assert!(get_checked(&fresh, &probe).is_some());
    assert_sound(&fresh, "at the end");
}
