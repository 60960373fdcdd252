//! Single operations, timed by criterion. Its estimates, and their changes since the last run, are
//! for work on the hot paths. The promises of Plasma are measured by benches/run.py.

mod ffi;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use ffi::{Id, Store};
use std::ffi::CString;
use std::hint::black_box;
use std::time::Duration;

const OBJECTS: u64 = 10_000;
const BATCH: u64 = 64;

fn single(criterion: &mut Criterion) {
    let address = CString::new(format!("bench-single-{}", std::process::id())).unwrap();
    let store = Store::new(&address, 2 * OBJECTS, 64 << 20);
    let ids: Vec<Id> = (0..OBJECTS).map(Id::new).collect();
    let (small, page) = ([7; 100], [7; 4096]);
    for id in &ids[1..] {
        store.put(id, &small, None);
    }
    store.put(&ids[0], &small, Some(c"an object"));
    let (fresh, absent) = (Id::new(OBJECTS), Id::new(OBJECTS + 1));

    criterion.bench_function("get, hot", |timer| timer.iter(|| store.get(black_box(&ids[0]))));
    criterion.bench_function("get, 1 of 10,000", |timer| {
        let mut random = 1_u64;
        timer.iter(|| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            store.get(&ids[(((random >> 32) * OBJECTS) >> 32) as usize]);
        });
    });
    criterion.bench_function("get by name", |timer| timer.iter(|| store.get_by_name(c"an object")));
    criterion.bench_function("contains", |timer| timer.iter(|| store.contains(black_box(&ids[0]))));
    criterion.bench_function("contains, absent", |timer| timer.iter(|| store.contains(&absent)));
    criterion.bench_function("create, seal, delete 100 B", |timer| {
        timer.iter(|| {
            store.create(&fresh, &small);
            store.delete(&fresh);
        });
    });
    criterion.bench_function("put 4 KiB", |timer| {
        // The result of the timed part is dropped after a batch, untimed, which deletes the
        // objects.
        let mut batch = (0..BATCH).map(|at| Id::new(OBJECTS + at)).cycle();
        timer.iter_batched(
            || batch.next().unwrap(),
            |id| {
                store.put(&id, &page, None);
                Delete(&store, id)
            },
            BatchSize::NumIterations(BATCH),
        );
    });
}

struct Delete<'a>(&'a Store, Id);

impl Drop for Delete<'_> {
    fn drop(&mut self) {
        self.0.delete(&self.1);
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = single
}
criterion_main!(benches);
