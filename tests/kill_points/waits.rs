//! Sealers that are killed before they woke those who wait for the object.

use super::common::world::{CAPACITY, VICTIM};
use super::common::{Scratch, get_checked, id, make, spawn, state_in};
use super::sweep::CHILD;
use std::sync::mpsc;
use std::time::Duration;
use std::{fs, thread};

/// A waiter sleeps for a second or longer, so only an announcement or the next look of another
/// waiter ends its sleep. Without the count of announcements each of these waits would last as long
/// as the waiter's own sleep.
#[test]
fn a_wake_that_was_lost_to_a_kill_is_made_good() {
    let scratch = Scratch::new();
    let address = scratch.store("store");
    let client = make(&address, CAPACITY, 0, false);
    let (mut lost, mut number) = (0, 0);
    loop {
        number += 1;
        let awaited = id(VICTIM, number);
        let mut sealer =
            spawn(CHILD, &["seal_at", &address, &number.to_string(), &number.to_string()]);
        sealer.expect("ready");
        let got = thread::scope(|scope| {
            let (tell, told) = mpsc::channel();
            let (client, awaited) = (&client, &awaited);
            let waiter = scope.spawn(move || {
                tell.send(fs::read_link("/proc/thread-self").unwrap()).unwrap();
                client.get(awaited, Some(Duration::from_secs(60)))
            });
            // A wait counts before it registers: a sealer in between would have nobody to wake.
            let stat = format!("/proc/{}/stat", told.recv().unwrap().display());
            while client.activity().unwrap().waits == 0 || state_in(&stat) != Some('S') {
                thread::yield_now();
            }
            sealer.tell("go");
            let end = sealer.next();
            if end.as_deref() == Some("sealed") {
                return (waiter.join().unwrap(), true);
            }
            let got = waiter.join().unwrap();
            lost += u64::from(got.is_ok());
            (got, false)
        });
        // A creator that dies before it has sealed leaves ABORTED to its waiter.
        match got.0 {
            Ok(buffer) => assert_eq!(buffer.len(), 100),
            Err(error) => assert_eq!(error.status(), plasma::Status::Aborted, "point {number}"),
        }
        client.reap().unwrap();
        // The next client has the slot of the dead one, and its count.
        drop(super::common::connect(&address));
        if got.1 {
            break;
        }
    }
    assert!(get_checked(&client, &id(VICTIM, number)).is_some());
    assert!(lost > 5, "{lost} of {number} sealers died between publication and wake");
    println!("a lost wake: {number} kills, {lost} after the publication");
}
