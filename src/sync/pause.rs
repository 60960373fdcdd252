//! Hooks at the points that one thread passes: a test pauses there, and lets others do something.
//!
//! Only the thread that set a hook meets it. The points within the hook are not seen by it, so it may
//! call the library. It must not unwind.

use super::kill::Point;
use std::cell::{Cell, RefCell};

type Hook = Box<dyn FnMut(Point) -> bool>;

thread_local! {
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
}

/// Calls `hook` at each point that this thread passes from now on, kill points among them, until it
/// says `true`. It takes the place of an earlier hook.
pub fn at_points(hook: impl FnMut(Point) -> bool + 'static) {
    HOOK.set(Some(Box::new(hook)));
    WATCHED.set(true);
}

/// Calls `hook` at the `n`-th point that this thread passes from now on (1 is the next one).
pub fn at_point(n: u64, hook: impl FnOnce(Point) + 'static) {
    let (mut left, mut hook) = (n, Some(hook));
    at_points(move |point| {
        left = left.saturating_sub(1);
        if left == 0 {
            hook.take().into_iter().for_each(|hook| hook(point));
        }
        left == 0
    });
}

/// Forgets the hook of this thread; whether there was one that had not said `true`.
pub fn no_more_points() -> bool {
    WATCHED.set(false);
    HOOK.take().is_some()
}

/// Meets the hook of this thread.
#[inline]
#[track_caller]
pub fn pause_point(what: &'static str) {
    if WATCHED.get() {
        meet(Point::here(what));
    }
}

#[cold]
fn meet(point: Point) {
    WATCHED.set(false);
    let Some(mut hook) = HOOK.take() else { return };
    // The hook may have set another one.
    if !hook(point) && HOOK.with_borrow(Option::is_none) {
        HOOK.set(Some(hook));
        WATCHED.set(true);
    }
}
