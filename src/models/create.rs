//! Two creators of one id or of one name.

use super::files::{Futex, locked};
use super::rt::{Arc, thread};
use crate::layout::record::{IdWords, NameHash};
use crate::layout::word::State;
use crate::protocols::index::Key;
use crate::protocols::index::fixture::{Table, id_in, name_in};
use crate::sync::AtomicU64;
use crate::sync::explore::explore;

struct Store {
    table: Table,
    lock: AtomicU64,
    futex: Futex,
}

impl Store {
    fn new() -> Arc<Self> {
        let (lock, futex) = (AtomicU64::new(0), Futex::default());
        Arc::new(Self { table: Table::new(2, 1), lock, futex })
    }

    /// `store/objects/placement.rs`, try_place. Returns whether the object was placed.
    fn create(&self, me: u16, id: IdWords, name: Option<NameHash>) -> bool {
        locked(&self.lock, &self.futex, me, || {
            let index = self.table.index();
            let taken = |key: Key| index.find(&key).unwrap().is_some();
            if taken(Key::Id(id)) || name.is_some_and(|name| taken(Key::Name(name))) {
                return false;
            }
            self.table.create(id, name, State::Writing);
            true
        })
    }

    /// Aborts what the creator is writing.
    fn abort(&self, me: u16, id: IdWords) {
        locked(&self.lock, &self.futex, me, || {
            let hit = self.table.index().find(&Key::Id(id)).unwrap().unwrap();
            self.table.index().unlink(hit.slot, hit.word).unwrap();
            self.table.slots().give(&self.table.index(), hit.slot, hit.word, 0).unwrap();
        });
    }
}

fn one_wins(ids: [IdWords; 2], name: Option<NameHash>) {
    explore(3, move || {
        let store = Store::new();
        let other = store.clone();
        let other = thread::spawn(move || other.create(1, ids[1], name));
        let first = store.create(0, ids[0], name);
        let second = other.join().unwrap();
        assert!(first != second, "{first} {second}");
        let winner = if first { ids[0] } else { ids[1] };
        assert!(store.table.index().find(&Key::Id(winner)).unwrap().is_some());
    });
}

#[test]
fn of_two_creators_of_an_id_one_wins() {
    let id = id_in(0, 1, 0);
    one_wins([id, id], None);
}

#[test]
fn of_two_creators_of_a_name_one_wins() {
    one_wins([id_in(0, 1, 0), id_in(0, 1, 1)], Some(name_in(0, 1, 0)));
}

#[test]
fn an_id_is_free_again_after_an_abort() {
    explore(2, || {
        let id = id_in(0, 1, 0);
        let store = Store::new();
        assert!(store.create(0, id, None));
        let other = store.clone();
        let other = thread::spawn(move || other.create(1, id, None));
        store.abort(0, id);
        let created = other.join().unwrap() || store.create(0, id, None);
        assert!(created);
        let hit = store.table.index().find(&Key::Id(id)).unwrap().unwrap();
        assert!(hit.word.is(State::Writing));
    });
}
