//! The objects of a store and their holders.

use crate::failure::Result;
use crate::output::safe;
use plasma::{Client, ClientInfo, Holding, ObjectInfo, ObjectState};
use std::collections::HashMap;

/// One object and its holders.
pub struct Object {
    pub info: ObjectInfo,
    pub holders: Vec<ClientInfo>,
}

/// All objects, without the leases of this command itself.
pub fn all(client: &Client) -> Result<Vec<Object>> {
    let objects = client.list()?;
    let clients = others(client)?;
    let clients: HashMap<u32, &ClientInfo> = clients.iter().map(|c| (c.slot, c)).collect();
    let mut holdings: HashMap<_, Vec<ClientInfo>> = HashMap::new();
    for Holding { client, id, state, create_time_us, .. } in client.list_holdings()? {
        let holders =
            holdings.entry((id, state == ObjectState::Deleted, create_time_us)).or_default();
        // Several leases of one client are one holder.
        if let Some(found) = clients.get(&client)
            && holders.last().is_none_or(|last| last.slot != client)
        {
            holders.push((*found).clone());
        }
    }
    let with_holders = |info: ObjectInfo| {
        let key = (info.id, info.state == ObjectState::Deleted, info.create_time_us);
        Object { holders: holdings.get(&key).cloned().unwrap_or_default(), info }
    };
    Ok(objects.into_iter().map(with_holders).collect())
}

/// All clients but this command.
pub fn others(client: &Client) -> Result<Vec<ClientInfo>> {
    let namespace = pid_namespace();
    let me = |c: &ClientInfo| {
        c.pid as u32 == std::process::id() && namespace.is_none_or(|ns| ns == c.pid_namespace)
    };
    let mut clients = client.list_clients()?;
    clients.retain(|c| !me(c));
    Ok(clients)
}

/// A short name of an object: its name, or else the first digits of its id.
pub fn name(info: &ObjectInfo) -> String {
    match info.name.as_str() {
        "" => info.id.to_hex()[..12].to_owned(),
        name => safe(name).into_owned(),
    }
}

/// A state in one word.
pub fn state(state: ObjectState) -> &'static str {
    match state {
        ObjectState::Absent => "absent",
        ObjectState::Writing => "writing",
        ObjectState::Sealed => "sealed",
        ObjectState::Deleted => "deleted",
        ObjectState::Failed => "failed",
    }
}

/// `1234 python3`, and the number of other holders.
pub fn holders(holders: &[ClientInfo]) -> String {
    match holders {
        [] => String::new(),
        [one] => holder(one),
        [one, more @ ..] => format!("{} +{}", holder(one), more.len()),
    }
}

pub fn holder(client: &ClientInfo) -> String {
    format!("{} {}", client.pid, safe(&client.comm))
}

/// The activity of a client, in one word.
pub fn condition(client: &ClientInfo) -> &'static str {
    match client {
        ClientInfo { alive: false, .. } => "dead",
        ClientInfo { stopped: true, .. } => "stopped",
        ClientInfo { waiting: true, .. } => "waits",
        ClientInfo { read_only: true, .. } => "reads",
        _ => "writes",
    }
}

fn pid_namespace() -> Option<u64> {
    let namespace = std::fs::metadata("/proc/self/ns/pid").ok()?;
    Some(std::os::unix::fs::MetadataExt::ino(&namespace))
}
