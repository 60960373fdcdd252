//! `plasma wait`.

use crate::failure::Result;
use crate::interrupt;
use crate::object::{Call, Object, about, late};
use crate::store::Store;
use crate::units::parse_duration;
use plasma::{Error, Status};
use std::ffi::OsString;
use std::time::{Duration, Instant};

/// Wait until objects exist and are sealed
#[derive(clap::Args)]
#[command(after_long_help = crate::object::HELP)]
pub struct Args {
    /// Ids, the first digits of ids of existing objects, or names
    #[arg(value_name = "ID|NAME", required = true)]
    objects: Vec<OsString>,

    /// How long to wait in all: 500ms, 10s, 5m; default: forever
    #[arg(short, long, value_name = "TIME", value_parser = parse_duration)]
    timeout: Option<Duration>,
}

pub fn run(args: &Args, store: &Store) -> Result<()> {
    let calls = args.objects.iter().map(|object| Call::new(object)).collect::<Result<Vec<_>>>()?;
    let client = interrupt::catch(|| store.read())?;
    let end = args.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    for (object, call) in args.objects.iter().zip(&calls) {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let waited = match call.object(&client)? {
            Object::Id(id) => client.wait(&[id], 0, left, &mut [false]).and_then(|outcome| {
                if outcome.enough { Ok(()) } else { Err(Error::plain(Status::Timeout)) }
            }),
            Object::Name(name) => client.get_by_name(&name, left).map(drop),
        };
        waited.map_err(|error| match error.status() {
            Status::Timeout | Status::NotFound | Status::NotSealed => {
                late(&client, object, "in time")
            }
            _ => about(object, error),
        })?;
    }
    Ok(())
}
