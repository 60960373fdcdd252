//! Models of protocols that meet: under loom in all interleavings up to a bound, under shuttle in
//! random ones.
//!
//! What runs is the shipped code of the protocols. Names of files and locks on them are the
//! kernel's; [`files`] stands in for it here, one call at a time. The few lines of `src/store` that
//! put protocols and system calls in order are repeated in the models, each beside the name of what
//! it repeats; tests with real processes run the original.

mod create;
mod files;
mod removal;
mod slot;
mod usage;
#[cfg(shuttle)]
mod world;

/// Threads and what joins them, of the tool that runs the model.
mod rt {
    #[cfg(loom)]
    pub use ::loom::{
        sync::{Arc, Condvar, Mutex},
        thread,
    };
    #[cfg(shuttle)]
    pub use ::shuttle::{
        sync::{Arc, Condvar, Mutex},
        thread,
    };
}
