//! Every call of the C API beside everything that can happen to it.
//!
//! A cell is a call, where it is (free, waiting, or behind the owner of the writer lock), what
//! disturbs it, and the kind of store. Each is run in a process of its own: the call stands at a point
//! of the library while the disturbance comes, and returns a status that `expected.rs` allows; then the
//! store is sound and holds the objects of the model.
#![allow(unsafe_code)] // it calls as C does, and does to its own process what others may do

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
