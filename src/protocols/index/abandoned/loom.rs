//! One creator that gives an object up, beside owners of the lock.

use super::*;
use crate::protocols::index::fixture::Table;
use ::loom::sync::Arc;
use ::loom::thread;

struct World {
    table: Table,
    count: AtomicU64,
}

impl World {
    fn abandoned(&self) -> Abandoned<'_> {
        Abandoned { count: &self.count }
    }

    /// Does what each owner of the lock does first.
    fn hold_lock(&self) {
        if !self.abandoned().any() {
            return;
        }
        self.abandoned().take();
        let record = &self.table.index().records[0];
        let word = record.load();
        if word.is(State::Writing) && word.has(RecordWord::ABANDONED) {
            let free = RecordWord::new(word.generation() + 1, 0, State::Free);
            record.swap(word, free).unwrap();
        }
    }
}

#[test]
fn an_abandoned_object_is_freed_by_the_next_owner_of_the_lock() {
    ::loom::model(|| {
        let world = World { table: Table::new(1, 1), count: AtomicU64::new(0) };
        let writing = RecordWord::new(1, 0, State::Writing);
        let record = &world.table.index().records[0];
        record.swap(record.load(), writing).unwrap();
        let world = Arc::new(world);
        let creator = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                let record = &world.table.index().records[0];
                assert!(world.abandoned().give_up(record, 1));
                assert!(!world.abandoned().give_up(record, 1), "once only");
            })
        };
        world.hold_lock();
        creator.join().unwrap();
        world.hold_lock();
        let word = world.table.index().records[0].load();
        assert!(word.is(State::Free) && word.generation() == 2);
    });
}
