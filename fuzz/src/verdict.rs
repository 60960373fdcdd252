//! The answers that are allowed.

use crate::edit::Effect;
use plasma::{Error, Status};

/// Returns whether a call may return this status after edits of this effect.
pub fn judge(call: &str, effect: Effect, error: &Error) {
    use Status::*;
    let status = error.status();
    let right = match (effect, status) {
        // Each would be a defect, or is the answer to an argument that these calls do not pass.
        (_, Ok | InvalidArgument | ReadOnly | Forked | Disconnected) => false,
        // The alarm of libFuzzer, which rings while a call waits.
        (_, Interrupted) => true,
        (_, Internal | System | Unsupported | StoreExists | Mismatch) => false,
        (Effect::Harmful, _) | (Effect::Opaque, Corrupt) => true,
        (
            Effect::Harmless | Effect::Opaque,
            Corrupt | Version | NotAStore | StoreGone | StoreNotFound,
        ) => false,
        (Effect::Harmless | Effect::Opaque, Permission | Timeout) => false,
        (Effect::Harmless | Effect::Opaque, _) => true,
    };
    assert!(right, "{call} after {effect:?} edits: {status:?}: {error}");
}

/// Checks that all of `bytes` lie in the mapping of a heap, and reads them.
pub fn in_heap(what: &str, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let (from, to) = (bytes.as_ptr() as usize, bytes.as_ptr() as usize + bytes.len());
    let maps = std::fs::read_to_string("/proc/self/maps").expect("proc is mounted");
    let found = maps.lines().any(|line| {
        let range = line.split(' ').next().and_then(|range| range.split_once('-'));
        let number = |text: &str| usize::from_str_radix(text, 16).unwrap_or(0);
        let inside = range.is_some_and(|(a, b)| number(a) <= from && to <= number(b));
        inside && line.trim_end_matches(" (deleted)").ends_with("/heap")
    });
    assert!(found, "{what}: {from:x} to {to:x} is no heap:\n{maps}");
    std::hint::black_box(bytes.iter().fold(0u8, |sum, byte| sum ^ byte));
}
