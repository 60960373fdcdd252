// SPDX-License-Identifier: Apache-2.0

//! iceoryx2, publish-subscribe with payloads that are loaned and not copied.
//!
//! It has queues instead of a store: a sample has no key, exists for the subscribers at the time,
//! and is gone when all of them have dropped it. So create is loan, write and send; get is receive,
//! read and drop of samples that were sent before in the same process. There are no random keys, no
//! gets of one object by several processes at any time, and no list, eviction or wait by name.
//!
//! Its fastest options are used: ipc::Service, which is not for threads, and slices of the length
//! that is sent. Handover is by its event service, whose listener sleeps; mode=soon polls the
//! subscriber, as its own benchmark does. attach makes a node and a subscriber and receives the
//! sample in the history, for which the publisher has to look for subscribers all the time.

mod bench;
mod handover;

use bench::{
    UNSUPPORTED, arg_is, now_ns, number_arg, print_latency, time_operation, time_pair, touch,
};
use iceoryx2::port::listener::Listener;
use iceoryx2::port::notifier::Notifier;
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::port::update_connections::UpdateConnections;
use iceoryx2::prelude::*;
use iceoryx2::sample_mut::SampleMut;
use iceoryx2::service::port_factory::{event, publish_subscribe};
use std::fs;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

const MEMORY: &str = "/dev/shm";

type Ipc = ipc::Service;
type Topic = publish_subscribe::PortFactory<Ipc, [u8], ()>;

/// The name of this run; its processes are forked from the one that set it.
static PREFIX: OnceLock<String> = OnceLock::new();

/// All files of this run have its prefix, so that they can be removed.
fn new_node() -> Node<Ipc> {
    let prefix = PREFIX.get().expect("set by main()");
    let mut config = Config::default();
    config.global.prefix = FileName::new(prefix.as_bytes()).expect("a name");
    config.global.set_root_path(&Path::new(root_path().as_bytes()).expect("a path"));
    NodeBuilder::new().config(&config).create::<Ipc>().expect("a node")
}

fn root_path() -> String {
    format!("{MEMORY}/{}", PREFIX.get().expect("set by main()"))
}

fn remove_files() {
    let prefix = PREFIX.get().expect("set by main()");
    let _ = fs::remove_dir_all(root_path());
    for entry in fs::read_dir(MEMORY).expect("shared memory").flatten() {
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn service_name() -> ServiceName {
    ServiceName::new("bench").expect("a name")
}

fn topic(node: &Node<Ipc>, queue: usize, waiters: usize) -> Topic {
    node.service_builder(&service_name())
        .publish_subscribe::<[u8]>()
        .subscriber_max_buffer_size(queue)
        .history_size(1)
        .max_publishers(1)
        .max_subscribers(waiters)
        .max_nodes(waiters + 1)
        .open_or_create()
        .expect("a service")
}

fn publisher(topic: &Topic, size: usize) -> Publisher<Ipc, [u8], ()> {
    topic.publisher_builder().initial_max_slice_len(size).create().expect("a publisher")
}

fn loan(publisher: &Publisher<Ipc, [u8], ()>, source: &[u8]) -> SampleMut<Ipc, [u8], ()> {
    publisher.loan_slice_uninit(source.len()).expect("a loan").write_from_slice(source)
}

/// Receive, read, drop; returns whether there was a sample.
fn receive(subscriber: &Subscriber<Ipc, [u8], ()>) -> bool {
    let sample = subscriber.receive().expect("to receive");
    sample.is_some_and(|sample| {
        touch(sample.payload());
        true
    })
}

/// Times of create and get of samples, of which `batch` fill the queue.
fn create_and_get(size: usize, batch: u64) -> [Vec<f64>; 2] {
    let (node, source) = (new_node(), vec![7; size]);
    let topic = topic(&node, batch as usize, 1);
    let publisher = publisher(&topic, size);
    let subscriber = topic.subscriber_builder().create().expect("a subscriber");
    let create = || {
        let receivers = loan(&publisher, &source).send().expect("to send");
        assert_eq!(receivers, 1);
    };
    time_pair(batch, create, || assert!(receive(&subscriber)))
}

/// Number of samples in a queue, which together take at most a GiB.
fn batch_of(size: usize) -> u64 {
    number_arg("batch", 100).min((1 << 30) / size as u64).max(1)
}

fn get() {
    if arg_is("order", "random") {
        std::process::exit(UNSUPPORTED);
    }
    let size = number_arg("size", 100) as usize;
    let [_, mut gets] = create_and_get(size, batch_of(size));
    print_latency("get", &mut gets, 0.0);
}

fn create() {
    let size = number_arg("size", 100) as usize;
    let [mut creates, _] = create_and_get(size, batch_of(size));
    print_latency("create", &mut creates, size as f64);
}

fn put() {
    if arg_is("memory", "fresh") || number_arg("threads", 1) != 1 {
        std::process::exit(UNSUPPORTED);
    }
    let size = number_arg("size", 1 << 20) as usize;
    let [mut puts, _] = create_and_get(size, 1);
    print_latency("put", &mut puts, size as f64);
}

fn events(node: &Node<Ipc>, waiters: usize) -> event::PortFactory<Ipc> {
    let service = node.service_builder(&service_name()).event();
    let service = service.max_listeners(waiters).max_notifiers(1).max_nodes(waiters + 1);
    service.open_or_create().expect("an event service")
}

/// Ports keep what they need of their services and nodes.
fn waiter(waiters: usize, asleep: bool) -> impl FnMut() {
    let node = new_node();
    let subscriber = topic(&node, 2, waiters).subscriber_builder().create().expect("subscriber");
    let events = events(&node, waiters);
    let listener: Listener<Ipc> = events.listener_builder().create().expect("a listener");
    move || {
        while !receive(&subscriber) {
            if asleep {
                listener.blocking_wait(|_| {}).expect("to wait");
            }
        }
    }
}

fn handover() {
    if arg_is("objects", "many") || arg_is("by", "name") {
        std::process::exit(UNSUPPORTED);
    }
    let waiters = number_arg("waiters", 1) as usize;
    let asleep = !arg_is("mode", "soon");
    handover::time_handover(
        || waiter(waiters, asleep),
        || {
            let node = new_node();
            let publisher = publisher(&topic(&node, 2, waiters), 100);
            let notifier: Notifier<Ipc> =
                events(&node, waiters).notifier_builder().create().expect("a notifier");
            let seal = move |sample: SampleMut<Ipc, [u8], ()>| {
                sample.send().expect("to send");
                if asleep {
                    notifier.notify().expect("to notify");
                }
            };
            (Box::new(move || loan(&publisher, &[7; 100])), Box::new(seal))
        },
    );
}

/// Another process publishes, and continues to look for subscribers.
fn attach() {
    struct Publishing {
        begun: AtomicBool,
        over: AtomicBool,
    }
    let publishing: &Publishing = bench::shared();
    let other = bench::fork(|| {
        let publisher = publisher(&topic(&new_node(), 1, 1), 100);
        loan(&publisher, &[7; 100]).send().expect("to send");
        publishing.begun.store(true, Ordering::Release);
        while !publishing.over.load(Ordering::Relaxed) {
            publisher.update_connections().expect("to connect");
            std::thread::yield_now();
        }
    });
    while !publishing.begun.load(Ordering::Acquire) {
        bench::sleep_us(100);
    }
    time_operation("attach", || {
        let topic = topic(&new_node(), 1, 1);
        let subscriber = topic.subscriber_builder().create().expect("a subscriber");
        let start = now_ns();
        while !receive(&subscriber) {
            assert!(now_ns() < start + 5_000_000_000, "nothing to receive");
            std::thread::yield_now(); // the publisher may be on this processor
        }
    });
    publishing.over.store(true, Ordering::Relaxed);
    bench::join(other);
}

fn main() {
    let workloads: [(&str, fn()); 5] = [
        ("get", get),
        ("create", create),
        ("put", put),
        ("handover", handover),
        ("attach", attach),
    ];
    let name = std::env::args().nth(1).unwrap_or_default();
    PREFIX.set(format!("bench-iceoryx2-{}-", std::process::id())).expect("not set before");
    set_log_level(LogLevel::Error);
    match workloads.iter().find(|workload| workload.0 == name) {
        Some(workload) => {
            workload.1();
            remove_files();
        }
        None => {
            let names: Vec<_> = workloads.iter().map(|workload| workload.0).collect();
            eprintln!("usage: iceoryx2 WORKLOAD key=value ...; one of: {}", names.join(" "));
            std::process::exit(UNSUPPORTED);
        }
    }
}
