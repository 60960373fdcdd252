//! Threads that share one client, with disturbances at random places of the library.
//!
//! Each call may pause at one of its points, and there its thread interrupts the client, forks,
//! lets another client join and leave, gets a signal, is cancelled, or lets other threads run.
//! Whatever happens, the results of each object's calls are those of some order of them, which
//! `history.rs` finds, and the store is sound afterwards. Everything is drawn from a seed.

use super::api::*;
use super::common::{Rng, Scratch, assert_sound, connect as rust_connect, id, say, spawn};
use super::history::{Did, Entry, History, State};
use super::system;
use super::thread::{Victim, nap, until};
use super::{CHILD, fixture};
use plasma::ffi::*;
use plasma::sync::{at_point, no_more_points};
use std::ffi::CString;
use std::mem::MaybeUninit;
use std::ptr::null;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};

const THREADS: u64 = 3;
const OBJECTS: u64 = 3;
const CALLS: u64 = 14;
const SIZE: u64 = 700;
const STRESSED: u8 = 6;

struct Shared {
    address: CString,
    client: Handle,
    clock: AtomicU64,
    history: History,
    done: AtomicU32,
    interrupts: AtomicU32,
}

/// A disturbance at the point where a call pauses.
#[derive(Clone, Copy)]
enum Event {
    Pause,
    Interrupt,
    Signal,
    Cancel,
    Fork,
    Visitor,
}

fn draw_event(rng: &mut Rng) -> Event {
    match rng.below(40) {
        0..24 => Event::Pause,
        24..31 => Event::Interrupt,
        31..34 => Event::Signal,
        34..37 => Event::Cancel,
        37 => Event::Fork,
        _ => Event::Visitor,
    }
}

fn happen(event: Event, shared: &Shared) {
    match event {
        Event::Pause => (0..20).for_each(|_| nap()),
        Event::Interrupt => {
            shared.interrupts.fetch_add(1, SeqCst);
            assert_eq!(plasma_interrupt(shared.client.get()), OK);
        }
        // SAFETY: takes no pointers; the handler counts.
        Event::Signal => assert_eq!(unsafe { libc::raise(libc::SIGUSR1) }, 0),
        Event::Cancel => {
            // SAFETY: takes nothing and cannot fail.
            let own = unsafe { libc::pthread_self() };
            // SAFETY: this thread's own handle.
            assert_eq!(unsafe { libc::pthread_cancel(own) }, 0);
        }
        Event::Fork => system::in_child(|| {
            let mut state = MaybeUninit::uninit();
            let id = fixture::c_id(&id(STRESSED, 0));
            let inherited = plasma_contains(shared.client.get(), Some(&id), Some(&mut state));
            i32::from(inherited != FORKED)
        }),
        Event::Visitor => {
            let visitor = connect(&shared.address, &existing()).expect("a visitor");
            plasma_disconnect(visitor.0);
        }
    }
}

/// One thread's calls.
fn work(shared: Arc<Shared>, seed: u64) {
    let mut rng = Rng(seed);
    let mut writer: Option<(u64, plasma_mutable_buffer_t)> = None;
    for n in 0..CALLS {
        let number = writer.as_ref().map_or_else(|| rng.below(OBJECTS), |(number, _)| *number);
        let event = draw_event(&mut rng);
        let there = shared.clone();
        let cancels = matches!(event, Event::Cancel);
        if rng.below(3) > 0 {
            at_point(1 + rng.below(60), move |_| happen(event, &there));
        }
        let begun = shared.clock.fetch_add(1, SeqCst);
        let salt = (seed ^ n) as u8;
        let (did, status) = call(&shared, &mut rng, number, salt, &mut writer);
        let ended = shared.clock.fetch_add(1, SeqCst);
        let met = !no_more_points();
        shared.history.add(number, Entry { did, status, begun, ended });
        if cancels && met {
            // The thread ends when the call has returned, and the object that it was writing is
            // aborted.
            break;
        }
    }
    if let Some((number, mut writer)) = writer {
        // Others may interrupt it.
        let mut status = INTERRUPTED;
        while status == INTERRUPTED {
            let begun = shared.clock.fetch_add(1, SeqCst);
            status = plasma_abort(Some(&mut writer));
            let ended = shared.clock.fetch_add(1, SeqCst);
            shared.history.add(number, Entry { did: Did::Abort, status, begun, ended });
        }
        assert_eq!(status, OK);
    }
    shared.done.fetch_add(1, SeqCst);
}

type Writer = Option<(u64, plasma_mutable_buffer_t)>;

fn call(shared: &Shared, rng: &mut Rng, number: u64, salt: u8, writer: &mut Writer) -> (Did, i32) {
    let client = shared.client.get();
    let id = fixture::c_id(&id(STRESSED, number));
    if let Some((_, mut buffer)) = writer.take() {
        let seals = rng.below(3) > 0;
        let (did, status) = if seals {
            bytes_mut(&buffer).fill(salt);
            (Did::Seal, plasma_seal(Some(&mut buffer)))
        } else {
            (Did::Abort, plasma_abort(Some(&mut buffer)))
        };
        if status != OK {
            *writer = Some((number, buffer));
        }
        return (did, status);
    }
    match rng.below(6) {
        0 => {
            let mut made = MaybeUninit::uninit();
            let status = plasma_create(client, Some(&id), SIZE, null(), Some(&mut made));
            if status == OK {
                *writer = Some((number, written(&made)));
            }
            (Did::Create, status)
        }
        1 => {
            let data = [salt; SIZE as usize];
            (Did::Put, plasma_put(client, Some(&id), void(&data), SIZE, null()))
        }
        2 | 3 => {
            let mut got = MaybeUninit::uninit();
            let waits = if rng.below(2) == 0 { 0 } else { 2 };
            let status = plasma_get(client, Some(&id), waits, Some(&mut got));
            if status == OK {
                let mut got = written(&got);
                let data = bytes(got.data, got.size);
                assert!(data.len() == SIZE as usize && data.iter().all(|it| *it == data[0]));
                assert_eq!(plasma_release(Some(&mut got)), OK);
            }
            (if waits == 0 { Did::Get } else { Did::WaitFor }, status)
        }
        4 => {
            let mut state = MaybeUninit::uninit();
            let status = plasma_contains(client, Some(&id), Some(&mut state));
            let state = if status == OK { written(&state) } else { 0 };
            let state = [State::Absent, State::Writing, State::Sealed][state as usize];
            (Did::Contains(state), status)
        }
        _ => (Did::Delete, plasma_delete(client, Some(&id))),
    }
}

/// The role of a process: some rounds, each with a client of its own.
pub fn play(role: &[String]) {
    let (address, rounds) = (&role[1], role[3].parse::<u64>().unwrap());
    let mut rng = Rng(role[2].parse().unwrap());
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::exit(101);
    }));
    let outside = fixture::make_store(address, fixture::StoreKind::Plain);
    system::handle_signals(true, true);
    for round in 0..rounds {
        let client = connect(&c_string(address), &existing()).unwrap();
        let shared = Arc::new(Shared {
            address: c_string(address),
            client,
            clock: AtomicU64::new(0),
            history: History::new(OBJECTS),
            done: AtomicU32::new(0),
            interrupts: AtomicU32::new(0),
        });
        let threads: Vec<Victim> = (0..THREADS)
            .map(|_| {
                let (shared, seed) = (shared.clone(), rng.next());
                Victim::spawn(move || work(shared, seed))
            })
            .collect();
        until("the end of a round", || shared.done.load(SeqCst) == THREADS as u32);
        threads.into_iter().for_each(|thread| _ = thread.join());
        plasma_disconnect(client.0);
        let interrupted = shared.interrupts.load(SeqCst) > 0;
        for number in 0..OBJECTS {
            let end = match outside.contains(&id(STRESSED, number)).unwrap() {
                plasma::ObjectState::Absent => State::Absent,
                plasma::ObjectState::Sealed => State::Sealed,
                other => panic!("round {round}: object {number} is left {other:?}"),
            };
            shared.history.judge(number, end, interrupted, &format!("round {round}"));
            if end == State::Sealed {
                outside.delete(&id(STRESSED, number)).unwrap();
            }
        }
        assert_sound(&outside, &format!("round {round}"));
    }
    drop(outside);
    let fresh = rust_connect(address);
    fresh.reap().unwrap();
    let stats = fresh.stats().unwrap();
    assert_eq!((stats.leases, stats.objects_writing, stats.objects_deleted), (0, 0, 0));
    say("right");
}

/// Processes of the short form, and rounds of each.
const PROCESSES: u64 = 4;
const ROUNDS: u64 = 40;

#[test]
fn threads_that_share_a_client_see_some_order_of_their_calls() {
    let number = |name: &str| std::env::var(name).ok().and_then(|it| it.parse::<u64>().ok());
    let seed = number("PLASMA_STRESS_SEED").unwrap_or(1);
    let processes = number("PLASMA_STRESS_PROCESSES").unwrap_or(PROCESSES);
    for n in 0..processes {
        let scratch = Scratch::new();
        let (address, seed) = (scratch.store("store"), (seed + n).to_string());
        let child = spawn(CHILD, &["stress", &address, &seed, &ROUNDS.to_string()]);
        assert_eq!(child.next().as_deref(), Some("right"), "PLASMA_STRESS_SEED={seed}");
        assert!(child.end().success(), "PLASMA_STRESS_SEED={seed}");
    }
}
