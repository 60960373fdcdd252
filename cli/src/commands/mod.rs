//! The subcommands, each in a file of its own.

pub mod bench;
pub mod cat;
pub mod check;
pub mod completions;
pub mod create;
pub mod destroy;
pub mod doctor;
pub mod evict;
pub mod get;
pub mod info;
pub mod ls;
pub mod map;
pub mod put;
pub mod reap;
pub mod rm;
pub mod run;
pub mod share;
pub mod stat;
pub mod stores;
pub mod top;
pub mod trim;
pub mod wait;
pub mod watch;
