//! Lists: of objects, of clients, of who holds what. Writers are not stopped.

use super::peers::View;
use super::session::Session;
use crate::error::{Error, Result, Status};
use crate::id::ObjectId;
use crate::index::Key;
use crate::info::{ClientInfo, ObjectInfo};
use crate::layout::client::SLOTS;
use crate::layout::record::IdWords;
use crate::layout::word::{LeaseWord, RecordWord, State};
use crate::memory;
use crate::sync::Ordering::Relaxed;
use crate::sys::process;

impl Session {
    /// Every object. Each entry is true at one instant of the call; objects never move in the
    /// table, so one that exists throughout appears exactly once.
    pub fn list(&self) -> Result<Vec<ObjectInfo>> {
        self.check()?;
        let leases = self.collect_leases()?;
        let mut list = Vec::new();
        for slot in 0..self.segment.index().used() {
            if let Some(mut info) = self.describe(slot, None)? {
                info.lease_count = leases.of(slot);
                memory::push(&mut list, info)?;
            }
        }
        Ok(list)
    }

    /// Every client, the dead that nobody has reaped yet among them.
    pub fn list_clients(&self) -> Result<Vec<ClientInfo>> {
        self.clients(None)
    }

    /// The clients that hold an object: by a lease, or by writing it.
    pub fn list_holders(&self, id: &ObjectId) -> Result<Vec<ClientInfo>> {
        self.check()?;
        let Some(hit) = self.look(&Key::Id(IdWords::from(id)), &mut None)? else {
            return Err(Error::plain(Status::NotFound));
        };
        self.clients(Some(LeaseWord::new(hit.word.generation(), hit.slot)))
    }

    fn clients(&self, holding: Option<LeaseWord>) -> Result<Vec<ClientInfo>> {
        self.check()?;
        let writing = self.writers()?;
        let mut list = Vec::new();
        self.visit_clients(|view| {
            let (mut leases, mut bytes, mut holds) = (0, 0, false);
            view.leases(|lease| {
                leases += 1;
                bytes += self.leased_bytes(lease);
                holds |= Some(lease) == holding;
            })?;
            let of_client = |(slot, nonce, ..): &&(u32, u64, u64, LeaseWord)| {
                !view.place.in_readers && view.place.slot == *slot && view.nonce == *nonce
            };
            let mut writing_bytes = 0;
            for (_, _, size, object) in writing.iter().filter(of_client) {
                writing_bytes += size;
                holds |= Some(*object) == holding;
            }
            if (holding.is_none() || holds)
                && let Some(mut info) = describe(&view)
            {
                info.lease_count = leases;
                info.leased_bytes = bytes;
                info.writing_bytes = writing_bytes;
                memory::push(&mut list, info)?;
            }
            Ok(())
        })?;
        list.sort_unstable_by_key(|info| info.slot);
        Ok(list)
    }

    /// Creator slot, creator nonce, bytes and identity of each object that is being written.
    fn writers(&self) -> Result<Vec<(u32, u64, u64, LeaseWord)>> {
        let mut writing = Vec::new();
        for slot in 0..self.segment.index().used() {
            let record = self.record(slot)?;
            let word = record.look();
            if word.is(State::Writing) && !word.has(RecordWord::HIDDEN) {
                let creator = record.creator_slot.load(Relaxed);
                let nonce = record.creator_nonce.load(Relaxed);
                let size = record.data.load(word.data_index()).size;
                let object = LeaseWord::new(word.generation(), slot);
                memory::push(&mut writing, (creator, nonce, size, object))?;
            }
        }
        Ok(writing)
    }

    /// Bytes of the object that a lease names; 0 when a client wrote nonsense.
    fn leased_bytes(&self, lease: LeaseWord) -> u64 {
        self.segment.index().record(lease.slot()).map_or(0, |record| {
            let word = record.look();
            let same = word.generation() == lease.generation();
            if same { record.data.load(word.data_index()).size } else { 0 }
        })
    }
}

fn describe(view: &View<'_>) -> Option<ClientInfo> {
    let who = view.identity()?;
    let end = who.comm.iter().position(|byte| *byte == 0).unwrap_or(who.comm.len());
    let near = who.pid_namespace == process::birth().pid_namespace;
    Some(ClientInfo {
        slot: view.place.slot + if view.place.in_readers { SLOTS } else { 0 },
        pid: who.pid,
        pid_namespace: who.pid_namespace,
        uid: who.uid,
        comm: String::from_utf8_lossy(&who.comm[..end]).into_owned(),
        read_only: who.read_only,
        alive: view.alive,
        stopped: view.alive && near && process::is_stopped(who.pid),
        connect_time_us: who.connect_time_us,
        lease_count: 0,
        leased_bytes: 0,
        writing_bytes: 0,
    })
}
