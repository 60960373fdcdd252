//! The targets that edit a store's files.

use crate::calls::Call;
use crate::copy::Copy;
use crate::edit::{Edit, Effect};
use crate::image::images;
use crate::world::World;
use arbitrary::{Arbitrary, Unstructured};
use plasma::{Client, Status};
use std::cell::RefCell;

/// Maximum number of edits and calls of one input.
const EDITS: u32 = 12;
const CALLS: u32 = 40;

thread_local! {
    static COPIES: RefCell<[Option<Copy>; 2]> = const { RefCell::new([None, None]) };
}

/// How an execution begins and ends: two bytes. Expensive variants are rare.
#[derive(Clone, Copy)]
struct Setup(u16);

impl Setup {
    fn image(self) -> usize {
        usize::from(self.0 & 1)
    }
    fn read_only(self) -> bool {
        self.0 & 2 != 0
    }
    fn two_clients(self) -> bool {
        self.0 & 4 != 0
    }
    /// Returns whether all objects are read only before the calls, or also after them.
    fn reads_before(self) -> bool {
        self.0 & 8 != 0
    }
    fn reads_after(self) -> bool {
        self.0 & 24 == 24
    }
    /// Returns whether a dead client is alive again, with the file that the edits leave. Reaping it
    /// wakes all waiters, a thousand system calls.
    fn peer_lives(self, peer: u16) -> bool {
        self.0 >> (8 + 4 * peer) & 15 != 0
    }
    fn remove(self) -> bool {
        self.0 & 0xe0 == 0xe0
    }
}

/// Edits a store without clients; then connects, and makes calls.
pub fn resting_store(data: &[u8]) {
    run(data, |copy, world, setup, input| {
        let edits = input.int_in_range(0..=EDITS).unwrap_or(0);
        for _ in 0..edits {
            let Ok(edit) = Edit::arbitrary(input) else { break };
            world.edit(edit.apply(copy, false));
        }
        world.connect(setup.read_only());
        act(world, setup, input, |_, _| {});
    });
}

/// Edits files while clients are connected, hold objects and write some.
pub fn live_store(data: &[u8]) {
    run(data, |copy, world, setup, input| {
        world.connect(false);
        world.call(Call::Get(9));
        world.call(Call::Create { key: 13, size: 700, named: true });
        if setup.two_clients() {
            world.call(Call::Switch);
            world.connect(setup.read_only());
            world.call(Call::Get(10));
        }
        act(world, setup, input, |world, input| {
            if input.ratio(1, 3).unwrap_or(false)
                && let Ok(edit) = Edit::arbitrary(input)
            {
                world.edit(edit.apply(copy, true));
            }
        });
    });
}

fn run(data: &[u8], act: impl FnOnce(&Copy, &mut World<'_>, Setup, &mut Unstructured<'_>)) {
    let Some((first, rest)) = data.split_first_chunk() else { return };
    let setup = Setup(u16::from_le_bytes(*first));
    COPIES.with_borrow_mut(|copies| {
        let number = setup.image();
        let copy = copies[number].get_or_insert_with(|| Copy::new(&images()[number], number));
        copy.restore();
        for peer in 0..2 {
            copy.set_alive(usize::from(peer), setup.peer_lives(peer));
        }
        let address = copy.address().to_owned();
        let mut world = World::new(copy.image, &address);
        act(copy, &mut world, setup, &mut Unstructured::new(rest));
        let effect = world.effect();
        drop(world);
        if setup.remove() {
            remove(&address, effect);
        }
    });
}

fn act(
    world: &mut World<'_>,
    setup: Setup,
    input: &mut Unstructured<'_>,
    mut between: impl FnMut(&mut World<'_>, &mut Unstructured<'_>),
) {
    if setup.reads_before() {
        world.read_all();
    }
    for _ in 0..CALLS {
        if input.is_empty() {
            break;
        }
        between(world, input);
        let Ok(call) = Call::arbitrary(input) else { break };
        world.call(call);
    }
    if setup.reads_after() {
        world.read_all();
        world.call(Call::List);
        world.call(Call::Check);
    }
}

fn remove(address: &str, effect: Effect) {
    match Client::remove_store(Some(address)).map_err(|error| error.status()) {
        Ok(()) => {}
        Err(status) => {
            let opaque = effect == Effect::Opaque && status == Status::Unsupported;
            assert!(effect == Effect::Harmful || opaque, "remove: {status:?}");
            assert!(!matches!(status, Status::Internal | Status::System), "remove: {status:?}");
        }
    }
}
