//! Creates and deletes of all sizes leave as few holes as best fit does, including everything
//! between a caller and the allocator: slots that keep their memory, deleted objects that are not
//! free yet, and memory that a trim returned.

mod common;
#[path = "common/traces.rs"]
mod traces;

use common::{Scratch, assert_sound, id, make};
use plasma::{CreateOptions, ObjectId, Status};
use traces::{TRACES, best_fit, used_when_full};

#[test]
fn a_store_is_as_full_when_nothing_fits_as_with_best_fit() {
    let mut missed = Vec::new();
    for trace in &TRACES {
        let scratch = Scratch::new();
        let client = make(&scratch.store("s"), trace.capacity, 16 << 10, false);
        let mut next = 0;
        let create = |size| -> Option<ObjectId> {
            next += 1;
            let id = id(1, next);
            if next % 4096 == 0 {
                client.trim(0).unwrap();
            }
            match client.create(&id, size, &CreateOptions::default()) {
                Ok(writer) => {
                    assert!(writer.seal().is_ok());
                    Some(id)
                }
                Err(error) if error.status() == Status::OutOfMemory => None,
                Err(error) => panic!("{error}"),
            }
        };
        let used = used_when_full(trace, create, |id| client.delete(&id).unwrap());
        let best = best_fit(trace);
        println!("{}: {used:.4} of the store is used, with best fit {best:.4}", trace.name);
        if used < 0.98 * best {
            missed.push((trace.name, used, best));
        }
        assert_sound(&client, trace.name);
    }
    assert!(missed.is_empty(), "less than 98 % of what best fit uses: {missed:?}");
}
