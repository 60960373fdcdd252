//! `plasma rm`.

use crate::failure::{Exit, Failure, Result};
use crate::object::{about, find};
use crate::store::Store;
use plasma::Status;
use std::ffi::OsString;

/// Delete objects: gone at once for others, the memory of those that are held follows
#[derive(clap::Args)]
#[command(after_long_help = crate::object::HELP)]
pub struct Args {
    /// Their ids, the first digits of them, or names
    #[arg(value_name = "ID|NAME", required = true)]
    objects: Vec<OsString>,

    /// Objects that are not there are no failure
    #[arg(short, long)]
    force: bool,
}

pub fn run(args: &Args, store: &Store) -> Result<()> {
    let client = store.write()?;
    for object in &args.objects {
        let deleted = find(&client, object).and_then(|id| {
            client.delete(&id).map_err(|error| match error.status() {
                Status::NotSealed => about(object, error)
                    .hint("who writes it can abort it; `plasma info` says who that is"),
                _ => about(object, error),
            })
        });
        match deleted {
            Err(Failure::Because(Exit::NotFound, _)) if args.force => {}
            deleted => deleted?,
        }
    }
    Ok(())
}
