//! The other process of `plasma bench`: answers each object with another.

use crate::failure::{Failure, Result};
use crate::store::Store;
use plasma::{CreateOptions, ObjectId};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Answer each object of `plasma bench` with another
#[derive(clap::Args)]
pub struct Args {}

/// How long to wait for the other process before it counts as dead.
const PATIENCE: Duration = Duration::from_secs(10);

/// The object of a turn: from the measuring process (0), or back (1).
pub fn id(way: u8, turn: u64) -> ObjectId {
    let mut bytes = *b"plasma bench\0\0\0\0\0\0\0\0";
    bytes[12..].copy_from_slice(&turn.to_be_bytes());
    bytes[11] = way;
    ObjectId::new(bytes)
}

pub fn run(_: &Args, store: &Store) -> Result<()> {
    let client = store.write()?;
    for turn in 0.. {
        let ping = id(0, turn);
        drop(client.get(&ping, Some(PATIENCE))?);
        client.put(&id(1, turn), &[1], &CreateOptions::default())?;
        client.delete(&ping)?;
    }
    Ok(())
}

/// The other process, which ends with this value.
pub struct Partner(Child);

impl Partner {
    pub fn start(path: &str) -> Result<Self> {
        let cannot =
            |error: std::io::Error| Failure::from(error).context("cannot start a second process");
        let program = std::env::current_exe().map_err(cannot)?;
        let mut command = Command::new(program);
        command.args(["-s", path, "bench-partner"]).stdin(Stdio::null()).stdout(Stdio::null());
        Ok(Self(command.stderr(Stdio::null()).spawn().map_err(cannot)?))
    }

    pub fn stop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Partner {
    fn drop(&mut self) {
        self.stop();
    }
}
