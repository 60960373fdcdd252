//! `plasma rm`.

use crate::failure::{Exit, Failure, Result};
use crate::object::{about, find};
use crate::store::Store;
use plasma::Status;
use std::ffi::OsString;

/// Delete objects; the memory of those that are held is freed when they are released
#[derive(clap::Args)]
#[command(after_long_help = crate::object::HELP)]
pub struct Args {
    /// Ids, the first digits of ids, or names
    #[arg(value_name = "ID|NAME", required = true)]
    objects: Vec<OsString>,

    /// Do not fail for objects that do not exist
    #[arg(short, long)]
    force: bool,
}

pub fn run(args: &Args, store: &Store) -> Result<()> {
    let client = store.write()?;
    for object in &args.objects {
        let deleted = find(&client, object).and_then(|id| {
            client.delete(&id).map_err(|error| match error.status() {
                Status::NotSealed => about(object, error)
                    .hint("its writer can abort it; plasma info shows the writer"),
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
