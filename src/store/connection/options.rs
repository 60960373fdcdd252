//! The options of a connection: valid values, and how they compare with an existing store.

use crate::error::{Error, Result, Status};
use crate::layout::client::READERS;
use crate::options::{ConnectOptions, Eviction};
use crate::segment::{Address, NewStore, Segment};

pub fn validate_options(options: &ConnectOptions) -> Result<()> {
    let wrong = |text: &str| Err(Error::new(Status::InvalidArgument, text));
    if options.exclusive && (options.existing || options.read_only) {
        return wrong(
            "PLASMA_CONNECT_EXCLUSIVE creates a store, but EXISTING and READ_ONLY never do",
        );
    }
    if options.huge_pages > 1 {
        return wrong("huge_pages is 0 or 1");
    }
    if options.max_readers > u64::from(READERS) {
        return wrong("max_readers is at most 1024; 0 is the default, 1024");
    }
    if options.mode != 0 {
        crate::segment::check_mode(options.mode)?;
    }
    Ok(())
}

pub fn new_store(options: &ConnectOptions) -> Result<NewStore> {
    use crate::layout::header::{FLAG_EPHEMERAL, FLAG_HUGE_PAGES, FLAG_LRU};
    let flag = |on: bool, flag: u32| if on { flag } else { 0 };
    Ok(NewStore {
        capacity: options.capacity,
        max_objects: options.max_objects,
        mode: if options.mode == 0 { 0o600 } else { options.mode },
        flags: flag(options.ephemeral, FLAG_EPHEMERAL)
            | flag(options.eviction == Some(Eviction::Lru), FLAG_LRU)
            | flag(options.huge_pages == 1, FLAG_HUGE_PAGES),
        reserve: options.reserve,
        reader_quota: options.reader_quota,
        max_readers: options.max_readers,
    })
}

/// Returns an error if the options forbid using a store that exists.
pub fn ensure_acceptable(
    address: &Address,
    options: &ConnectOptions,
    segment: &Segment,
) -> Result<()> {
    if options.exclusive {
        return Err(exists_error(address));
    }
    ensure_matching(address, options, segment)
}

/// Returns an error if an option that was given differs from the existing store.
fn ensure_matching(address: &Address, options: &ConnectOptions, segment: &Segment) -> Result<()> {
    let facts = &segment.facts;
    let differs = |what: &str, asked: String, is: String| {
        Err(Error::new(
            Status::Mismatch,
            format!(
                "{} has {what} {is}, but {asked} was requested; omit it to accept the store's value",
                address.display()
            ),
        ))
    };
    let capacity = options.capacity.checked_next_multiple_of(64).unwrap_or(u64::MAX);
    if options.capacity != 0 && capacity != facts.geometry.capacity {
        return differs("capacity", capacity.to_string(), facts.geometry.capacity.to_string());
    }
    let max_objects = u64::from(facts.geometry.max_objects);
    if options.max_objects != 0 && options.max_objects != max_objects {
        return differs("max_objects", options.max_objects.to_string(), max_objects.to_string());
    }
    if options.mode != 0 && options.mode != facts.mode {
        return differs("mode", format!("{:04o}", options.mode), format!("{:04o}", facts.mode));
    }
    let readers = [
        ("reader_quota", options.reader_quota, facts.reader_quota),
        ("max_readers", options.max_readers, facts.max_readers.into()),
    ];
    for (what, asked, is) in readers {
        if asked != 0 && asked != is {
            return differs(what, asked.to_string(), is.to_string());
        }
    }
    if let Some(asked) = options.eviction
        && (asked == Eviction::Lru) != facts.lru()
    {
        let name = |lru: bool| if lru { "LRU" } else { "NONE" }.to_string();
        return differs("eviction", name(asked == Eviction::Lru), name(facts.lru()));
    }
    if options.huge_pages == 1 && !facts.huge_pages() {
        return differs("huge_pages", "1".into(), "0".into());
    }
    if options.ephemeral && !facts.ephemeral() {
        return differs("EPHEMERAL", "on".into(), "off".into());
    }
    Ok(())
}

pub fn not_found_error(address: &Address) -> Error {
    Error::new(
        Status::StoreNotFound,
        format!(
            "there is no store at {}; connect without EXISTING and READ_ONLY to create one",
            address.display()
        ),
    )
}

fn exists_error(address: &Address) -> Error {
    Error::new(
        Status::StoreExists,
        format!("{} exists; connect without EXCLUSIVE to open it", address.display()),
    )
}
