//! Clocks. None of them allocates or enters the kernel where the vDSO works.
#![allow(unsafe_code)] // clock_gettime and the counters of the processor

use libc::clockid_t;
use std::sync::atomic::{AtomicU8, Ordering};

/// Nanoseconds of CLOCK_MONOTONIC.
pub fn monotonic_ns() -> u64 {
    let now = gettime(libc::CLOCK_MONOTONIC);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Microseconds since 1970.
pub fn epoch_us() -> i64 {
    let now = gettime(libc::CLOCK_REALTIME);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}

fn gettime(clock: clockid_t) -> libc::timespec {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a live local. These clocks cannot fail.
    unsafe { libc::clock_gettime(clock, &raw mut now) };
    now
}

/// The cheapest clock that is the same for all processes of the machine, in a unit of its own.
///
/// The processor's counter where it runs at a constant rate on all cores, else the coarse clock.
#[inline]
pub fn ticks() -> u64 {
    const UNKNOWN: u8 = 0;
    const COUNTER: u8 = 1;
    const COARSE: u8 = 2;
    static SOURCE: AtomicU8 = AtomicU8::new(UNKNOWN);
    // Relaxed: the choice is the value itself, and the same whoever makes it.
    match SOURCE.load(Ordering::Relaxed) {
        COUNTER => counter::read(),
        COARSE => coarse_ns(),
        _ => {
            let source = if counter::is_steady() { COUNTER } else { COARSE };
            SOURCE.store(source, Ordering::Relaxed);
            if source == COUNTER { counter::read() } else { coarse_ns() }
        }
    }
}

fn coarse_ns() -> u64 {
    let now = gettime(libc::CLOCK_MONOTONIC_COARSE);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

#[cfg(target_arch = "x86_64")]
mod counter {
    use core::arch::x86_64::{__cpuid, _rdtsc};

    /// Whether the processor promises an invariant time-stamp counter.
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
    /// The architecture promises it of the generic timer.
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

/// What the kernel calls this boot; zeros where it does not say.
pub fn boot_id() -> [u8; 16] {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
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
        let before = (monotonic_ns(), ticks());
        std::thread::sleep(Duration::from_millis(20));
        let after = (monotonic_ns(), ticks());
        assert!(after.0 - before.0 >= 20_000_000);
        assert!(after.1 > before.1);
    }

    #[test]
    fn the_epoch_is_the_usual_one() {
        let std = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as i64;
        assert!((epoch_us() - std).abs() < 10_000_000);
    }

    #[test]
    fn the_boot_id_is_the_kernels() {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let hex: String = boot_id().iter().map(|b| format!("{b:02x}")).collect();
        assert!(text.is_empty() || hex == text.trim().replace('-', ""));
    }
}
