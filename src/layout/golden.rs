//! Compares every byte of the layout with the committed `tests/golden/layout-v<version>.txt`.

use super::block::{AllocState, Bins, Block};
use super::client::{self, ClientHeader, Release};
use super::event::{EventEntry, EventHead};
use super::extent::ExtentPair;
use super::geometry::{self, Geometry};
use super::header::{Counters, Growth, Header, Host, Identity, Live, LockLine, Reserved, Table};
use super::members::{self, MemberHeader, MembersHeader, Slot};
use super::record::Record;
use super::shard::{Limbo, Shard, SlotCache};
use super::wake::{LoneWord, OpenWords, WAKE_FILE_SIZE, WAKE_RESERVED, WakePage, WakeWord};
use super::{LAYOUT_VERSION, header, word};
use std::fmt::Write;
use std::mem::offset_of;

/// Returns the size in bytes of the field that `_field` names.
fn width<T, F>(_field: impl Fn(&T) -> &F) -> usize {
    size_of::<F>()
}

/// Describes a type with its fields. Gaps between fields are shown as unused.
fn describe(name: &str, size: usize, align: usize, fields: &[(&str, usize, usize)]) -> String {
    let mut text = format!("\n{name}: {size} bytes, aligned to {align}\n");
    let mut at = 0;
    for (field, offset, bytes) in fields.iter().chain(&[("", size, 0)]) {
        if at < *offset {
            let _ = writeln!(text, "  {at:>6} {:>6}  (unused)", offset - at);
        }
        if *bytes > 0 {
            let _ = writeln!(text, "  {offset:>6} {bytes:>6}  {field}");
        }
        assert!(at <= *offset, "{name}: the fields are not listed in their order");
        at = offset + bytes;
    }
    text
}

macro_rules! type_of {
    ($type:ident: $($field:tt)*) => {
        describe(stringify!($type), size_of::<$type>(), align_of::<$type>(), &[
            $((stringify!($field), offset_of!($type, $field), width(|it: &$type| &it.$field))),*
        ])
    };
}

fn types() -> String {
    [
        type_of!(Header: identity live spare lock table counters events alloc bins hosts shards
            reserved),
        type_of!(Identity: magic version flags fingerprint nonce capacity chunk_size max_objects
            buckets mode max_readers seed ticks epoch_us reader_quota),
        type_of!(Live: rebuild_sequence lifecycle records_reserved id_mask name_mask),
        type_of!(Growth: reserved split),
        type_of!(Reserved: 0),
        type_of!(LockLine: word abandoned),
        type_of!(Table: used free_head free_tail free_count blocks_reserved hosts had_client clearing
            latest_use ids names named),
        type_of!(Counters: evictions evicted_bytes recoveries reaped_clients lock_steals),
        type_of!(EventHead: head last_gap),
        type_of!(AllocState: capacity free lead spare fresh first filled nonempty),
        type_of!(Bins: roots),
        type_of!(Host: 0),
        type_of!(Shard: limbo slot_cache),
        type_of!(Limbo: head count units),
        type_of!(SlotCache: count units heads),
        type_of!(Record: word id id_tail id_link data name_link name_hash meta creator_serial
            create_time_us construct_us blocks creator_slot creator_pid creator_host link creator_start
            payload),
        type_of!(ExtentPair: wide low),
        type_of!(Block: start extent prev next left right),
        type_of!(EventEntry: sequence words),
        type_of!(WakePage: open clients tags subscribers rows),
        type_of!(WakeWord: seq announcing waiting subscribed),
        type_of!(OpenWords: keys many events),
        type_of!(LoneWord: word),
        type_of!(ClientHeader: magic nonce pid uid pid_namespace start_time connect_time_us comm
            flags lease_high joined released),
        type_of!(Release: ticks lease),
        type_of!(MembersHeader: magic serials cursor locks beacon own),
        type_of!(Slot: tenant lease_high lease_room),
        type_of!(MemberHeader: identified joined pid uid pid_namespace start_time connect_time_us
            comm released flags),
    ]
    .concat()
}

fn layout() -> String {
    let mut text = format!(
        "layout version {LAYOUT_VERSION}\nfingerprint {:016x}\n\n\
         magic of index {:016x}, of a client's file {:016x}\n\
         wake: {WAKE_FILE_SIZE} bytes, {WAKE_RESERVED} reserved\n\
         reader: {} bytes, releases at {}, {} leases at {}, {} names\n\
         members: magic {:016x}, {} bytes, {} slots, {} of undertakers, {} lock files\n\
         pages at {}, levels at {}, rings at {}, more levels at {}\n",
        geometry::fingerprint(),
        header::MAGIC,
        client::CLIENT_MAGIC,
        client::FILE_SIZE,
        client::RELEASES_OFFSET,
        client::MAX_LEASES,
        client::LEASES_OFFSET,
        client::READERS,
        members::MEMBERS_MAGIC,
        members::BASE_SIZE,
        members::SLOTS,
        members::UNDERTAKERS,
        members::LOCKS,
        members::PAGES_AT,
        members::LEVELS_AT,
        members::RINGS_AT,
        members::MORE_LEVELS_AT,
    );
    let flag = |word: u64| word.trailing_zeros();
    let _ = writeln!(
        text,
        "record flags: DATA1 {}, META1 {}, PINNED {}, NAMED {}, TEXT {}, HIDDEN {}",
        flag(word::RecordWord::DATA1),
        flag(word::RecordWord::META1),
        flag(word::RecordWord::PINNED),
        flag(word::RecordWord::NAMED),
        flag(word::RecordWord::TEXT),
        flag(word::RecordWord::HIDDEN),
    );
    for (capacity, max_objects) in [(1 << 30, 1 << 20), (64 << 10, 1024)] {
        let geometry = Geometry::new(capacity, max_objects, false).unwrap();
        let _ = writeln!(text, "\n{geometry:#?}");
    }
    text + &types()
}

#[test]
#[cfg_attr(miri, ignore = "reads a file")]
fn the_layout_is_the_committed_one() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
    let path = format!("{dir}/layout-v{LAYOUT_VERSION}.txt");
    let now = layout();
    if std::env::var_os("PLASMA_UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(dir).unwrap();
        std::fs::write(&path, &now).unwrap();
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = golden.lines().zip(now.lines()).position(|(golden, now)| golden != now);
    let line = differs.unwrap_or_else(|| golden.lines().count().min(now.lines().count()));
    assert!(
        golden == now,
        "The layout is not that of tests/golden/layout-v{LAYOUT_VERSION}.txt, line {}:\n\
         committed: {}\n      now: {}\n\
         A store that is there would be misread. If the change is meant: raise LAYOUT_VERSION in \
         src/layout/mod.rs, note it in CHANGELOG.md and docs/internals/layout.md, and run this test once \
         with PLASMA_UPDATE_GOLDEN=1.",
        line + 1,
        golden.lines().nth(line).unwrap_or("(nothing)"),
        now.lines().nth(line).unwrap_or("(nothing)"),
    );
}
