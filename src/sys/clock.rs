//! Clocks. None of them allocates or enters the kernel where the vDSO works.
#![allow(unsafe_code)] // clock_gettime and the counters of the processor

use super::kernel_file::read_text;
use libc::clockid_t;
use std::cell::Cell;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// Returns the time of CLOCK_MONOTONIC in nanoseconds.
pub fn monotonic_ns() -> u64 {
    let now = gettime(libc::CLOCK_MONOTONIC);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// A moment by two clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// As [`epoch_us`].
    pub epoch_us: i64,
    /// Microseconds of CLOCK_MONOTONIC, with the precision of [`epoch_us`].
    pub monotonic_us: u64,
}

/// Returns this moment, by one reading of the processor's counter where there is one.
#[inline]
pub fn now() -> Moment {
    let (epoch, monotonic) = match has_counter() {
        true => ANCHOR.with(Anchor::now_ns),
        false => (realtime_ns(), monotonic_ns() as i64),
    };
    Moment { epoch_us: epoch / 1_000, monotonic_us: monotonic as u64 / 1_000 }
}

/// Returns the time of [`monotonic_ns`] after `time` has passed. If that exceeds the range of the
/// clock, returns its largest time.
pub fn after(time: std::time::Duration) -> u64 {
    let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    monotonic_ns().saturating_add(ns)
}

/// Returns the microseconds since 1970: those of CLOCK_REALTIME, or up to a millisecond of the
/// processor's counter after a time of CLOCK_REALTIME.
///
/// Each create, seal and delete needs the time. The vDSO lets no instruction run ahead of its own,
/// which costs 20 ns and more.
#[inline]
pub fn epoch_us() -> i64 {
    if has_counter() { ANCHOR.with(Anchor::now_ns).0 / 1_000 } else { realtime_ns() / 1_000 }
}

fn realtime_ns() -> i64 {
    let now = gettime(libc::CLOCK_REALTIME);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

thread_local! {
    static ANCHOR: Anchor = const { Anchor::new() };
}

/// A pair of this thread's counter and CLOCK_REALTIME, and the rate of the counter.
///
/// When the clock is set, times change up to a window later. When the two diverge for another
/// reason (the machine sleeps or moves, a processor's counter differs), times are wrong by at most
/// a window, for at most a window.
struct Anchor {
    ticks: Cell<u64>,
    ns: Cell<i64>,
    /// What CLOCK_MONOTONIC was more than CLOCK_REALTIME.
    to_monotonic: Cell<i64>,
    /// Ticks of a window in the last measurement.
    measured: Cell<u64>,
    /// Ticks of a window; 0 until two consecutive measurements agree.
    window: Cell<u64>,
    /// Nanoseconds of a tick, times 2^32.
    scale: Cell<u64>,
}

const WINDOW_NS: i64 = 1_000_000;

/// The largest plausible number of ticks of a window, for counters up to 100 GHz.
const MOST_TICKS: u64 = 100_000_000;

impl Anchor {
    const fn new() -> Self {
        Self {
            ticks: Cell::new(0),
            ns: Cell::new(0),
            to_monotonic: Cell::new(0),
            measured: Cell::new(0),
            window: Cell::new(0),
            scale: Cell::new(0),
        }
    }

    #[inline]
    fn now_ns(&self) -> (i64, i64) {
        let elapsed = counter::read().wrapping_sub(self.ticks.get());
        if elapsed < self.window.get() {
            // At most WINDOW_NS << 32.
            let now = self.ns.get() + ((elapsed * self.scale.get()) >> 32) as i64;
            return (now, now.wrapping_add(self.to_monotonic.get()));
        }
        self.ask()
    }

    /// Reads the clocks, and measures the rate of the counter when a window has passed.
    #[cold]
    fn ask(&self) -> (i64, i64) {
        let before = counter::read();
        let now = realtime_ns();
        let monotonic = monotonic_ns() as i64;
        let took = counter::read().wrapping_sub(before);
        let (ticks, ns) = (before.wrapping_sub(self.ticks.get()), now - self.ns.get());
        // Too early to measure, or interrupted between the two.
        if (0..WINDOW_NS).contains(&ns) || took > ticks / 1024 {
            return (now, monotonic);
        }
        let measured = u128::from(ticks) * WINDOW_NS as u128 / u128::from(ns.unsigned_abs());
        let measured = measured.min(u128::from(MOST_TICKS)) as u64;
        let change = measured.abs_diff(self.measured.replace(measured));
        let known = change <= measured / 64 && measured < MOST_TICKS;
        self.window.set(if known { measured } else { 0 });
        if known {
            MEASURED.store(measured, Ordering::Relaxed);
        }
        self.scale.set(((WINDOW_NS as u64) << 32).checked_div(measured).unwrap_or(0));
        self.ticks.set(before);
        self.ns.set(now);
        self.to_monotonic.set(monotonic.wrapping_sub(now));
        (now, monotonic)
    }
}

fn gettime(clock: clockid_t) -> libc::timespec {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a live local. These clocks cannot fail.
    unsafe { libc::clock_gettime(clock, &raw mut now) };
    now
}

/// Returns the processor's counter.
#[inline(always)]
pub(super) fn counter() -> u64 {
    counter::read()
}

/// Ticks of a window as a thread measured them last; 0 before that.
static MEASURED: AtomicU64 = AtomicU64::new(0);

/// Returns the ticks of the counter in a millisecond; `None` before a thread has measured them.
pub(super) fn counter_per_ms() -> Option<u64> {
    // Relaxed: the number stands for itself.
    Some(MEASURED.load(Ordering::Relaxed)).filter(|ticks| *ticks > 0)
}

/// Returns whether the processor's counter is reliable: the processor says that its rate is
/// constant, and the kernel, which has compared it with other clocks and on all processors, uses it
/// as its clock.
#[inline]
pub(super) fn has_counter() -> bool {
    const UNKNOWN: u8 = 0;
    const COUNTER: u8 = 1;
    const COARSE: u8 = 2;
    static SOURCE: AtomicU8 = AtomicU8::new(UNKNOWN);
    // Relaxed: the choice stands for itself, and every thread makes the same choice.
    match SOURCE.load(Ordering::Relaxed) {
        UNKNOWN => {
            let steady = counter::is_steady() && is_trusted();
            let source = if steady { COUNTER } else { COARSE };
            SOURCE.store(source, Ordering::Relaxed);
            source == COUNTER
        }
        source => source == COUNTER,
    }
}

/// Returns whether the kernel uses as its clock the counter that is read here.
#[cold]
fn is_trusted() -> bool {
    const SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    read_text(SOURCE).is_ok_and(|source| source.trim() == counter::NAME)
}

/// Returns the nanoseconds of CLOCK_REALTIME at the kernel's last tick.
pub(super) fn coarse_realtime_ns() -> u64 {
    let now = gettime(libc::CLOCK_REALTIME_COARSE);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

#[cfg(target_arch = "x86_64")]
mod counter {
    use core::arch::x86_64::{__cpuid, _rdtsc};

    /// The kernel's name of the counter.
    pub(super) const NAME: &str = "tsc";

    /// Returns whether the processor promises an invariant time-stamp counter.
    #[cold]
    pub(super) fn is_steady() -> bool {
        const POWER_MANAGEMENT: u32 = 0x8000_0007;
        const INVARIANT_TSC: u32 = 1 << 8;
        let highest = __cpuid(0x8000_0000).eax;
        highest >= POWER_MANAGEMENT && __cpuid(POWER_MANAGEMENT).edx & INVARIANT_TSC != 0
    }

    pub(super) fn read() -> u64 {
        // SAFETY: every x86_64 processor has the instruction.
        unsafe { _rdtsc() }
    }
}

#[cfg(target_arch = "aarch64")]
mod counter {
    /// The kernel's name of the counter.
    pub(super) const NAME: &str = "arch_sys_counter";

    /// Returns true: the architecture guarantees a constant rate of the generic timer.
    pub(super) fn is_steady() -> bool {
        true
    }

    pub(super) fn read() -> u64 {
        let ticks;
        // SAFETY: Linux lets user space read the virtual counter; nothing else is touched.
        unsafe {
            core::arch::asm!("mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack));
        }
        ticks
    }
}

/// Returns the kernel's id of this boot; zeros where it does not say.
pub fn boot_id() -> [u8; 16] {
    let text = read_text("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits = text.chars().filter_map(|c| c.to_digit(16));
    let mut id = [0; 16];
    for (i, digit) in digits.take(32).enumerate() {
        id[i / 2] = id[i / 2] << 4 | digit as u8;
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    #[test]
    fn clocks_go_forward() {
        let before = monotonic_ns();
        std::thread::sleep(Duration::from_millis(20));
        assert!(monotonic_ns() - before >= 20_000_000);
    }

    #[test]
    fn a_time_that_is_too_long_to_count_is_the_end_of_the_clock() {
        for ms in [18_446_744_073_710, i64::MAX as u64, u64::MAX] {
            assert_eq!(after(Duration::from_millis(ms)), u64::MAX);
        }
        let now = monotonic_ns();
        assert!((now + 1_000_000..u64::MAX / 2).contains(&after(Duration::from_millis(1))));
    }

    #[test]
    fn the_epoch_is_the_usual_one() {
        let std = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as i64;
        assert!((epoch_us() - std).abs() < 10_000_000);
    }

    fn keeps_time(anchor: &Anchor) {
        let begin = monotonic_ns();
        while anchor.window.get() == 0 || monotonic_ns() < begin + 10_000_000 {
            let early = monotonic_ns() as i64;
            let (before, (now, monotonic), after) = (realtime_ns(), anchor.now_ns(), realtime_ns());
            let late = monotonic_ns() as i64;
            assert!(
                (early - WINDOW_NS..=late + WINDOW_NS).contains(&monotonic),
                "{early} {monotonic} {late}"
            );
            assert!(
                (before - WINDOW_NS..=after + WINDOW_NS).contains(&now),
                "{before} {now} {after}"
            );
            assert!(monotonic_ns() < begin + 10_000_000_000, "the rate was never measured");
        }
    }

    #[test]
    fn the_counter_keeps_the_time_of_the_clock() {
        if !has_counter() {
            return;
        }
        let anchor = Anchor::new();
        keeps_time(&anchor);
        // The clock is set, or the counter restarts or jumps: that is soon corrected.
        let hour = 3_600_000_000_000;
        for (ns, ticks) in [(hour, 0), (-hour, 0), (0, 1 << 60), (0, -1 << 60), (3_000_000, 0)] {
            anchor.ns.set(anchor.ns.get() + ns);
            anchor.ticks.set(anchor.ticks.get().wrapping_add_signed(ticks));
            std::thread::sleep(Duration::from_nanos(2 * WINDOW_NS as u64));
            keeps_time(&anchor);
        }
    }

    #[test]
    fn the_boot_id_is_the_kernels() {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let hex: String = boot_id().iter().map(|b| format!("{b:02x}")).collect();
        assert!(text.is_empty() || hex == text.trim().replace('-', ""));
    }
}
