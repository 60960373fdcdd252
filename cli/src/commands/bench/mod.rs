//! `plasma bench`.

mod floors;
mod measures;
mod numbers;
mod partner;
mod verdict;

use crate::failure::Result;
use crate::interrupt;
use crate::output::{json as write_json, stdout};
use crate::store::Store;
use crate::table::{Align, Table};
use crate::units::short_time;
use plasma::{Client, ConnectOptions, ObjectId};
use serde_json::json;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use numbers::{Floor, LARGE, Numbers};

pub use partner::Args as PartnerArgs;
pub use partner::run as run_partner;

/// Time get, put, hand-over and copies on this machine, and judge them
///
/// The command uses a store of its own and removes it afterwards. It compares the times with the best
/// that the machine can do, measured in the same run: copying memory, and waking a thread.
#[derive(clap::Args)]
pub struct Args {
    /// Total time to measure, 1 to 60
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,

    #[command(flatten)]
    json: crate::output::Json,
}

pub fn run(args: &Args) -> Result<()> {
    let word = format!("bench-{}", &ObjectId::random()?.to_hex()[..12]);
    let store = Store::new(Some(&word.into()))?;
    let options = ConnectOptions::default()
        .exclusive(true)
        .ephemeral(true)
        .capacity(2 * LARGE as u64 + (64 << 20));
    let connect = || store.connect(&options);
    let client =
        interrupt::catch(connect).map_err(|f| f.context("cannot create a store to measure"))?;
    let path = client.address().to_string_lossy().into_owned();
    let numbers = measure(&client, &path, args.seconds);
    // Also if it was interrupted, or the other process is still connected.
    let _ = Client::remove_store(Some(&path));
    let numbers = numbers?;
    if args.json.json { report_json(&numbers) } else { report(&numbers) }
}

fn measure(client: &Arc<Client>, path: &str, seconds: u64) -> Result<Numbers> {
    let share = |part: u64| Duration::from_millis(seconds * 10 * part);
    let memcpy = floors::memcpy(share(10), LARGE)?;
    let wake = floors::wake(share(10))?;
    let get = measures::get(client, share(12))?;
    let put = measures::put(client, share(12))?;
    let hand_over = measures::hand_over(client, path, share(16))?;
    let (first_copy, copy) = measures::copy(client, share(20))?;
    let memcpy = Floor { before: memcpy, after: floors::memcpy(share(10), LARGE)? };
    let wake = Floor { before: wake, after: floors::wake(share(10))? };
    Ok(Numbers { memcpy, wake, get, put, hand_over, first_copy, copy })
}

fn report_json(numbers: &Numbers) -> Result<()> {
    let verdict = verdict::of(numbers);
    write_json(&json!({
        "memcpy_bytes_per_s": numbers.memcpy.mean(),
        "wake_ns": numbers.wake.mean(),
        "get_release_ns": numbers.get,
        "put_delete_ns": numbers.put,
        "hand_over_ns": numbers.hand_over,
        "first_copy_bytes_per_s": numbers.first_copy,
        "copy_bytes_per_s": numbers.copy,
        "verdict": verdict.words(),
        "good": verdict.is_good(),
    }))
}

fn report(numbers: &Numbers) -> Result<()> {
    let rate = |bytes: f64| format!("{:.1} GB/s", bytes / 1e9);
    let mut table =
        Table::new(&[("WHAT", Align::Left), ("MEASURED", Align::Right), ("COMPARED", Align::Left)]);
    let mut row = |what: &str, measured: String, compared: String| {
        table.row(vec![what.to_owned(), measured, compared]);
    };
    let share = |rate: f64| format!("{:.0}% of memcpy", rate / numbers.memcpy.mean() * 100.0);
    let times = numbers.hand_over_times();
    row("get and release", short_time(numbers.get), "no system call".to_owned());
    row("put and delete 1 KiB", short_time(numbers.put), String::new());
    let compared = format!("{times:.1} times a put and a wake");
    row("hand over to a process", short_time(numbers.hand_over), compared);
    row("put 64 MiB, new memory", rate(numbers.first_copy), share(numbers.first_copy));
    row("put 64 MiB, again", rate(numbers.copy), share(numbers.copy));
    row("floor: memcpy", rate(numbers.memcpy.mean()), drift(&numbers.memcpy));
    row("floor: futex wake", short_time(numbers.wake.mean()), drift(&numbers.wake));
    let verdict = verdict::of(numbers);
    let mut out = stdout();
    table.write(&mut out)?;
    writeln!(out, "\n{}", verdict.words())?;
    Ok(out.flush()?)
}

fn drift(floor: &Floor) -> String {
    format!("{:.0}% apart before and after", floor.drift() * 100.0)
}
