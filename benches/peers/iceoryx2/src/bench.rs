// SPDX-License-Identifier: Apache-2.0

//! The part of bench.h that is needed here: the same loops, the same lines of JSON.

use std::env;
use std::hint::black_box;

pub const UNSUPPORTED: i32 = 3;

/// The text of key=text.
fn text_arg(key: &str) -> Option<String> {
    env::args().skip(2).find_map(|argument| {
        let (name, text) = argument.split_once('=')?;
        (name == key).then(|| text.to_owned())
    })
}

pub fn number_arg(key: &str, otherwise: u64) -> u64 {
    text_arg(key).map_or(otherwise, |text| text.parse().expect("a number"))
}

pub fn arg_is(key: &str, text: &str) -> bool {
    text_arg(key).as_deref() == Some(text)
}

/// Time of each measurement in ns.
pub fn time_to_spend() -> u64 {
    number_arg("ms", 300) * 1_000_000
}

/// The clock of bench.h; that of Rust may not be compared between processes.
pub fn now_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is written to, and no more.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The cost of two readings of the clock.
pub fn clock_cost() -> f64 {
    let costs = (0..10_001).map(|_| {
        let start = now_ns();
        (now_ns() - start) as f64
    });
    let mut costs: Vec<f64> = costs.collect();
    quantile(&mut costs, 0.5)
}

fn quantile(samples: &mut [f64], share: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[(share * (samples.len() - 1) as f64) as usize]
}

pub fn print_latency(name: &str, samples: &mut [f64], bytes: f64) {
    let median = quantile(samples, 0.5);
    let (p99, p999) = (quantile(samples, 0.99), quantile(samples, 0.999));
    let mut line = format!(
        "{{\"name\": \"{name}\", \"median_ns\": {median:.2}, \"p99_ns\": {p99:.2}, \
         \"p999_ns\": {p999:.2}, \"ops_s\": {:.0}",
        1e9 / median
    );
    if bytes > 0.0 {
        line += &format!(", \"gb_s\": {:.6}", bytes / median);
    }
    println!("{line}}}");
}

/// Time two operations that undo each other, in batches of one and then of the other.
pub fn time_pair(batch: u64, mut first: impl FnMut(), mut second: impl FnMut()) -> [Vec<f64>; 2] {
    let (mut firsts, mut seconds) = (Vec::new(), Vec::new());
    let clock = clock_cost();
    let warm = now_ns() + time_to_spend() / 4;
    let end = warm + time_to_spend();
    loop {
        let start = now_ns();
        (0..batch).for_each(|_| first());
        let middle = now_ns();
        (0..batch).for_each(|_| second());
        let done = now_ns();
        if done > warm || firsts.is_empty() {
            firsts.push(((middle - start) as f64 - clock) / batch as f64);
            seconds.push(((done - middle) as f64 - clock) / batch as f64);
        }
        if done >= end && firsts.len() >= 9 {
            return [firsts, seconds];
        }
    }
}

/// Time an operation that takes long enough to be timed alone.
pub fn time_operation(name: &str, mut operation: impl FnMut()) {
    let mut samples = Vec::new();
    let clock = clock_cost();
    operation();
    let end = now_ns() + time_to_spend();
    while now_ns() < end || samples.len() < 9 {
        let start = now_ns();
        operation();
        samples.push((now_ns() - start) as f64 - clock);
    }
    print_latency(name, &mut samples, 0.0);
}

/// Read the first word of a payload.
pub fn touch(payload: &[u8]) {
    let word = payload.first_chunk::<8>().expect("a word");
    black_box(u64::from_ne_bytes(*word));
}

/// Memory that processes forked later share, zeroed.
pub fn shared<T>() -> &'static T {
    // SAFETY: new memory; T has atomics only, for which zeros are values.
    unsafe {
        let memory = libc::mmap(
            std::ptr::null_mut(),
            size_of::<T>(),
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        assert_ne!(memory, libc::MAP_FAILED);
        &*memory.cast()
    }
}

/// Let a process play a role; it ends with this one.
pub fn fork(role: impl FnOnce()) -> libc::pid_t {
    // SAFETY: there is one thread only.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        // SAFETY: plain numbers.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        role();
        std::process::exit(0);
    }
    child
}

/// Wait for the end of a process, which has to succeed.
pub fn join(child: libc::pid_t) {
    let mut status = 0;
    // SAFETY: `status` is written to, and no more.
    let ended = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert!(ended == child && status == 0, "a process failed");
}

/// Let this process run on one processor only.
pub fn stay_on(cpu: usize) {
    // SAFETY: the set is plain memory, zeros in it are no processors.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        let failed = libc::sched_setaffinity(0, size_of_val(&set), &raw const set);
        assert_eq!(failed, 0);
    }
}

pub fn sleep_us(us: u64) {
    std::thread::sleep(std::time::Duration::from_micros(us));
}
