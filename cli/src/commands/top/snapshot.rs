//! A snapshot of a store.

use crate::failure::Result;
use crate::objects::{self, Object};
use plasma::{Activity, Client, ClientInfo, HeapMap, Stats};

/// All that the screen shows, at one moment.
pub struct Snapshot {
    pub stats: Stats,
    pub activity: Activity,
    pub clients: Vec<ClientInfo>,
    pub objects: Vec<Object>,
    pub map: HeapMap,
}

impl Snapshot {
    pub fn take(client: &Client) -> Result<Self> {
        let mut clients = objects::others(client)?;
        clients.sort_by_key(|c| std::cmp::Reverse((!c.alive, c.stopped, c.leased_bytes)));
        Ok(Self {
            stats: client.stats()?,
            activity: client.activity()?,
            clients,
            objects: objects::all(client)?,
            map: client.heap_map()?,
        })
    }

    /// The oldest object that is not deleted.
    pub fn oldest(&self) -> Option<&Object> {
        self.visible().min_by_key(|object| object.info.create_time_us)
    }

    pub fn largest(&self) -> Option<&Object> {
        self.visible().max_by_key(|object| object.info.data_size)
    }

    fn visible(&self) -> impl Iterator<Item = &Object> {
        self.objects.iter().filter(|object| object.info.state != plasma::ObjectState::Deleted)
    }
}
