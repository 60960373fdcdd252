//! Random bytes.
#![allow(unsafe_code)] // the getrandom system call

use super::retry;
use crate::error::{Error, Result, Status};

/// Fills `bytes` with random bytes of the kernel.
#[track_caller]
pub fn fill(mut bytes: &mut [u8]) -> Result<()> {
    crate::sync::pause_point("random");
    while !bytes.is_empty() {
        let (to, room) = (bytes.as_mut_ptr(), bytes.len());
        // The C library's function is not used, because a thread can be cancelled in it.
        // SAFETY: `to` and `room` are those of `bytes`, which is borrowed mutably.
        let filled = retry(|| unsafe { libc::syscall(libc::SYS_getrandom, to, room, 0) })
            .map_err(|e| Error::os(Status::System, e.0, format!("getrandom: {e}")))?;
        bytes = &mut bytes[filled as usize..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_are_filled() {
        let (mut a, mut b) = ([0; 1000], [0; 1000]);
        fill(&mut a).unwrap();
        fill(&mut b).unwrap();
        assert_ne!(a[980..], [0; 20]);
        assert_ne!(a, b);
        fill(&mut []).unwrap();
    }
}
