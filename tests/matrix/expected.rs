//! The statuses that each pair of a call and a disturbance may return.

use super::api::*;
use super::calls::{Call, Class};
use super::disturbances::Disturbance::{self, *};
use super::fixture::StoreKind;

/// The situation of a call when it is disturbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Situation {
    /// Nothing blocks it.
    Free,
    /// It waits for another client, by its nature.
    Waits,
    /// Another client holds the writer lock.
    Behind,
}

use Situation::*;

impl Situation {
    pub const ALL: [Situation; 3] = [Free, Waits, Behind];

    pub fn named(name: &str) -> Situation {
        Situation::ALL.into_iter().find(|it| format!("{it:?}") == name).unwrap()
    }

    /// Returns whether the call is seen to sleep.
    pub fn sleeps(self, call: &Call) -> bool {
        self == Waits || self == Behind && call.locks()
    }
}

/// The statuses that a pair may return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    One(i32),
    /// Either status, for this reason.
    Two(i32, i32, &'static str),
    /// It is not done, for this reason.
    Not(&'static str),
}

impl Allowed {
    pub fn has(self, status: i32) -> bool {
        match self {
            One(one) => status == one,
            Two(one, other, _) => status == one || status == other,
            Not(_) => false,
        }
    }
}

use Allowed::*;

const TOO_LATE: &str = "past its last look at the client it finishes";
const STORE_TOO_LATE: &str = "past its last look at the store it finishes";
const AS_FREE: &str = "the client is ended under it: the caller's error, as after free()";
const ALREADY: &str = "it may have its resources already";

/// Returns the status of the call without a disturbance.
pub fn normal(call: &Call, kind: StoreKind) -> i32 {
    if call.name == "plasma_evict" && kind != StoreKind::Lru { UNSUPPORTED } else { OK }
}

/// Returns the possible situations.
pub fn is_possible(call: &Call, situation: Situation, disturbance: Disturbance) -> bool {
    let owner = matches!(disturbance, OwnerStopped | OwnerKilled | OwnerSlow);
    match situation {
        Free => true,
        Waits => call.waits.is_some() && !owner && disturbance != Alone,
        Behind => call.class != Class::Local && !owner && disturbance != Alone,
    }
}

/// Returns whether the pair can be tried in a store of this kind: without eviction plasma_evict()
/// ends before it takes the lock.
pub fn fits(call: &Call, situation: Situation, disturbance: Disturbance, kind: StoreKind) -> bool {
    let locks = situation != Free || matches!(disturbance, OwnerStopped | OwnerKilled | OwnerSlow);
    call.name != "plasma_evict" || kind == StoreKind::Lru || !locks
}

/// Returns the statuses that the pair may return.
pub fn allowed(
    call: &Call,
    situation: Situation,
    disturbance: Disturbance,
    kind: StoreKind,
) -> Allowed {
    let normal = normal(call, kind);
    let sleeps = situation.sleeps(call);
    let uses_client = call.is_of_client();
    let on_store = uses_client || matches!(call.class, Class::Writer | Class::WriterLocks);
    let ends_client = call.name == "plasma_disconnect";
    if ends_client && matches!(disturbance, Disconnect | Interrupt | Subscribe) {
        return Not(AS_FREE);
    }
    match disturbance {
        Nothing | Cancel | Fork | Connect | Subscribe | SignalRestart | SignalCalls
        | ClockSteps | OwnerKilled | OwnerSlow | LowFiles | OneClient | HundredClients
        | ThousandClients | ManyLeases | Alone | UserNamespace | PidNamespace | MountNamespace
        | TimeNamespace | NewCallsMissing | NewCallsForbidden => One(normal),
        Disconnect => match call.class {
            _ if sleeps => One(DISCONNECTED),
            Class::Hot => Not(AS_FREE),
            Class::Reads | Class::Locks | Class::News | Class::WriterLocks => {
                Two(normal, DISCONNECTED, TOO_LATE)
            }
            _ => One(normal),
        },
        Interrupt if sleeps => One(INTERRUPTED),
        Interrupt if call.is_batch() => {
            Two(normal, INTERRUPTED, "at its last object there is nothing left to interrupt")
        }
        Interrupt => One(normal),
        SignalNoRestart if sleeps => One(INTERRUPTED),
        SignalNoRestart => One(normal),
        Remove | DirectoryRemoved if sleeps && disturbance == Remove => One(STORE_GONE),
        Remove | DirectoryRemoved | FilesReplaced => match call.name {
            "plasma_connect" | "plasma_store_remove" => {
                Two(normal, STORE_NOT_FOUND, "it found the store before it was gone, or after")
            }
            _ if on_store => Two(normal, STORE_GONE, STORE_TOO_LATE),
            _ => One(normal),
        },
        DirectoryRenamed => match call.name {
            "plasma_connect" | "plasma_store_remove" => {
                Two(normal, STORE_NOT_FOUND, "it found the store before it was gone, or after")
            }
            _ => One(normal),
        },
        OwnerStopped if call.locks() => One(TIMEOUT),
        OwnerStopped => One(normal),
        // It counts the leases of all clients.
        Files if call.name == "plasma_buffer_info" => Two(normal, LIMIT, ALREADY),
        Files => match call.class {
            Class::Local | Class::Buffer | Class::Hot | Class::Writer | Class::Ends => One(normal),
            _ => Two(normal, LIMIT, ALREADY),
        },
        AddressSpace if call.name == "plasma_event_fd" => {
            Two(normal, LIMIT, "the thread that it starts may fit")
        }
        AddressSpace => match call.class {
            Class::Local | Class::Buffer | Class::Hot | Class::Writer | Class::Ends => One(normal),
            _ => Two(normal, OUT_OF_MEMORY, ALREADY),
        },
        FileSize => match call.name {
            "plasma_connect" => Two(normal, LIMIT, ALREADY),
            _ => One(normal),
        },
        FullTmpfs | Inodes | Cgroup => match call.class {
            Class::Locks | Class::WriterLocks | Class::Store => Two(normal, OUT_OF_MEMORY, ALREADY),
            _ => One(normal),
        },
        ReadOnlyMount => match call.class {
            Class::Store => Two(normal, PERMISSION, ALREADY),
            _ => One(normal),
        },
    }
}
