//! Every call of the C API together with every disturbance.
//!
//! A cell is a call, its situation (free, waiting, or waiting for the owner of the writer lock), a
//! disturbance, and a kind of store. Each runs in a process of its own: the call is paused at a
//! point of the library while the disturbance happens, and returns a status that `expected.rs`
//! allows. Afterwards the store is sound and contains the objects of the model.
#![allow(unsafe_code)] // it calls as C does, and disturbs its own process as others may

mod api;
mod calls;
#[path = "../common/mod.rs"]
mod common;
mod cover;
mod crowd;
mod disturbances;
mod expected;
mod fixture;
mod harness;
mod history;
mod judge;
mod owner;
mod points;
mod run;
mod stress;
mod system;
mod table;
mod thread;

const CHILD: &str = "a_child_plays_its_role";

#[test]
fn a_child_plays_its_role() {
    let Some(role) = common::role() else { return };
    system::die_with_parent();
    match role[0].as_str() {
        "cell" => run::play(&role),
        "stress" => stress::play(&role),
        "owner" => owner::play(&role[1]),
        "crowd" => crowd::play(&role[1], role[2].parse().unwrap(), role[3].parse().unwrap()),
        other => panic!("no role {other}"),
    }
}
