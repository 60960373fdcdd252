//! Lists of objects, of clients, and of holders. Writers are not stopped.

use crate::error::{Error, Result, Status};
use crate::id::ObjectId;
use crate::info::{ClientInfo, ObjectInfo, ObjectState};
use crate::layout::record::IdWords;
use crate::layout::word::{LeaseWord, RecordWord, State};
use crate::protocols::index::Key;
use crate::store::call::Call;
use crate::store::clients::client_file::Identity;
use crate::store::clients::client_view::ClientView;
use crate::store::clients::holders::{LivingCreator, by_slot, is_among};
use crate::store::clients::lease_counts::{WordMap, WordSet};
use crate::store::objects::find::is_shown;
use crate::store::session::Session;
use crate::support::fallible;
use crate::support::pattern::Pattern;
use crate::sync::Ordering::Relaxed;
use crate::sys::process;

impl Session {
    /// Lists every object, including deleted objects that a client holds. Each entry is true at one
    /// instant of the call. Objects never move in the table, so an object that exists throughout
    /// the call appears exactly once.
    ///
    /// With a pattern, only objects whose names match, and no deleted ones.
    pub fn list(&self, pattern: Option<&Pattern>) -> Result<Vec<ObjectInfo>> {
        self.ensure_open()?;
        let held = self.inspect_holders(|_| Ok(()))?;
        let (mut list, mut living) = (Vec::new(), LivingCreator::default());
        for slot in 0..self.segment.index().used() {
            let word = self.record(slot)?.load();
            let skipped = match word.state() {
                _ if pattern.is_some() && !word.has(RecordWord::NAMED) => true,
                Some(State::Doomed) => pattern.is_some() || held.is_unheld(slot, word),
                Some(State::Writing) => !self.is_unsealed(slot, word, &mut living),
                _ => false,
            };
            if !skipped
                && let Some(mut info) = self.describe(slot, None)?
                && pattern.is_none_or(|pattern| matches_info(pattern, &info))
            {
                info.lease_count = held.leases.of(slot);
                fallible::push(&mut list, info)?;
            }
        }
        Ok(list)
    }

    /// Lists every client, including dead clients that are not reaped yet.
    pub fn list_clients(&self) -> Result<Vec<ClientInfo>> {
        self.collect_clients(None)
    }

    /// Lists the clients that hold an object, by a lease or by writing it, including a deleted
    /// object that had this id.
    pub fn list_holders(&self, call: &Call<'_>, id: &ObjectId) -> Result<Vec<ClientInfo>> {
        self.ensure_open()?;
        // A deleted object keeps its id until its generation ends.
        let words = IdWords::from(id);
        let mut objects = self.collect_doomed(|record| record.has_id(&words))?;
        let hit = self.find_live(call, &Key::Id(IdWords::from(id)), &mut None)?;
        if let Some(hit) = hit {
            fallible::push(&mut objects, LeaseWord::new(hit.word.generation(), hit.slot))?;
            objects.sort_unstable_by_key(by_slot);
        }
        let holders = self.collect_clients(Some(&objects))?;
        match hit {
            None if holders.is_empty() => Err(Error::plain(Status::NotFound)),
            _ => Ok(holders),
        }
    }

    fn collect_clients(&self, holding: Option<&[LeaseWord]>) -> Result<Vec<ClientInfo>> {
        self.ensure_open()?;
        let is_wanted = |lease: LeaseWord| holding.is_some_and(|objects| is_among(objects, lease));
        let writing = self.collect_writers()?;
        let (mut list, mut held) = (Vec::new(), WordSet::default());
        let mut processes = Processes::default();
        self.visit_clients(|view| {
            let (mut leases, mut bytes, mut holds, mut room) = (0, 0, false, true);
            held.clear();
            view.leases(|lease| {
                leases += 1;
                room &= held.try_reserve(1).is_ok();
                if room && held.insert(lease.0) {
                    bytes += self.measure_leased(lease);
                }
                holds |= is_wanted(lease);
            })?;
            if !room {
                return Err(fallible::refused());
            }
            let of_client = |(serial, ..): &&(u64, u64, LeaseWord)| view.serial() == Some(*serial);
            let mut writing_bytes = 0;
            for (_, size, object) in writing.iter().filter(of_client) {
                writing_bytes += size;
                holds |= is_wanted(*object);
            }
            if (holding.is_none() || holds)
                && let Some(mut info) = describe_client(&view, &mut processes)?
            {
                let waiters = self.segment.waiters();
                info.waiting =
                    info.alive && !view.path.in_readers && waiters.waiting(view.path.slot) > 0;
                info.lease_count = leases;
                info.leased_bytes = bytes;
                info.writing_bytes = writing_bytes;
                fallible::push(&mut list, info)?;
            }
            Ok(())
        })?;
        list.sort_unstable_by_key(|info| info.slot);
        Ok(list)
    }

    /// Serial of the creator, bytes and identity of each object that is being written.
    fn collect_writers(&self) -> Result<Vec<(u64, u64, LeaseWord)>> {
        let mut writing = Vec::new();
        for slot in 0..self.segment.index().used() {
            let record = self.record(slot)?;
            let word = record.load();
            if word.is(State::Writing) && is_shown(word) {
                let creator = record.creator_serial.load(Relaxed);
                let size = record.data.load(word.data_index()).size;
                let object = LeaseWord::new(word.generation(), slot);
                fallible::push(&mut writing, (creator, size, object))?;
            }
        }
        Ok(writing)
    }

    /// Bytes of the object that a lease names; 0 if a client wrote nonsense.
    fn measure_leased(&self, lease: LeaseWord) -> u64 {
        self.segment.index().record(lease.slot()).map_or(0, |record| {
            let word = record.load();
            let same = word.generation() == lease.generation();
            if same { record.data.load(word.data_index()).size } else { 0 }
        })
    }
}

/// Whether an object exists and its name matches; its deletion may have come in between.
fn matches_info(pattern: &Pattern, info: &ObjectInfo) -> bool {
    info.state != ObjectState::Deleted && pattern.matches(&info.name)
}

/// The processes of a list of clients, each of which is asked about once.
struct Processes {
    /// The pid namespace of this process.
    here: u64,
    /// Whether they are stopped, by pid.
    stopped: WordMap<bool>,
}

impl Default for Processes {
    fn default() -> Self {
        Self { here: process::birth().pid_namespace, stopped: WordMap::default() }
    }
}

impl Processes {
    fn is_stopped(&mut self, who: &Identity) -> Result<bool> {
        if who.pid_namespace != self.here {
            return Ok(false);
        }
        self.stopped.try_reserve(1).map_err(|_| fallible::refused())?;
        let stopped = self.stopped.entry(who.pid as u64);
        Ok(*stopped.or_insert_with(|| process::is_stopped(who.pid)))
    }
}

fn describe_client(view: &ClientView<'_>, processes: &mut Processes) -> Result<Option<ClientInfo>> {
    let Some(who) = view.identity()? else { return Ok(None) };
    Ok(Some(ClientInfo {
        slot: view.path.number(),
        pid: who.pid,
        pid_namespace: who.pid_namespace,
        uid: who.uid,
        comm: who.name(),
        read_only: who.read_only,
        alive: view.is_alive()?,
        stopped: view.is_alive()? && processes.is_stopped(&who)?,
        waiting: false,
        connect_time_us: who.connect_time_us,
        lease_count: 0,
        leased_bytes: 0,
        writing_bytes: 0,
    }))
}
