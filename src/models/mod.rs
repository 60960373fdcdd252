//! Models of protocols that interact: under loom in all interleavings up to a bound, under shuttle
//! in random ones.
//!
//! The models run the shipped code of the protocols. The kernel provides names of files, and locks
//! on them; [`files`] stands in for it here, one call at a time. The few lines of `src/store` that
//! order protocols and system calls are repeated in the models, each with the name of its original;
//! tests with real processes run the originals.

mod create;
mod files;
mod removal;
mod slot;
mod usage;
#[cfg(shuttle)]
mod world;

/// Threads and their handles, from the tool that runs the model.
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
