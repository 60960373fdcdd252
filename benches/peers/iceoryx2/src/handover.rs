// SPDX-License-Identifier: Apache-2.0

//! Hand-over in rounds, as time_handover() of bench.h does it.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};

use crate::bench::{
    arg_is, clock_cost, fork, join, now_ns, number_arg, print_latency, shared, sleep_us, stay_on,
    time_to_spend,
};

const WAITERS_MAX: usize = 256;
const OVER: u64 = u64::MAX;

struct Shared {
    open: AtomicU64,
    waiting: AtomicU64,
    done: AtomicU64,
    woken_at: [AtomicU64; WAITERS_MAX],
}

/// In a waiter: `wait` sleeps or polls until the object of this round is there, and reads it.
fn wait_in_rounds(shared: &Shared, own: usize, asleep: bool, mut wait: impl FnMut()) {
    for round in 1.. {
        let open = loop {
            match shared.open.load(Acquire) {
                open if open >= round => break open,
                _ if asleep => sleep_us(50),
                _ => {}
            }
        };
        if open == OVER {
            return;
        }
        shared.waiting.fetch_add(1, SeqCst);
        wait();
        shared.woken_at[own].store(now_ns(), Relaxed);
        shared.done.fetch_add(1, SeqCst);
    }
}

/// `connect_waiter` returns the work of a waiter, `connect_sealer` the preparation before the
/// waiters wait, and `seal` is timed.
pub fn time_handover<Waiter: FnMut(), Ready>(
    connect_waiter: impl Fn() -> Waiter,
    connect_sealer: impl FnOnce() -> (Box<dyn Fn() -> Ready>, Box<dyn Fn(Ready)>),
) {
    let waiters = number_arg("waiters", 1);
    let asleep = !arg_is("mode", "soon");
    let other = if number_arg("cpus", 2) == 1 { 0 } else { 1 };
    let shared: &Shared = shared();
    let (mut latencies, mut seals) = (Vec::new(), Vec::new());
    assert!(waiters as usize <= WAITERS_MAX);
    stay_on(0);
    let start_waiter = |own| {
        fork(|| {
            stay_on(other);
            wait_in_rounds(shared, own, asleep, connect_waiter());
        })
    };
    let children: Vec<_> = (0..waiters as usize).map(start_waiter).collect();
    let (prepare, seal) = connect_sealer();
    let clock = clock_cost();
    let end = now_ns() + 2 * time_to_spend();
    for round in 1.. {
        let ready = prepare();
        shared.done.store(0, Relaxed);
        shared.waiting.store(0, Relaxed);
        shared.open.store(round, SeqCst);
        until(asleep, || shared.waiting.load(Acquire) == waiters);
        if asleep {
            sleep_us(1000 + 20 * waiters);
        } else {
            let begun = now_ns();
            while now_ns() < begun + 2000 {}
        }
        let start = now_ns();
        seal(ready);
        let sealed = now_ns();
        until(asleep, || shared.done.load(Acquire) == waiters);
        if round > 3 {
            seals.push((sealed - start) as f64 - clock / 2.0);
            let woken = shared.woken_at.iter().take(waiters as usize);
            latencies.extend(woken.map(|at| (at.load(Relaxed) - start) as f64));
        }
        if now_ns() >= end && seals.len() >= 9 {
            break;
        }
    }
    shared.open.store(OVER, SeqCst);
    children.into_iter().for_each(join);
    print_latency("handover", &mut latencies, 0.0);
    print_latency("sealer", &mut seals, 0.0);
}

fn until(asleep: bool, condition: impl Fn() -> bool) {
    while !condition() {
        if asleep {
            sleep_us(20);
        }
    }
}
