//! Facts about objects, clients and the store.
#![allow(unsafe_code)] // `unsafe impl Growing`, and the names of C functions

use super::arg;
use super::buffer::plasma_buffer_t;
use super::client::{client_arg, plasma_client_t};
use super::connect_options::{PLASMA_CONNECT_EPHEMERAL, PLASMA_EVICTION_LRU, PLASMA_EVICTION_NONE};
use super::id::{id_arg, plasma_id_t};
use super::raw::{self, Growing};
use super::status::{plasma_status_t, run};
use crate::info::{ClientInfo, ObjectInfo, ObjectState, Stats};
use crate::options::Eviction;
use std::ffi::c_char;
use std::mem::{MaybeUninit, offset_of};

/// The state of an object. The numbers are frozen.
#[repr(C)]
#[derive(Clone, Copy)]
pub enum plasma_state {
    /// There is no such object.
    PLASMA_STATE_ABSENT = 0,
    /// Its creator has not sealed it yet.
    PLASMA_STATE_WRITING = 1,
    /// It can be read.
    PLASMA_STATE_SEALED = 2,
    /// Deleted or evicted, but still held. Only lists and plasma_buffer_info()
    /// report it.
    PLASMA_STATE_DELETED = 3,
    /// Its creator failed: a get receives the message of plasma_fail().
    PLASMA_STATE_FAILED = 4,
}

/// One of enum plasma_state.
pub type plasma_state_t = i32;

const _: () = {
    assert!(plasma_state::PLASMA_STATE_ABSENT as i32 == ObjectState::Absent as i32);
    assert!(plasma_state::PLASMA_STATE_WRITING as i32 == ObjectState::Writing as i32);
    assert!(plasma_state::PLASMA_STATE_SEALED as i32 == ObjectState::Sealed as i32);
    assert!(plasma_state::PLASMA_STATE_DELETED as i32 == ObjectState::Deleted as i32);
    assert!(plasma_state::PLASMA_STATE_FAILED as i32 == ObjectState::Failed as i32);
};

/// plasma_object_info_t.flags: the object is pinned against eviction.
pub const PLASMA_OBJECT_PINNED: u32 = 0x1;
/// plasma_object_info_t.flags: the object has a name.
pub const PLASMA_OBJECT_NAMED: u32 = 0x2;

/// Facts about an object. Initialize with PLASMA_OBJECT_INFO_INIT. Grows.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct plasma_object_info_t {
    /// sizeof(plasma_object_info_t)
    pub struct_size: u32,
    /// Id of the object.
    pub id: plasma_id_t,
    /// PLASMA_STATE_*.
    pub state: plasma_state_t,
    /// PLASMA_OBJECT_* bits.
    pub flags: u32,
    /// Size of the data in bytes.
    pub data_size: u64,
    /// Size of all metadata keys and values in bytes.
    pub metadata_size: u64,
    /// Time of creation, in microseconds since the Unix epoch.
    pub create_time_us: i64,
    /// Time from create to seal in microseconds; -1 until it is sealed.
    pub construct_duration_us: i64,
    /// Process id of the creator, in the creator's pid namespace.
    pub creator_pid: i32,
    /// Number of leases on the object at this instant.
    pub lease_count: u32,
    /// Time of the last known use, in microseconds since the Unix epoch.
    pub last_use_us: i64,
    /// Name of the object, or "". NUL-terminated.
    pub name: [c_char; 256],
    /// The creator as "host/pid@start", unique in a cluster. NUL-terminated.
    pub creator_address: [c_char; 128],
}

/// Facts about a client. Initialize with PLASMA_CLIENT_INFO_INIT. Grows.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct plasma_client_info_t {
    /// sizeof(plasma_client_info_t)
    pub struct_size: u32,
    /// Slot of the client in the store.
    pub slot: u32,
    /// Process id, in the client's own pid namespace.
    pub pid: i32,
    /// User id.
    pub uid: u32,
    /// Inode of the client's pid namespace.
    pub pid_namespace: u64,
    /// Name of the client's program. NUL-terminated.
    pub comm: [c_char; 16],
    /// 1 if the client may only read.
    pub read_only: u8,
    /// 1 if its process is alive.
    pub alive: u8,
    /// 1 if its process is stopped, for example by SIGSTOP.
    pub stopped: u8,
    /// Always 0.
    pub padding: [u8; 5],
    /// Time of the connect, in microseconds since the Unix epoch.
    pub connect_time_us: i64,
    /// Number of leases that the client holds.
    pub lease_count: u64,
    /// Bytes of data of the objects that it holds, deleted ones included, each
    /// counted once.
    pub leased_bytes: u64,
    /// Bytes of data of the objects that it has not sealed yet.
    pub writing_bytes: u64,
}

/// Statistics and options of a store. Initialize with PLASMA_STATS_INIT. Grows.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct plasma_stats_t {
    /// sizeof(plasma_stats_t)
    pub struct_size: u32,
    /// Always 0.
    pub padding: u32,
    /// Bytes for data and metadata.
    pub capacity: u64,
    /// Bytes in use, including those of deleted objects that are still held.
    /// Memory that no client holds counts as free, even before a scan finds it.
    pub used: u64,
    /// Bytes taken from the file system.
    pub reserved: u64,
    /// Size of the largest free run in bytes.
    pub largest_free: u64,
    /// Maximum number of objects.
    pub max_objects: u64,
    /// Objects being written, without those that a dead creator left.
    pub objects_writing: u64,
    /// Sealed objects.
    pub objects_sealed: u64,
    /// Deleted objects that are still held.
    pub objects_deleted: u64,
    /// Pinned objects, sealed or not.
    pub pinned: u64,
    /// Leases of all clients.
    pub leases: u64,
    /// Connected clients.
    pub clients: u64,
    /// Objects evicted since the store was created.
    pub evictions: u64,
    /// Bytes of data and metadata evicted since the store was created.
    pub evicted_bytes: u64,
    /// Recoveries after a death in a critical section.
    pub recoveries: u64,
    /// Dead clients that were cleaned up after.
    pub reaped_clients: u64,
    /// Times that the writer lock was taken over from a dead owner.
    pub lock_steals: u64,
    /// Type of the file system, such as "tmpfs". NUL-terminated.
    pub file_system: [c_char; 32],
    /// Bytes of deleted objects that are still held; part of used.
    pub deleted_bytes: u64,
    /// PLASMA_CONNECT_EPHEMERAL, or 0: how the store was created.
    pub flags: u32,
    /// Permissions of the files of the store.
    pub mode: u32,
    /// PLASMA_EVICTION_NONE or PLASMA_EVICTION_LRU.
    pub eviction: u32,
    /// 1 if the store asks for huge pages.
    pub huge_pages: u32,
    /// Failed objects.
    pub objects_failed: u64,
}

const _: () = {
    assert!(size_of::<plasma_object_info_t>() == 464);
    assert!(size_of::<plasma_client_info_t>() == 80);
    assert!(size_of::<plasma_stats_t>() == 200);
};

// SAFETY: repr(C), `struct_size` first, integers only, no padding (the asserted size is the sum).
unsafe impl Growing for plasma_object_info_t {
    const TYPE: &'static str = "plasma_object_info_t";
    const INIT: &'static str = "PLASMA_OBJECT_INFO_INIT";
    const MIN_SIZE: usize = 8;
}

// SAFETY: as above.
unsafe impl Growing for plasma_client_info_t {
    const TYPE: &'static str = "plasma_client_info_t";
    const INIT: &'static str = "PLASMA_CLIENT_INFO_INIT";
    const MIN_SIZE: usize = 8;
}

// SAFETY: as above.
unsafe impl Growing for plasma_stats_t {
    const TYPE: &'static str = "plasma_stats_t";
    const INIT: &'static str = "PLASMA_STATS_INIT";
    const MIN_SIZE: usize = 16;
}

/// Text as a field of C, cut between characters so that a NUL fits.
pub(super) fn field<const N: usize>(text: &str) -> [c_char; N] {
    let mut field = [0; N];
    let text = &text[..text.floor_char_boundary(N - 1)];
    for (to, from) in field.iter_mut().zip(text.bytes()) {
        *to = from as c_char;
    }
    field
}

impl From<&ObjectInfo> for plasma_object_info_t {
    fn from(info: &ObjectInfo) -> Self {
        let flag = |on: bool, flag: u32| if on { flag } else { 0 };
        Self {
            struct_size: size_of::<Self>() as u32,
            id: info.id.into(),
            state: info.state as i32,
            flags: flag(info.pinned, PLASMA_OBJECT_PINNED) | flag(info.named, PLASMA_OBJECT_NAMED),
            data_size: info.data_size,
            metadata_size: info.metadata_size,
            create_time_us: info.create_time_us,
            construct_duration_us: info.construct_duration_us,
            creator_pid: info.creator_pid,
            lease_count: info.lease_count,
            last_use_us: info.last_use_us,
            name: field(&info.name),
            creator_address: field(&info.creator_address),
        }
    }
}

impl From<&ClientInfo> for plasma_client_info_t {
    fn from(info: &ClientInfo) -> Self {
        Self {
            struct_size: size_of::<Self>() as u32,
            slot: info.slot,
            pid: info.pid,
            uid: info.uid,
            pid_namespace: info.pid_namespace,
            comm: field(&info.comm),
            read_only: info.read_only.into(),
            alive: info.alive.into(),
            stopped: info.stopped.into(),
            padding: [0; 5],
            connect_time_us: info.connect_time_us,
            lease_count: info.lease_count,
            leased_bytes: info.leased_bytes,
            writing_bytes: info.writing_bytes,
        }
    }
}

impl From<&Stats> for plasma_stats_t {
    fn from(stats: &Stats) -> Self {
        Self {
            struct_size: size_of::<Self>() as u32,
            padding: 0,
            capacity: stats.capacity,
            used: stats.used,
            reserved: stats.reserved,
            largest_free: stats.largest_free,
            max_objects: stats.max_objects,
            objects_writing: stats.objects_writing,
            objects_sealed: stats.objects_sealed,
            objects_deleted: stats.objects_deleted,
            pinned: stats.pinned,
            leases: stats.leases,
            clients: stats.clients,
            evictions: stats.evictions,
            evicted_bytes: stats.evicted_bytes,
            recoveries: stats.recoveries,
            reaped_clients: stats.reaped_clients,
            lock_steals: stats.lock_steals,
            file_system: field(&stats.file_system),
            deleted_bytes: stats.deleted_bytes,
            flags: if stats.ephemeral { PLASMA_CONNECT_EPHEMERAL } else { 0 },
            mode: stats.mode,
            eviction: match stats.eviction {
                Eviction::None => PLASMA_EVICTION_NONE,
                Eviction::Lru => PLASMA_EVICTION_LRU,
            },
            huge_pages: stats.huge_pages.into(),
            objects_failed: stats.objects_failed,
        }
    }
}

/// Get facts about the object of a buffer.
///
/// This reads the leases of every client, except where struct_size ends before
/// lease_count.
///
/// @param buffer  borrowed.
/// @param info    written, up to its struct_size.
///
/// @retval PLASMA_OK
///
/// Threads: any, one per buffer.   Cost: no lock.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_buffer_info(
    buffer: Option<&plasma_buffer_t>,
    info: *mut plasma_object_info_t,
) -> plasma_status_t {
    run(|| {
        let (buffer, info) = (arg(buffer, "buffer")?, raw::output(info, "info")?);
        let buffer = buffer.get()?;
        let described = match info.reaches(offset_of!(plasma_object_info_t, lease_count)) {
            true => buffer.info()?,
            false => buffer.info_without_leases()?,
        };
        info.write(&(&described).into());
        Ok(())
    })
}

/// Get the state of an object.
///
/// @param client  borrowed.
/// @param id      borrowed.
/// @param state   written: ABSENT, WRITING, SEALED or FAILED.
///
/// @retval PLASMA_OK  also if there is no such object
///
/// Threads: any.   Cost: no system call, no lock.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_contains(
    client: Option<&plasma_client_t>,
    id: Option<&plasma_id_t>,
    state: Option<&mut MaybeUninit<plasma_state_t>>,
) -> plasma_status_t {
    run(|| {
        let (client, id, state) = (client_arg(client)?, id_arg(id)?, arg(state, "state")?);
        state.write(client.contains(&id)? as plasma_state_t);
        Ok(())
    })
}

/// Get facts about an object, sealed or not.
///
/// @param client  borrowed.
/// @param id      borrowed.
/// @param info    written, up to its struct_size.
///
/// @retval PLASMA_OK
/// @retval PLASMA_ERR_NOT_FOUND  there is no such object
///
/// Threads: any.   Cost: reads the leases of every client.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_object_info(
    client: Option<&plasma_client_t>,
    id: Option<&plasma_id_t>,
    info: *mut plasma_object_info_t,
) -> plasma_status_t {
    run(|| {
        let (client, id) = (client_arg(client)?, id_arg(id)?);
        let info = raw::output(info, "info")?;
        info.write(&(&client.object_info(&id)?).into());
        Ok(())
    })
}

/// Get the statistics and options of a store.
///
/// @param client  borrowed.
/// @param stats   written, up to its struct_size.
///
/// @retval PLASMA_OK
///
/// Threads: any.   Cost: reads the leases of every client.   Since: 0.1
#[unsafe(no_mangle)]
pub extern "C" fn plasma_stats(
    client: Option<&plasma_client_t>,
    stats: *mut plasma_stats_t,
) -> plasma_status_t {
    run(|| {
        let (client, stats) = (client_arg(client)?, raw::output(stats, "stats")?);
        stats.write(&(&client.stats()?).into());
        Ok(())
    })
}
