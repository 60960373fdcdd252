//! Connect: open the store or create it, and join it.

use crate::error::{Error, Result, Status};
use crate::layout::header::Lifecycle;
use crate::options::ConnectOptions;
use crate::segment::{Access, Address, create, finish_removal, open};
use crate::store::connection::join::PATIENCE;
use crate::store::connection::options::{new_store, not_found_error, validate_options};
use crate::store::session::Session;
use crate::sys::{clock, fork};
use std::sync::Arc;
use std::time::Duration;

/// The most attempts to open or create a store while other processes create and remove it.
const ATTEMPTS: u32 = 1000;

/// The most attempts, 1 ms apart, to open a store that is being removed.
const GONE_ATTEMPTS: u32 = 200;

impl Session {
    /// Connects: opens the store or creates it, and joins it.
    pub fn connect(address: Option<&str>, options: &ConnectOptions) -> Result<Arc<Session>> {
        let address = Address::parse(address)?;
        validate_options(options)?;
        fork::install().map_err(|errno| errno.because("cannot prepare for fork"))?;
        let mut gone = None;
        let end = clock::monotonic_ns().saturating_add(PATIENCE.as_nanos() as u64);
        for attempt in 0..ATTEMPTS {
            match Self::try_connect(&address, options) {
                Ok(Some(session)) => return Ok(Arc::new(session)),
                Ok(None) if clock::monotonic_ns() < end => {}
                Ok(None) => break,
                // The store was just removed, or its removal is in progress.
                Err(error)
                    if error.status() == Status::StoreGone
                        && attempt < GONE_ATTEMPTS
                        && clock::monotonic_ns() < end =>
                {
                    gone = Some(error);
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(error) => return Err(error),
            }
        }
        Err(gone.unwrap_or_else(|| {
            Error::new(
                Status::StoreGone,
                format!("{} is removed and created again and again", address.display()),
            )
        }))
    }

    /// Makes one attempt; `None` if the store appeared or went during the attempt.
    fn try_connect(address: &Address, options: &ConnectOptions) -> Result<Option<Session>> {
        let access = if options.read_only { Access::Read } else { Access::Write };
        let existing = options.existing || options.read_only;
        let opened = open(address, access);
        let opened = match existing {
            true => opened,
            false => opened.map_err(|error| {
                error.and_if(
                    Status::NotAStore,
                    "to create a store, pass a path that does not exist yet",
                )
            }),
        };
        let Some(segment) = opened? else {
            if existing {
                return Err(not_found_error(address));
            }
            if !create(address, &new_store(options)?)? {
                return Ok(None);
            }
            let Some(segment) = open(address, access)? else { return Ok(None) };
            return Self::join(address, options, segment, true);
        };
        if segment.lifecycle()? == Lifecycle::Gone {
            // A removal changes the index, which a READ_ONLY client may not.
            if options.read_only {
                return Err(not_found_error(address));
            }
            finish_removal(address, &segment).map_err(|error| {
                let why = format!("{} was removed, but its directory remains", address.display());
                Error::os(Status::StoreGone, error.errno(), format!("{why}: {error}"))
            })?;
            return Ok(None);
        }
        Self::join(address, options, segment, false)
    }
}
