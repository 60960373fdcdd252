//! Two clients that make one store meet in one directory beside it: a builder that has just made
//! the directory, and a sweeper that takes it for the remains of a dead one.

mod common;

use common::{Scratch, assert_sound, connect, get_checked, id, put};
use plasma::sync::{at_points, no_more_points};
use plasma::{Client, ConnectOptions};
use std::sync::mpsc::{Receiver, Sender, channel};

/// A thread that connects, puts an object, and stops at the `n`-th point of its work beside the
/// store. The many calls that look for the remains of others are not counted.
struct Maker {
    stands: Receiver<bool>,
    go_on: Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Maker {
    fn start(address: &str, number: u64, n: u64) -> Self {
        let ((say, stands), (go_on, wait)) = (channel(), channel());
        let address = address.to_owned();
        let thread = std::thread::spawn(move || {
            let (mut left, mut began, told) = (n, false, say.clone());
            at_points(move |point| {
                let beside = ["segment/beside.rs", "segment/remove.rs", "segment/publish.rs"];
                began |= !matches!(point.what(), "open" | "stat");
                let counts = began && beside.iter().any(|file| point.file().ends_with(file));
                left -= u64::from(counts);
                if counts && left == 0 {
                    told.send(true).unwrap();
                    wait.recv().unwrap();
                }
                counts && left == 0
            });
            let options = ConnectOptions::default().capacity(1 << 20).max_objects(64);
            let client = Client::connect(Some(&address), &options).unwrap();
            put(&client, &id(1, number), 1000, None);
            if no_more_points() {
                say.send(false).unwrap();
            }
        });
        Self { stands, go_on, thread }
    }

    /// Waits until it stands at its point; `false` if it has ended and passed fewer points.
    fn stands(&self) -> bool {
        self.stands.recv().unwrap()
    }

    fn end(self) {
        let _ = self.go_on.send(());
        self.thread.join().unwrap();
    }
}

/// A sweeper that unlinked the index of the directory, and then found a new one, once took that for
/// a remainder, too: a builder that had made it lost its files, even after it had published them.
#[test]
fn a_builder_and_a_sweeper_do_not_share_a_directory() {
    let mut pairs = 0;
    for builder_at in 1.. {
        for sweeper_at in 1.. {
            let scratch = Scratch::new();
            let address = scratch.store("store");
            let builder = Maker::start(&address, 0, builder_at);
            if !builder.stands() {
                builder.end();
                assert!(pairs > 500, "{pairs}");
                return;
            }
            let sweeper = Maker::start(&address, 1, sweeper_at);
            let stood = sweeper.stands();
            builder.end();
            sweeper.end();
            pairs += 1;
            let client = connect(&address);
            for number in 0..2 {
                let found = get_checked(&client, &id(1, number));
                assert!(found.is_some(), "{number}: {builder_at}, {sweeper_at}");
            }
            assert_sound(&client, &format!("{builder_at}, {sweeper_at}"));
            assert_eq!(scratch.names(), ["store"], "{builder_at}, {sweeper_at}");
            if !stood {
                break;
            }
        }
    }
}
