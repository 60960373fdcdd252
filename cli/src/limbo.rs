//! Deleted objects that are still held: their memory and their holders.

use crate::failure::Result;
use crate::objects::{self, Object, holder};
use crate::output::count;
use crate::units::size;
use plasma::{Client, ClientInfo, ObjectState};
use serde_json::{Value, json};

/// The number of holders that are named.
const NAMED: usize = 4;

/// Objects and the bytes of their data and metadata.
#[derive(Clone, Copy, Debug, Default)]
struct Amount {
    objects: u64,
    bytes: u64,
}

impl Amount {
    fn add(&mut self, bytes: u64) {
        self.objects += 1;
        self.bytes += bytes;
    }
}

/// The deleted objects of a store that are still held.
#[derive(Debug, Default)]
pub struct Limbo {
    held: Amount,
    /// The clients and the bytes that they hold, the largest first. Two may hold the same object.
    holders: Vec<(ClientInfo, Amount)>,
}

impl Limbo {
    pub fn of(client: &Client) -> Result<Self> {
        Ok(Self::among(&objects::all(client)?))
    }

    pub fn among(objects: &[Object]) -> Self {
        let mut limbo = Self::default();
        for Object { info, holders } in objects {
            if info.state != ObjectState::Deleted {
                continue;
            }
            let bytes = info.data_size.saturating_add(info.metadata_size);
            limbo.held.add(bytes);
            for holder in holders {
                match limbo.holders.iter_mut().find(|(known, _)| known.slot == holder.slot) {
                    Some((_, amount)) => amount.add(bytes),
                    None => {
                        let amount = Amount { objects: 1, bytes };
                        limbo.holders.push((holder.clone(), amount));
                    }
                }
            }
        }
        limbo.holders.sort_by_key(|(_, amount)| std::cmp::Reverse(amount.bytes));
        limbo
    }

    /// `1234 python3 (8.0 MiB)` for each of the largest, and the number of the others.
    fn named(&self) -> String {
        let each = |(client, amount): &(ClientInfo, Amount)| {
            format!("{} ({})", holder(client), size(amount.bytes))
        };
        let named: Vec<String> = self.holders.iter().take(NAMED).map(each).collect();
        match self.holders.len().saturating_sub(NAMED) {
            0 => named.join(", "),
            more => format!("{}, and {}", named.join(", "), count(more as u64, "other client")),
        }
    }

    /// The memory that is held and its holders; `None` if none is held.
    pub fn words(&self) -> Option<String> {
        let Amount { objects, bytes } = self.held;
        let what = format!("{} in {}", size(bytes), count(objects, "deleted object"));
        match (objects, self.holders.is_empty()) {
            (0, _) => None,
            (_, true) => Some(format!("{what}, still held")),
            _ => Some(format!("{what}, still held by {}", self.named())),
        }
    }

    /// The clients and the bytes that they hold.
    pub fn json(&self) -> Value {
        let holders = self.holders.iter().map(|(client, amount)| {
            json!({
                "slot": client.slot,
                "pid": client.pid,
                "comm": client.comm,
                "objects": amount.objects,
                "bytes": amount.bytes,
            })
        });
        holders.collect()
    }
}
