//! The best that this machine can do.

use super::numbers::median;
use crate::failure::Result;
use crate::interrupt;
use rustix::thread::futex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The rate of copying `bytes` within this process.
pub fn memcpy(time: Duration, bytes: usize) -> Result<f64> {
    let source = vec![1u8; bytes];
    let mut target = vec![2u8; bytes];
    let (mut rates, end) = (Vec::new(), Instant::now() + time);
    while rates.len() < 3 || Instant::now() < end {
        interrupt::check()?;
        let begun = Instant::now();
        target.copy_from_slice(std::hint::black_box(&source));
        std::hint::black_box(&mut target);
        rates.push(bytes as f64 / begun.elapsed().as_secs_f64());
    }
    median(&mut rates)
}

/// The time until a sleeping thread runs: two threads wake each other by futexes that processes could
/// share.
pub fn wake(time: Duration) -> Result<f64> {
    let (ping, pong) = (AtomicU32::new(0), AtomicU32::new(0));
    let mut times = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for turn in 0.. {
                await_change(&ping, turn);
                signal(&pong);
                if ping.load(Ordering::SeqCst) == STOP {
                    break;
                }
            }
        });
        let end = Instant::now() + time;
        for turn in 0.. {
            let begun = Instant::now();
            signal(&ping);
            await_change(&pong, turn);
            // One way.
            times.push(begun.elapsed().as_nanos() as f64 / 2.0);
            if Instant::now() > end || interrupt::caught().is_some() {
                break;
            }
        }
        ping.store(STOP, Ordering::SeqCst);
        let _ = futex::wake(&ping, futex::Flags::empty(), 1);
    });
    median(&mut times)
}

const STOP: u32 = u32::MAX;

fn signal(word: &AtomicU32) {
    word.fetch_add(1, Ordering::SeqCst);
    let _ = futex::wake(word, futex::Flags::empty(), 1);
}

fn await_change(word: &AtomicU32, from: u32) {
    while word.load(Ordering::SeqCst) == from {
        // Woken, changed before, or interrupted: load it again.
        let _ = futex::wait(word, futex::Flags::empty(), from, None);
    }
}
