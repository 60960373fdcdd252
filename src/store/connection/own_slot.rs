//! This client's slot among the members, taken once its serial is locked.

use crate::error::{Error, Result, Status};
use crate::layout::client::FLAG_READ_ONLY;
use crate::layout::members::{ALL_SLOTS, FREE, MemberHeader, PAGE_LEASES, SLOTS, Slot};
use crate::protocols::members;
use crate::segment::{Life, OwnWords, Segment, Single};
use crate::store::connection::own_rows::Rows;
use crate::sync::Ordering::Relaxed;
use crate::sync::local::AtomicU32;
use crate::sync::mutex::Mutex;
use crate::sys::{clock, process};

/// This client's slot.
pub struct OwnSlot {
    pub slot: u32,
    pub serial: u64,
    words: OwnWords,
    header: Single<MemberHeader>,
    /// Lease words that are mapped.
    mapped: AtomicU32,
    /// None once the client has left.
    life: Mutex<Option<Life>>,
}

impl OwnSlot {
    /// Takes the first free slot.
    pub fn join(segment: &Segment) -> Result<Self> {
        let life = Self::begin(segment)?;
        let members = &segment.members;
        for (slot, entry) in (0..SLOTS).zip(members.slots()) {
            if members::tenant(entry) != FREE {
                continue;
            }
            members.prepare_page(slot)?;
            if members::claim(entry, life.serial) {
                return Self::move_in(segment, slot, entry, life);
            }
        }
        Err(Error::new(
            Status::Limit,
            format!("{SLOTS} clients are connected; disconnect some, or reap dead clients"),
        ))
    }

    /// Takes a slot for undertakers, a dead one's if no other is free.
    pub fn join_as_undertaker(segment: &Segment) -> Result<Self> {
        let life = Self::begin(segment)?;
        let members = &segment.members;
        for slot in SLOTS..ALL_SLOTS {
            let Some(entry) = members.slot(slot) else { break };
            members.prepare_page(slot)?;
            let is_dead = |serial| matches!(segment.ask(serial), Ok(false));
            let is_named = || segment.lock().peek().owner().map(u32::from) == Some(slot);
            if members::claim(entry, life.serial)
                || members::inherit(entry, life.serial, is_dead, is_named)
            {
                return Self::move_in(segment, slot, entry, life);
            }
        }
        Err(Error::new(Status::Limit, "other clients are reaping the dead"))
    }

    fn begin(segment: &Segment) -> Result<Life> {
        segment.members.begin_life(segment.dir.fd()?, segment.facts.foreign_readers())
    }

    /// Clears what earlier tenants left, and says who has the slot now.
    fn move_in(segment: &Segment, slot: u32, entry: &Slot, life: Life) -> Result<Self> {
        let made = OwnWords::new(&segment.members, slot).and_then(|words| {
            let high = members::leases_in_use(entry);
            words.prepare(&segment.members, PAGE_LEASES, high)?;
            let leases = words.leases()?;
            members::clear(leases.iter().take(high as usize));
            Ok((words.header()?, high.max(PAGE_LEASES), words))
        });
        let (header, mapped, words) = match made {
            Ok(made) => made,
            Err(error) => {
                members::vacate(entry, life.serial);
                return Err(error);
            }
        };
        members::forget_leases(entry);
        let own = Self {
            slot,
            serial: life.serial,
            words,
            header,
            mapped: AtomicU32::new(mapped),
            life: Mutex::new(Some(life)),
        };
        own.identify(segment.read_only);
        Ok(own)
    }

    fn identify(&self, read_only: bool) {
        let header = &self.header;
        let (birth, comm) = (process::birth(), u128::from_le_bytes(process::comm()));
        members::identify(&header.identified, self.serial, || {
            header.pid.store(process::pid() as u32, Relaxed);
            header.uid.store(process::uid(), Relaxed);
            header.pid_namespace.store(birth.pid_namespace, Relaxed);
            header.start_time.store(birth.start_time, Relaxed);
            header.connect_time_us.store(clock::epoch_us() as u64, Relaxed);
            header.comm[0].store(comm as u64, Relaxed);
            header.comm[1].store((comm >> 64) as u64, Relaxed);
            header.flags.store(if read_only { FLAG_READ_ONLY } else { 0 }, Relaxed);
        });
    }

    /// The words that this client writes all the time.
    pub fn rows(&self, segment: &Segment) -> Result<Rows> {
        let releases = match segment.facts.lru() {
            true => Some(self.words.ring(&segment.members)?),
            false => None,
        };
        Ok(Rows { leases: self.words.leases()?, released: self.words.released()?, releases })
    }

    /// See [`super::own_client::OwnClient::prepare_leases`].
    pub fn prepare_leases(&self, segment: &Segment, count: u32) -> Result<()> {
        let mapped = self.mapped.load(Relaxed);
        if count > mapped {
            self.words.prepare(&segment.members, mapped, count)?;
            self.mapped.store(count, Relaxed);
        }
        if let Some(entry) = segment.members.slot(self.slot) {
            // Relaxed: the fence of the lease protocol orders it before the validation of any lease
            // in one of these words.
            entry.lease_high.fetch_max(count, Relaxed);
        }
        Ok(())
    }

    pub fn set_joined(&self, joined: bool) {
        // Relaxed: the fences of the lifecycle order it.
        self.header.joined.store(if joined { self.serial } else { 0 }, Relaxed);
    }

    /// Frees the slot, and then unlocks the serial.
    pub fn leave(&self, segment: &Segment) {
        let mut life = self.life.lock();
        if let (Some(entry), Some(_)) = (segment.members.slot(self.slot), &*life) {
            members::vacate(entry, self.serial);
        }
        *life = None;
    }
}
