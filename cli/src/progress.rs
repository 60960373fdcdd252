//! A progress bar on a terminal, for work that takes longer than a second.

use crate::failure::Result;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The time before the bar shows.
const PATIENCE: Duration = Duration::from_secs(1);

/// The progress of some work.
pub struct Progress {
    done: AtomicU64,
    bar: ProgressBar,
    begun: Instant,
    draws: bool,
}

impl Progress {
    /// Work of `total` bytes, or of an unknown number.
    pub fn new(what: &str, total: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
        let template = match total {
            Some(_) => "{msg} {wide_bar} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta} left",
            None => "{msg} {spinner} {bytes} {binary_bytes_per_sec} {elapsed}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        let name = crate::output::one_line(what);
        bar.set_message(crate::table::cut(&name, 24));
        let draws = std::io::stderr().is_terminal();
        Self { done: AtomicU64::new(0), bar, begun: Instant::now(), draws }
    }

    /// Shows the number of bytes that are done.
    pub fn show_done(&self, bytes: u64) -> Result<()> {
        self.done.store(bytes, Ordering::Relaxed);
        self.show()
    }

    /// Adds bytes that are done.
    pub fn add(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Draw the bar if it is time. Fails after a signal was caught.
    pub fn show(&self) -> Result<()> {
        if self.draws && self.begun.elapsed() > PATIENCE {
            if self.bar.is_hidden() {
                self.bar.set_draw_target(ProgressDrawTarget::stderr());
            }
            self.bar.set_position(self.done.load(Ordering::Relaxed));
        }
        crate::interrupt::check()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
