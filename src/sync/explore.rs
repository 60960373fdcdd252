//! Runs a model in many interleavings, and reports how many.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Runs all interleavings with up to `preemptions` preemptions; LOOM_MAX_PREEMPTIONS may lower the
/// bound. A switch where a thread blocks, yields or ends is not a preemption.
#[cfg(loom)]
pub(crate) fn explore(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = ::loom::model::Builder::new();
    builder.max_branches = 100_000;
    let bound = builder.preemption_bound.map_or(preemptions, |most| most.min(preemptions));
    builder.preemption_bound = Some(bound);
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    builder.check(move || {
        counted.fetch_add(1, Relaxed);
        model();
    });
    let count = count.load(Relaxed);
    println!("model {}: {count} interleavings, up to {bound} preemptions", name());
}

/// Half of the runs use a scheduler that is completely random, half use one that looks for bugs
/// with few preemptions (PCT). SHUTTLE_ITERATIONS is the number of each. A failure prints the
/// schedule that repeats it.
#[cfg(shuttle)]
pub(crate) fn explore(_preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    use shuttle::scheduler::{PctScheduler, RandomScheduler};
    use shuttle::{Config, Runner};
    let asked = std::env::var("SHUTTLE_ITERATIONS").ok().map(|asked| asked.parse().unwrap());
    let runs: usize = asked.unwrap_or(500);
    let count = Arc::new(AtomicU64::new(0));
    let model = Arc::new(model);
    let counted = || {
        let (count, model) = (Arc::clone(&count), Arc::clone(&model));
        move || {
            count.fetch_add(1, Relaxed);
            model();
        }
    };
    let mut config = Config::new();
    config.stack_size = 256 * 1024;
    config.max_steps = shuttle::MaxSteps::FailAfter(200_000);
    Runner::new(RandomScheduler::new(runs), config.clone()).run(counted());
    for depth in 1..=3 {
        Runner::new(PctScheduler::new(depth, runs.div_ceil(3)), config.clone()).run(counted());
    }
    println!("model {}: {} random interleavings", name(), count.load(Relaxed));
}

#[cfg(shuttle)]
shuttle::thread_local! {
    /// Stores until the thread is killed; 0 is never.
    static LEFT: std::cell::Cell<u64> = std::cell::Cell::new(0);
}

#[cfg(shuttle)]
struct Killed;

/// Runs `code` in a thread that is killed at its `n`-th store to shared memory. Returns whether it
/// was killed.
#[cfg(shuttle)]
pub(crate) fn killed_at(n: u64, run: impl FnOnce()) -> bool {
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
    LEFT.with(|left| left.set(n));
    let end = catch_unwind(AssertUnwindSafe(run));
    LEFT.with(|left| left.set(0));
    match end {
        Ok(()) => false,
        Err(why) if why.is::<Killed>() => true,
        Err(why) => resume_unwind(why),
    }
}

/// Called before each store to shared memory.
#[cfg(shuttle)]
pub(crate) fn kill_point(_what: &'static str) {
    let now = LEFT.with(|left| left.replace(left.get().saturating_sub(1)));
    if now == 1 {
        std::panic::resume_unwind(Box::new(Killed));
    }
}

/// Returns the name of the running test.
fn name() -> String {
    std::thread::current().name().unwrap_or("?").to_owned()
}
