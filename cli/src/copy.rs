//! Copies between files and objects.

use crate::failure::Result;
use crate::interrupt;
use crate::progress::Progress;
use plasma::{MutableBuffer, Status};
use rustix::event::PollFlags;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

/// Bytes that are copied between two checks for signals.
const CHUNK: usize = 4 << 20;

/// Bytes that are read at once past the end of the object.
const BEYOND: usize = 64 << 10;

/// How a copy ended: by the command's own failure, or by an error of the file.
pub enum Broken {
    Failed(crate::failure::Failure),
    File(io::Error),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

impl From<crate::failure::Failure> for Broken {
    fn from(failure: crate::failure::Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Write `bytes` to a file. The kernel lets one thread at a time write to it.
pub fn to_file(file: &File, bytes: &[u8], progress: &Progress) -> Result<(), Broken> {
    for (i, chunk) in bytes.chunks(CHUNK).enumerate() {
        progress.show()?;
        file.write_all_at(chunk, (i * CHUNK) as u64)?;
        progress.add(chunk.len() as u64);
    }
    Ok(())
}

/// Add the rest of a file or pipe to an object. It grows as needed, waits for room until `end`, and
/// gets the length of the data.
pub fn to_end(
    input: &mut (impl Read + AsFd),
    object: &mut MutableBuffer,
    end: Instant,
    progress: &Progress,
) -> Result<(), Broken> {
    let mut len = object.len();
    // So that an object of exactly the right length does not grow.
    let mut more = vec![0; BEYOND];
    loop {
        progress.show()?;
        if !interrupt::ready(&*input, PollFlags::IN)? {
            continue;
        }
        let room = object.len().min(len + CHUNK);
        let read = match len < room {
            true => input.read(&mut object.as_mut_slice()[len..room]),
            false => input.read(&mut more),
        };
        match read {
            Ok(0) => break,
            Ok(read) => {
                if len == room {
                    grow(object, read, end)?;
                    object.as_mut_slice()[len..len + read].copy_from_slice(&more[..read]);
                }
                len += read;
                progress.add(read as u64);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    object.resize(len as u64).map_err(crate::failure::Failure::from)?;
    Ok(())
}

/// Grow by half, or by less if there is no room for that, but by at least `least` bytes.
fn grow(object: &mut MutableBuffer, least: usize, end: Instant) -> Result<()> {
    let (len, least) = (object.len() as u64, least as u64);
    let most = (len / 2).max(1 << 20);
    let mut more = most;
    loop {
        interrupt::check()?;
        let error = match object.resize(len + more) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        match error.status() {
            Status::OutOfMemory | Status::TooLarge if more > least => more = least.max(more / 2),
            Status::OutOfMemory if Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(10));
                more = most;
            }
            _ => return Err(crate::failure::no_room(error)),
        }
    }
}

/// Write `bytes` to a pipe or a terminal.
pub fn to_pipe(
    pipe: &mut (impl Write + AsFd),
    bytes: &[u8],
    progress: &Progress,
) -> Result<(), Broken> {
    let mut left = bytes;
    while !left.is_empty() {
        progress.show()?;
        if !interrupt::ready(&*pipe, PollFlags::OUT)? {
            continue;
        }
        // A pipe takes this at once, so that a signal is handled soon.
        match pipe.write(&left[..left.len().min(64 << 10)]) {
            Ok(0) => return Err(io::Error::from(ErrorKind::WriteZero).into()),
            Ok(written) => {
                left = &left[written..];
                progress.add(written as u64);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
