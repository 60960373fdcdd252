//! A thread of the library pauses where a test wants it to.

use plasma::sync::{at_point, at_points, no_more_points};
use plasma::{Client, ConnectOptions, CreateOptions, ObjectId};
use std::cell::RefCell;
use std::rc::Rc;

/// A store of this test, removed when it ends.
struct Store(String);

impl Store {
    fn new(name: &str) -> Store {
        Store(format!("/dev/shm/plasma-points-{name}-{}", std::process::id()))
    }

    fn connect(&self) -> Client {
        let options = ConnectOptions::default().capacity(1 << 20);
        Client::connect(Some(&self.0), &options).unwrap()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = Client::remove_store(Some(&self.0));
    }
}

#[test]
fn a_hook_is_called_at_the_nth_point_of_its_own_thread() {
    let store = Store::new("nth");
    let client = store.connect();
    let put = |n: u8| client.put(&ObjectId::new([n; 20]), b"bytes", &CreateOptions::default());
    let met = Rc::new(RefCell::new(Vec::new()));
    let all = met.clone();
    at_points(move |point| {
        all.borrow_mut().push(point);
        false
    });
    put(1).unwrap();
    assert!(no_more_points(), "it never said that it had enough");
    let points = met.take();
    assert!(points.len() > 10 && points.iter().any(|point| point.what() == "compare_exchange"));

    put(2).unwrap();
    assert!(met.borrow().is_empty(), "it was forgotten");

    // Another thread passes as many points, and is not paused; this one is, once, and may call the
    // library there.
    let seen = met.clone();
    let inner = store.connect();
    at_point(5, move |point| {
        assert_eq!(&*inner.get(&ObjectId::new([4; 20]), None).unwrap(), b"bytes");
        seen.borrow_mut().push(point);
    });
    std::thread::scope(|scope| scope.spawn(|| put(4).unwrap()).join().unwrap());
    assert!(met.borrow().is_empty());
    put(5).unwrap();
    assert_eq!(met.borrow().len(), 1);
    assert!(!no_more_points(), "it was called, and that was all");
    assert_eq!(client.list().unwrap().len(), 4);
}
