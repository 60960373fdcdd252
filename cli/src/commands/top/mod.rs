//! `plasma top`.

mod draw;
mod heap;
mod keys;
mod rates;
mod snapshot;
mod view;

use crate::advice::Purpose;
use crate::failure::{Failure, Result, words};
use crate::store::Store;
use crate::units::parse_duration;
use plasma::{Client, Status};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Show a store live: room, rates, clients, objects, and a map of the heap
///
/// Keys: q quits, arrows select an object, s sorts by the next column, r reverses the order, / filters
/// by name, d deletes the selected object, p pauses, ? shows help.
#[derive(clap::Args)]
pub struct Args {
    /// Time between two updates
    #[arg(short, long, value_name = "TIME", value_parser = parse_duration, default_value = "1s")]
    interval: Duration,

    /// Crash after the first draw, to test that the terminal is restored
    #[cfg(debug_assertions)]
    #[arg(long, hide = true)]
    crash: bool,
}

/// The shortest time between two updates.
const LEAST: Duration = Duration::from_millis(50);

pub fn run(args: &Args, store: &Store) -> Result<()> {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return Err(Failure::usage("top needs a terminal")
            .hint(format!("plasma stat{} shows the same once", store.flag())));
    }
    let client = connect(store)?;
    let mut view = view::View::new(&client)?;
    let signals = catch()?;
    let mut terminal = ratatui::try_init().map_err(|error| {
        Failure::usage(format!("the terminal cannot be used: {}", words(&error)))
    })?;
    let shown = show(args, &client, &mut view, &mut terminal, &signals);
    ratatui::restore();
    shown
}

/// Connects to write, so that objects can be deleted, or only to read if the mode denies that.
fn connect(store: &Store) -> Result<Arc<Client>> {
    let options = plasma::ConnectOptions::default().existing(true);
    match Client::connect(store.address(), &options) {
        Ok(client) => Ok(Arc::new(client)),
        Err(error) if error.status() == Status::Permission => store.read(),
        Err(error) => Err(store.cannot(Purpose::Change, &error)),
    }
}

/// The last signal that asks the command to end, or 0.
fn catch() -> Result<Arc<AtomicUsize>> {
    let last = Arc::new(AtomicUsize::new(0));
    for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
        signal_hook::flag::register_usize(signal, Arc::clone(&last), signal as usize)?;
    }
    Ok(last)
}

/// Wait briefly for a key or a new size. On a terminal that is gone, each read returns the end of the
/// file, and crossterm would read forever.
fn has_event(left: Duration) -> Result<bool> {
    // A short time, so that a signal is handled soon.
    let left = left.min(Duration::from_millis(100));
    let left = Timespec { tv_sec: 0, tv_nsec: left.subsec_nanos().into() };
    let stdin = std::io::stdin();
    let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
    match poll(&mut fds, Some(&left)) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(errno) => return Err(std::io::Error::from(errno).into()),
    }
    if fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR) {
        return Err(Failure::Signal(SIGHUP));
    }
    Ok(event::poll(Duration::ZERO)?)
}

fn show(
    args: &Args,
    client: &Client,
    view: &mut view::View,
    terminal: &mut DefaultTerminal,
    signals: &AtomicUsize,
) -> Result<()> {
    let interval = args.interval.max(LEAST);
    let mut next = Instant::now();
    let mut changed = false;
    loop {
        match signals.load(Ordering::SeqCst) {
            0 => {}
            signal => return Err(Failure::Signal(signal as i32)),
        }
        let begun = Instant::now();
        if begun >= next {
            view.update(client)?;
            // A store that takes long to read is read less often.
            next = begun + interval.max(begun.elapsed() * 4);
            changed = true;
        }
        if std::mem::take(&mut changed) {
            let drawn = terminal.draw(|frame| draw::draw(frame, view));
            drawn.map_err(|error| Failure::from(error).context("cannot draw"))?;
            #[cfg(debug_assertions)]
            assert!(!args.crash, "as --crash said");
        }
        let left = next.saturating_duration_since(Instant::now());
        if !has_event(left)? {
            continue;
        }
        changed = true;
        if let Event::Key(key) = event::read()?
            && key.kind == KeyEventKind::Press
            && keys::press(view, client, key) == keys::Next::Quit
        {
            return Ok(());
        }
    }
}
