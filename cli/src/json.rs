//! JSON for programs: the names are those of the API, times are in microseconds since 1970.

use crate::objects::{Object, condition, state};
use plasma::{ClientInfo, ObjectInfo};
use serde_json::{Value, json};

/// An object and its holders.
pub fn object(object: &Object) -> Value {
    let mut value = info(&object.info);
    value["holders"] = object.holders.iter().map(client).collect();
    value
}

/// An object.
pub fn info(info: &ObjectInfo) -> Value {
    json!({
        "id": info.id.to_hex(),
        "name": Some(&info.name).filter(|name| !name.is_empty()),
        "state": state(info.state),
        "pinned": info.pinned,
        "data_size": info.data_size,
        "metadata_size": info.metadata_size,
        "create_time_us": info.create_time_us,
        "construct_duration_us": Some(info.construct_duration_us).filter(|us| *us >= 0),
        "last_use_us": info.last_use_us,
        "creator_pid": info.creator_pid,
        "creator_address": info.creator_address,
        "lease_count": info.lease_count,
    })
}

/// A client.
pub fn client(client: &ClientInfo) -> Value {
    json!({
        "slot": client.slot,
        "pid": client.pid,
        "pid_namespace": client.pid_namespace,
        "uid": client.uid,
        "comm": client.comm,
        "condition": condition(client),
        "read_only": client.read_only,
        "alive": client.alive,
        "stopped": client.stopped,
        "connect_time_us": client.connect_time_us,
        "lease_count": client.lease_count,
        "leased_bytes": client.leased_bytes,
        "writing_bytes": client.writing_bytes,
    })
}

/// The value of a metadata key: text if it is UTF-8, otherwise its bytes in hexadecimal.
pub fn bytes(value: &[u8]) -> Value {
    match std::str::from_utf8(value) {
        Ok(text) => json!(text),
        Err(_) => {
            json!({ "hex": value.iter().map(|byte| format!("{byte:02x}")).collect::<String>() })
        }
    }
}
