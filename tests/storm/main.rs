//! A storm: many processes make all calls of the library on one store, by plans that are drawn from
//! a seed, while they are killed, stopped and continued at any moment.
//!
//! Deaths come from outside (SIGKILL), from a timer within an operation, and with the feature
//! `kill-points` at stores to shared memory. `PLASMA_STORM_KILLS` is their number, over all kinds
//! of stores. `PLASMA_STORM_SEED` draws the same plans again: roles, operations, and the order of
//! the killer's actions. The kernel interleaves the processes, so the interleaving does not repeat.

#[path = "../common/mod.rs"]
mod common;
mod death;
mod object;
mod plan;
mod roles;
mod storm;
mod work;

use common::role;
use plan::{Role, StoreKind};

/// Children run this test, which only plays roles.
const CHILD: &str = "a_child_plays_its_role";

#[test]
fn a_child_plays_its_role() {
    let Some(role) = role() else { return };
    let (address, kind) = (&role[1], StoreKind::of(&role[2]));
    death::report_to(std::path::PathBuf::from(&role[3]));
    match role[0].as_str() {
        "victim" => {
            roles::victim(address, kind, Role::of(&role[4]), role[5].parse().unwrap());
        }
        "witness" => roles::witness(address, kind, role[4] == "stranger"),
        other => panic!("no role {other}"),
    }
}

#[test]
fn a_storm_on_a_roomy_store_loses_nothing() {
    storm::run(StoreKind::Roomy);
}

#[test]
fn a_storm_on_a_store_with_eviction_loses_nothing() {
    storm::run(StoreKind::Lru);
}

#[test]
fn a_storm_on_a_store_that_is_always_full_loses_nothing() {
    storm::run(StoreKind::Tiny);
}

#[test]
fn a_storm_on_an_ephemeral_store_leaves_nothing() {
    storm::run(StoreKind::Ephemeral);
}
