//! As much is used when nothing fits as with best fit.

use super::fixture::{Heap, got};

#[path = "../../../tests/common/traces.rs"]
mod traces;

use traces::{TRACES, best_fit, used_when_full};

#[test]
fn a_heap_is_as_full_when_nothing_fits_as_with_best_fit() {
    let mut missed = Vec::new();
    for trace in &TRACES {
        let heap = Heap::new(trace.capacity / 64, 50_000);
        let (alloc, best) = (heap.alloc(), best_fit(trace));
        let used = used_when_full(
            trace,
            |size| got(alloc.alloc(size.div_ceil(64), true)),
            |extent| alloc.free(extent).unwrap(),
        );
        println!("{}: {used:.4} of the heap is used, with best fit {best:.4}", trace.name);
        if used < 0.98 * best {
            missed.push((trace.name, used, best));
        }
        alloc.check().unwrap();
    }
    assert!(missed.is_empty(), "less than 98 % of what best fit uses: {missed:?}");
}
