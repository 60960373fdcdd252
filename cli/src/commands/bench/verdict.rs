//! The meaning of the numbers, in words.

use super::numbers::Numbers;

/// A complaint about each number that is out of its range.
pub struct Verdict {
    complaints: Vec<String>,
    busy: bool,
}

/// Times and shares that any current machine reaches.
const GET_NS: f64 = 1_000.0;
const PUT_NS: f64 = 50_000.0;
const HAND_OVER_TIMES: f64 = 3.0;
const COPY_SHARE: f64 = 0.6;
/// Lower bounds further apart than this mean that other processes use the machine.
const DRIFT: f64 = 0.3;

/// The verdict on the numbers.
pub fn of(numbers: &Numbers) -> Verdict {
    let mut complaints = Vec::new();
    let mut expect = |good: bool, complaint: String| {
        if !good {
            complaints.push(complaint);
        }
    };
    if cfg!(debug_assertions) {
        expect(false, "this is a debug build, which is slow: cargo build --release".to_owned());
    }
    expect(numbers.get <= GET_NS, "get is slow: over 1 us".to_owned());
    expect(numbers.put <= PUT_NS, "put is slow: over 50 us".to_owned());
    let times = numbers.hand_over_times();
    let slow = format!("hand-over is slow: {times:.1} times a put and a wake; is a core free?");
    expect(times <= HAND_OVER_TIMES, slow);
    let share = numbers.copy / numbers.memcpy.mean();
    let slow = format!("copying into a store is slow: {:.0}% of memcpy", share * 100.0);
    expect(share >= COPY_SHARE, slow);
    let busy = numbers.memcpy.drift() > DRIFT || numbers.wake.drift() > DRIFT;
    Verdict { complaints, busy }
}

impl Verdict {
    pub fn is_good(&self) -> bool {
        self.complaints.is_empty()
    }

    pub fn words(&self) -> String {
        let busy = match self.busy {
            true => " Other processes use this machine: run it again when it is idle.",
            false => "",
        };
        match self.complaints.as_slice() {
            [] => format!("Good: Plasma is about as fast as this machine allows.{busy}"),
            complaints => format!("Slower than expected: {}.{busy}", complaints.join("; ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::numbers::Floor;
    use super::*;

    fn numbers() -> Numbers {
        Numbers {
            memcpy: Floor { before: 10e9, after: 10e9 },
            wake: Floor { before: 5e3, after: 5e3 },
            get: 100.0,
            put: 2e3,
            hand_over: 6e3,
            first_copy: 2e9,
            copy: 9e9,
        }
    }

    #[test]
    fn each_number_that_is_off_is_named() {
        let slow = Numbers { get: 1e6, put: 1e6, hand_over: 1e8, copy: 1e9, ..numbers() };
        let words = of(&slow).words();
        for what in ["get", "put", "hand-over", "copying"] {
            assert!(words.contains(&format!("{what} ")), "{words}");
        }
        assert!(!of(&numbers()).words().contains("slow: over"));
    }

    #[test]
    fn floors_that_move_are_told() {
        let busy = Numbers { wake: Floor { before: 5e3, after: 9e3 }, ..numbers() };
        assert!(of(&busy).words().contains("Other processes"));
    }
}
