//! Measures of Plasma on this machine.

use super::numbers::{LARGE, SMALL, median};
use super::partner;
use crate::failure::Result;
use crate::interrupt;
use plasma::{Client, CreateOptions, ObjectId};
use std::time::{Duration, Instant};

/// Calls that are timed together, so that the cost of the clock is negligible.
const BATCH: u32 = 100;

fn plain() -> CreateOptions<'static> {
    CreateOptions::default()
}

/// The time of one call of `call`, in batches.
fn batches(time: Duration, mut call: impl FnMut() -> Result<()>) -> Result<f64> {
    let (mut times, end) = (Vec::new(), Instant::now() + time);
    while times.is_empty() || Instant::now() < end {
        interrupt::check()?;
        let begun = Instant::now();
        for _ in 0..BATCH {
            call()?;
        }
        times.push(begun.elapsed().as_nanos() as f64 / f64::from(BATCH));
    }
    median(&mut times)
}

/// Get and release one object.
pub fn get(client: &Client, time: Duration) -> Result<f64> {
    let id = ObjectId::random()?;
    client.put(&id, &[1; SMALL], &plain())?;
    batches(time, || {
        std::hint::black_box(&client.get(&id, Some(Duration::ZERO))?[0]);
        Ok(())
    })
}

/// Put and delete a small object.
pub fn put(client: &Client, time: Duration) -> Result<f64> {
    let id = ObjectId::random()?;
    batches(time, || {
        client.put(&id, &[1; SMALL], &plain())?;
        Ok(client.delete(&id)?)
    })
}

/// The time from a seal in this process to the end of the wait for it in another: half of a round
/// trip.
pub fn hand_over(client: &Client, path: &str, time: Duration) -> Result<f64> {
    let mut other = partner::Partner::start(path)?;
    let mut times = Vec::new();
    let mut end = Instant::now() + time;
    for turn in 0.. {
        interrupt::check()?;
        let (ping, pong) = (partner::id(0, turn), partner::id(1, turn));
        let begun = Instant::now();
        client.put(&ping, &[1], &plain())?;
        drop(client.get(&pong, Some(Duration::from_secs(10)))?);
        let elapsed = begun.elapsed();
        client.delete(&pong)?;
        match turn {
            // The other process has started.
            0 => end = Instant::now() + time,
            _ => times.push(elapsed.as_nanos() as f64 / 2.0),
        }
        if turn > 0 && Instant::now() > end {
            break;
        }
    }
    other.stop();
    median(&mut times)
}

/// The rate of putting a large object: into new memory, and into memory that was used before.
pub fn copy(client: &Client, time: Duration) -> Result<(f64, f64)> {
    let source = vec![1u8; LARGE];
    let id = ObjectId::random()?;
    let once = || -> Result<f64> {
        interrupt::check()?;
        let begun = Instant::now();
        client.put(&id, &source, &plain())?;
        let rate = LARGE as f64 / begun.elapsed().as_secs_f64();
        client.delete(&id)?;
        // Uses the same memory again.
        client.reap()?;
        Ok(rate)
    };
    let first = once()?;
    let (mut rates, end) = (Vec::new(), Instant::now() + time);
    while rates.len() < 3 || Instant::now() < end {
        rates.push(once()?);
    }
    Ok((first, median(&mut rates)?))
}
