//! Hooks at the points that one thread passes: a test pauses the thread there and runs other code.
//!
//! A hook is called only in the thread that set it. It is not called for points within the hook
//! itself, so it may use the library. It must not unwind.

use super::kill::Point;
use std::cell::{Cell, RefCell};

type Hook = Box<dyn FnMut(Point) -> bool>;

thread_local! {
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
}

/// Calls `hook` at each point that this thread passes from now on, including kill points, until the
/// hook returns `true`. It replaces an earlier hook.
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

/// Removes the hook of this thread. Returns whether there was one that had not returned `true`.
pub fn no_more_points() -> bool {
    WATCHED.set(false);
    HOOK.take().is_some()
}

/// Calls the hook of this thread.
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
    // The hook may have set another hook.
    if !hook(point) && HOOK.with_borrow(Option::is_none) {
        HOOK.set(Some(hook));
        WATCHED.set(true);
    }
}
