//! Check: every structure of a store is compared with every other. The check itself changes
//! nothing. If the object table is sound and a structure derived from it is not, the next owner of
//! the lock rebuilds that structure.
//!
//! Under the writer lock the table changes in one way only: creators set TEXT and seal. So each
//! word is loaded once, and everything else is compared with that value. State that may change
//! without the lock (leases, events, liveness) is judged by conditions that hold at every instant,
//! or is only counted.

use crate::error::Result;
use crate::info::CheckReport;
use crate::layout::extent::Extent;
use crate::layout::header::{HOSTS, Lifecycle};
use crate::layout::members::ALL_SLOTS;
use crate::layout::record::{NameHash, Record};
use crate::layout::word::{RecordWord, State};
use crate::protocols::alloc;
use crate::protocols::index::CachedSlot;
use crate::segment::all_set;
use crate::store::call::Call;
use crate::store::lock::locked::Locked;
use crate::store::memory::extents::{owned_extents, units_of};
use crate::store::session::Session;
use crate::support::fallible;
use crate::sync::Ordering::Relaxed;
use crate::sys::{file, fs};
use std::collections::HashSet;

/// A stretch of the heap that a record owns.
struct RecordExtent {
    start: u64,
    len: u64,
    block: u32,
    slot: u32,
}

struct Check<'l, 's> {
    locked: &'l Locked<'s>,
    report: CheckReport,
    /// The word of each record that was ever used.
    words: Vec<RecordWord>,
    owned: Vec<RecordExtent>,
    /// Start, length and number of each used block.
    blocks: Vec<(u64, u64, u32)>,
    /// For each record, whether a slot cache holds it.
    kept: Vec<bool>,
    /// The structures that everything else derives from have no problem.
    table_is_sound: bool,
}

impl Session {
    /// Compares all structures of the store with each other, under the writer lock.
    pub fn check(&self, call: &Call<'_>) -> Result<CheckReport> {
        self.ensure_writable()?;
        self.ensure_linked()?;
        let mut locked = self.lock(call)?;
        // A record owns at most four extents, unless the store is corrupt.
        let used = self.segment.index().used() as usize;
        let mut check = Check {
            locked: &locked,
            report: CheckReport::default(),
            words: fallible::with_room(used)?,
            owned: fallible::with_room(4 * used)?,
            blocks: fallible::with_room(4 * used)?,
            kept: fallible::repeat(false, used)?,
            table_is_sound: false,
        };
        let walked = check.check_all();
        let (report, table_is_sound) = (check.report, check.table_is_sound);
        // A corrupt table cannot be repaired, and a rebuild would fail for every client.
        if report.problem_count > 0 && table_is_sound {
            locked.poison();
        }
        drop(locked);
        // If the store was removed during the check, this error replaces the report.
        self.ensure_open()?;
        walked.map(|()| report)
    }
}

impl Check<'_, '_> {
    fn check_all(&mut self) -> Result<()> {
        let holding = self.locked.session.segment.lock().peek();
        if !self.check_files()? {
            return Ok(());
        }
        self.check_identity();
        self.check_header();
        self.check_reserved();
        let before = self.report.problem_count;
        self.check_records()?;
        self.table_is_sound = self.report.problem_count == before && self.records_are_apart();
        self.check_slot_caches()?;
        self.check_extents();
        self.check_heap();
        if self.locked.session.segment.facts.lru() {
            self.check_order()?;
        }
        self.check_lists()?;
        self.check_clients()?;
        if !self.locked.session.segment.lock().peek().same_holding(holding) {
            self.report_problem(12, "the writer lock was taken from its living owner".to_owned());
        }
        Ok(())
    }

    /// The order of use holds the objects that may be evicted, and blocks name their owners.
    fn check_order(&mut self) -> Result<()> {
        let session = self.locked.session;
        let (order, allocator) = (session.segment.order(), session.segment.allocator());
        for slot in 0..session.segment.index().used() {
            let record = session.record(slot)?;
            let word = record.load();
            let gone = word.is(State::Free) || word.is(State::Doomed);
            let may_go = word.is_settled() && !word.has(RecordWord::PINNED);
            let ordered = order.used(slot).is_some_and(|used| !used.held);
            self.ensure(25, if ordered { !gone } else { !may_go }, || {
                format!("record {slot} is {word:?}, evictable by the order of use: {ordered}")
            });
            if !gone {
                for (which, _) in owned_extents(record) {
                    let block = record.blocks[which].load(Relaxed);
                    let owner = allocator.stretch(block).ok().and_then(|block| block.owner);
                    self.ensure(25, owner == Some(slot), || {
                        format!("block {block} of record {slot} names {owner:?} as its owner")
                    });
                }
            }
        }
        let high = order.check();
        self.ensure(25, high.is_none(), || format!("node {high:?} is above its children"));
        Ok(())
    }

    fn report_problem(&mut self, invariant: u32, text: String) {
        self.report.add(invariant, text);
    }

    fn ensure(&mut self, invariant: u32, holds: bool, text: impl FnOnce() -> String) {
        if !holds {
            self.report.add(invariant, text());
        }
    }

    /// Checks the sizes of `index` and `heap`; whether `index` is long enough to be read.
    fn check_files(&mut self) -> Result<bool> {
        let segment = &self.locked.session.segment;
        let geometry = &segment.facts.geometry;
        let size = |fd| file::stat_fd(fd).map_or(0, |stat| stat.size);
        let (index, heap) = (size(segment.index_fd.fd()?), size(segment.heap.fd()?));
        self.ensure(17, index == geometry.index_size, || format!("index has {index} bytes"));
        self.ensure(17, heap == geometry.capacity, || format!("heap has {heap} bytes"));
        Ok(index >= geometry.index_size)
    }

    /// The identity in the header has not changed since this client connected.
    fn check_identity(&mut self) {
        let facts = &self.locked.session.segment.facts;
        let identity = &self.locked.session.segment.header().identity;
        let same = facts.is_identity(identity);
        self.ensure(17, same, || "the identity in the header has changed".to_owned());
    }

    fn check_header(&mut self) {
        let session = self.locked.session;
        let (segment, geometry) = (&session.segment, &session.segment.facts.geometry);
        let header = segment.header();
        let sequence = header.live.rebuild_sequence.load(Relaxed);
        self.ensure(22, sequence % 2 == 0, || {
            format!("the rebuild sequence is {sequence}: a rebuild did not finish")
        });
        let life = header.live.lifecycle.load(Relaxed);
        let known = matches!(Lifecycle::decode(life), Some(Lifecycle::Live | Lifecycle::Gone));
        self.ensure(22, known, || format!("the lifecycle is {life}, but no client is leaving"));
        let lock = segment.lock().peek();
        let mine = lock.owner() == Some(session.own.slot as u16) && !lock.needs_recovery();
        self.ensure(12, mine && lock.is_valid(), || format!("the lock holds {:#x}", lock.raw()));
        let used = header.table.used.load(Relaxed);
        let records = header.live.records_reserved.load(Relaxed);
        let sound = used <= records && records <= geometry.max_objects;
        self.ensure(23, sound, || {
            format!(
                "{used} records used, {records} reserved, the limit is {}",
                geometry.max_objects
            )
        });
        let blocks = header.table.blocks_reserved.load(Relaxed);
        self.ensure(23, blocks <= geometry.blocks, || format!("{blocks} blocks are reserved"));
        let hosts = header.table.hosts.load(Relaxed);
        self.ensure(22, hosts as usize <= HOSTS, || format!("there are {hosts} host names"));
        match segment.events().map(|ring| ring.check()) {
            Ok(None) => {}
            Ok(Some(flaw)) => self.report_problem(22, flaw),
            Err(error) => self.report_problem(22, error.to_string()),
        }
    }

    /// The map of reserved chunks has no bits past the end of the heap, and each reserved chunk has
    /// memory.
    fn check_reserved(&mut self) {
        let segment = &self.locked.session.segment;
        let geometry = &segment.facts.geometry;
        let chunks = geometry.capacity.div_ceil(geometry.chunk_size) as u32;
        let set = |chunk: &u32| all_set(&segment.header().reserved, *chunk, *chunk);
        let beyond = (chunks..crate::layout::header::CHUNKS).filter(set).count();
        let bytes: u64 =
            (0..chunks).filter(set).map(|chunk| segment.heap.chunk_range(chunk).1).sum();
        self.ensure(22, beyond == 0, || {
            format!("{beyond} chunks past the end of the heap are reserved")
        });
        // Only tmpfs is known to count the memory that fallocate gave.
        let Ok(heap) = segment.heap.fd() else { return };
        let tmpfs = fs::file_system(heap).is_ok_and(|found| found.name == "tmpfs");
        let Ok(stat) = file::stat_fd(heap) else { return };
        let backed = stat.blocks * 512;
        self.ensure(15, !tmpfs || backed >= bytes, || {
            format!("{bytes} bytes of the heap are reserved, but {backed} have memory")
        });
    }

    fn check_records(&mut self) -> Result<()> {
        let session = self.locked.session;
        for slot in 0..session.segment.index().used() {
            // Both are below the number of reserved records.
            let Ok(record) = session.record(slot) else { break };
            let word = record.load();
            self.words.push(word);
            self.report.records += 1;
            let legal = is_legal(word);
            self.ensure(22, legal, || format!("the word of record {slot} is {:#x}", word.0));
            if !legal || word.is(State::Free) {
                continue;
            }
            self.report.objects += u64::from(!word.has(RecordWord::HIDDEN));
            let creator = record.creator_slot.load(Relaxed);
            self.ensure(22, creator < crate::layout::members::SLOTS, || {
                format!("client {creator} made record {slot}")
            });
            let in_heap = self.note_owned(slot, record);
            if in_heap && !word.is(State::Writing) {
                self.check_sealed(slot, record, word)?;
            }
        }
        Ok(())
    }

    /// Notes the extents of the record; `false` if some of them are not in the heap.
    fn note_owned(&mut self, slot: u32, record: &Record) -> bool {
        let capacity = self.locked.session.segment.facts.geometry.units();
        let mut in_heap = true;
        for (which, extent) in owned_extents(record) {
            let Extent { start, .. } = extent;
            let len = extent.len();
            self.report.extents += 1;
            if start.checked_add(len).is_none_or(|end| end > capacity) {
                self.report_problem(
                    3,
                    format!("record {slot} owns units {start} + {len}, not in the heap"),
                );
                in_heap = false;
                continue;
            }
            let block = record.blocks[which].load(Relaxed);
            self.owned.push(RecordExtent { start, len, block, slot });
        }
        in_heap
    }

    /// A sealed object has memory, and its text is complete and matches its name.
    fn check_sealed(&mut self, slot: u32, record: &Record, word: RecordWord) -> Result<()> {
        let segment = &self.locked.session.segment;
        let (data, meta) =
            (record.data.load(word.data_index()), record.meta.load(word.meta_index()));
        for extent in [data, meta].into_iter().filter(|extent| !extent.is_empty()) {
            let reserved = &segment.header().reserved;
            let chunks = segment.heap.chunks(extent);
            let backed = chunks.is_ok_and(|(first, last)| all_set(reserved, first, last));
            self.ensure(14, backed, || {
                format!("record {slot} lies in memory that is not reserved")
            });
        }
        let named = word.has(RecordWord::NAMED);
        if !word.has(RecordWord::TEXT) {
            self.ensure(1, !named, || format!("the name of record {slot} was never written"));
            return Ok(());
        }
        // The process that freed it died in between: the text goes first, and the next process
        // frees the rest.
        if word.is(State::Doomed) && meta.is_empty() {
            return Ok(());
        }
        let mut bytes = fallible::repeat(0, meta.size.min(MAX_TEXT) as usize)?;
        // With a system call, so that a heap that somebody truncated does not fault.
        let read = segment.heap.copy_out(meta.offset(), &mut bytes);
        let view = crate::store::objects::metadata::MetadataView(&bytes);
        let pairs = view.pairs().all(|pair| pair.is_ok());
        let payload = view.payload().ok() == Some(record.sizes(word).metadata);
        let whole =
            read && pairs && payload && view.name().is_ok_and(|name| name.is_empty() != named);
        self.ensure(1, whole, || format!("the metadata of record {slot} is corrupt"));
        if let (true, true, Ok(name)) = (whole, named, view.name()) {
            let NameHash(hash) =
                crate::protocols::index::hash::name_hash(segment.facts.seed, name.as_bytes());
            let same = record.has_name(&NameHash(hash));
            self.ensure(1, same, || {
                format!("record {slot} is named {name:?}, but its hash differs")
            });
        }
        Ok(())
    }

    /// Whether no two records, cached slots included, own the same memory.
    fn records_are_apart(&mut self) -> bool {
        self.owned.sort_unstable_by_key(|owned| (owned.start, owned.len));
        self.owned.is_sorted_by(|a, b| a.start + a.len <= b.start)
    }

    /// No two records own the same memory.
    fn check_extents(&mut self) {
        self.owned.sort_unstable_by_key(|owned| (owned.start, owned.len));
        let mut end = 0;
        for at in 0..self.owned.len() {
            let RecordExtent { start, len, slot, .. } = self.owned[at];
            self.ensure(3, start >= end, || {
                format!("record {slot} and another record own unit {start}")
            });
            end = end.max(start + len);
        }
    }

    /// The allocator's blocks tile the heap, and the used ones are what the records own.
    fn check_heap(&mut self) {
        let allocator = self.locked.session.segment.allocator();
        let capacity = self.locked.session.segment.facts.geometry.units();
        let units = allocator.capacity_units();
        self.ensure(23, units == capacity, || format!("the allocator's heap has {units} units"));
        match allocator.check_tiling() {
            Err(error) => return self.report_problem(20, error.to_string()),
            Ok(tiling) => {
                self.report.free_blocks = tiling.free_blocks;
                if let Err(error) = allocator.check_lists(tiling) {
                    self.report_problem(23, error.to_string());
                }
            }
        }
        let mut used = std::mem::take(&mut self.blocks);
        let each = &mut |start, len, is_used, block| {
            if is_used {
                used.push((start, len, block));
            }
        };
        if let Err(error) = allocator.for_each_block(each) {
            return self.report_problem(20, error.to_string());
        }
        // Both are sorted by address.
        let owned = std::mem::take(&mut self.owned);
        let mut owned = owned.iter().peekable();
        let mut leads = 0;
        for (start, len, block) in used {
            while let Some(lost) = owned.next_if(|owned| owned.start < start) {
                self.report_unknown(lost);
            }
            let Some(own) = owned.next_if(|owned| owned.start < start + len) else {
                self.report_problem(23, format!("no record owns units {start} + {len}: leaked"));
                continue;
            };
            // The lead has this length, or 0, since a rebuild makes no leads.
            let extent = alloc::Extent { start: own.start, len: own.len, block };
            let lead = own.start - start;
            let same = own.block == block && allocator.lead_of(extent) == Some(lead);
            self.ensure(23, same, || format!("record {} and its block {block} disagree", own.slot));
            leads += lead;
        }
        for lost in owned {
            self.report_unknown(lost);
        }
        self.compare_counts("the count of units in leads", allocator.lead_units(), leads);
    }

    fn report_unknown(&mut self, owned: &RecordExtent) {
        let RecordExtent { start, len, slot, .. } = owned;
        self.report_problem(
            23,
            format!("the allocator gave record {slot} no block at {start} + {len}"),
        );
    }

    /// Checks the chains, the queue of free slots, and limbo.
    fn check_lists(&mut self) -> Result<()> {
        let index = self.locked.session.segment.index();
        let header = self.locked.session.segment.header();
        let (words, kept, report) = (&self.words, &self.kept, &mut self.report);
        let add = &mut |invariant, text| report.add(invariant, text);
        index.check_chains(words, add)?;
        let queued = |slot: usize| {
            words[slot].is(State::Free) && words[slot].generation() != u32::MAX && !kept[slot]
        };
        let head = std::iter::once(&header.table.free_head);
        let queue = index.check_lists("the queue of free slots", head, words, queued, add)?;
        let queue = queue.concat();
        let doomed = |slot: usize| words[slot].is(State::Doomed);
        let heads = header.shards.iter().map(|shard| &shard.limbo.head);
        let limbo = index.check_lists("limbo", heads, words, doomed, add)?;
        let ends = [
            (
                "the end of the queue",
                &header.table.free_tail,
                queue.last().map_or(0, |last| last + 1),
            ),
            ("the count of free slots", &header.table.free_count, queue.len() as u32),
        ];
        for (what, kept, found) in ends {
            self.compare_counts(what, kept.load(Relaxed).into(), found.into());
        }
        for (shard, slots) in header.shards.iter().zip(limbo) {
            let units = slots.iter().map(|slot| {
                let word = self.words[*slot as usize];
                self.locked.session.record(*slot).map_or(0, |record| units_of(record, word))
            });
            let units = units.fold(0, u64::wrapping_add);
            self.compare_counts(
                "the count of limbo",
                shard.limbo.count.load(Relaxed).into(),
                slots.len() as u64,
            );
            self.compare_counts("the units of limbo", shard.limbo.units.load(Relaxed), units);
        }
        Ok(())
    }

    fn compare_counts(&mut self, what: &str, kept: u64, found: u64) {
        self.ensure(23, kept == found, || format!("{what} is {kept}, but a walk finds {found}"));
    }

    /// Slot caches hold free slots, each in one place, and memory of their own.
    fn check_slot_caches(&mut self) -> Result<()> {
        let segment = &self.locked.session.segment;
        let (index, capacity) = (segment.index(), segment.facts.geometry.units());
        for shard in &segment.header().shards {
            let mut all = Vec::new();
            let walked = shard.slot_cache.walk(&index, &mut |kept| fallible::push(&mut all, kept));
            if let Err(error) = walked {
                self.report_problem(23, error.to_string());
            }
            let units = all.iter().map(|kept| kept.extent.len()).fold(0, u64::wrapping_add);
            let (count, kept_units) = (&shard.slot_cache.count, &shard.slot_cache.units);
            self.compare_counts(
                "the count of a slot cache",
                count.load(Relaxed).into(),
                all.len() as u64,
            );
            self.compare_counts(
                "the units of a slot cache",
                kept_units.load(Relaxed).into(),
                units,
            );
            for CachedSlot { slot, extent, block, .. } in all {
                let (start, len) = (extent.start, extent.len());
                let twice = match self.kept.get_mut(slot as usize) {
                    Some(kept) => std::mem::replace(kept, true),
                    None => true,
                };
                let outside = start.checked_add(len).is_none_or(|end| end > capacity);
                if twice || outside {
                    self.report_problem(
                        23,
                        format!("a slot cache holds record {slot}, units {start} + {len}, twice or past the end of the heap"),
                    );
                    continue;
                }
                self.owned.push(RecordExtent { start, len, block, slot });
            }
        }
        Ok(())
    }

    /// The slots of clients are sound, and each writing client has one.
    fn check_clients(&mut self) -> Result<()> {
        let session = self.locked.session;
        let serials = &session.segment.members.header().serials;
        let mut producers = HashSet::new();
        producers.try_reserve(ALL_SLOTS as usize).map_err(|_| fallible::refused())?;
        let report = &mut self.report;
        session.visit_clients(|view| {
            report.clients += u64::from(view.is_alive()?);
            if let Some(serial) = view.serial() {
                let twice = !producers.insert(serial);
                // Loaded after the slot: a client joins while this runs.
                let given = serials.load(Relaxed);
                if twice || serial > given {
                    let slot = view.path.slot;
                    report.add(7, format!("slot {slot} holds serial {serial}, {given} were given"));
                }
                if view.is_own() && matches!(session.segment.ask(serial), Ok(false)) {
                    report.add(7, "the lock on this client's own serial is not held".to_owned());
                }
            }
            view.leases(|_| report.leases += 1)
        })?;
        for slot in 0..self.words.len() {
            let (word, record) = (self.words[slot], session.record(slot as u32)?);
            let creator = record.creator_serial.load(Relaxed);
            // A creator that has left since sealed it before.
            let given_up = word.has(RecordWord::ABANDONED);
            let left = word.is(State::Writing) && !given_up && !producers.contains(&creator);
            if left && record.load() == word {
                self.report_problem(
                    24,
                    format!("record {slot} is WRITING, but its creator has left"),
                );
            }
        }
        Ok(())
    }
}

/// More than the longest encoded name and metadata.
const MAX_TEXT: u64 = 2 << 20;

/// Whether a record may hold this word.
fn is_legal(word: RecordWord) -> bool {
    let known = RecordWord::new(word.generation(), word.0, State::Free).0 | word.0 & 0xff;
    let retired = word.generation() == u32::MAX;
    let hidden = word.has(RecordWord::HIDDEN);
    let orphaned = word.has(RecordWord::ORPHANED);
    let abandoned = word.has(RecordWord::ABANDONED);
    let sound = match word.state() {
        None => false,
        Some(State::Free) => word.without(RecordWord::ORPHANED) == free(word),
        Some(State::Writing) => !orphaned,
        Some(State::Sealed | State::Doomed) => !orphaned && !hidden && !abandoned,
        Some(State::Failed) => !orphaned && !hidden && !abandoned && !word.has(RecordWord::PINNED),
    };
    let counted = word.is(State::Free) || (word.generation() > 0 && !retired);
    word.0 == known && sound && counted
}

fn free(word: RecordWord) -> RecordWord {
    RecordWord::new(word.generation(), 0, State::Free)
}
