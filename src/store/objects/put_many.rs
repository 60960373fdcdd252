//! Put many objects: a piece of them under one acquisition of the writer lock.
//!
//! The objects of a piece are placed together, copied, sealed together and announced together. Each
//! of them goes through the states of an object that is put alone, so a client that is killed leaves
//! whole objects and unsealed ones. Where a piece cannot go on, it ends before that object, which is
//! then put alone: so each failure is that of a single put.

use crate::error::Result;
use crate::id::ObjectId;
use crate::layout::event::Sizes;
use crate::layout::extent::Extent;
use crate::layout::record::IdWords;
use crate::layout::word::RecordWord;
use crate::options::CreateOptions;
use crate::protocols::index::Key;
use crate::store::batch::{Changes, Each, PIECE};
use crate::store::call::Call;
use crate::store::objects::metadata::Metadata;
use crate::store::objects::placement::{NewObject, Placed};
use crate::store::objects::seal::make_sealed;
use crate::store::objects::source::Source;
use crate::store::objects::writer::Unsealed;
use crate::store::session::Session;
use crate::sys::clock;

/// The most bytes of data and metadata in a piece: its first object is seen after its last one was
/// copied.
const PIECE_BYTES: usize = 32 << 10;

/// The data of the object at an index.
type DataAt<'a, 'd> = &'a dyn Fn(usize) -> Result<&'d [u8]>;

/// An object that is placed and not sealed.
#[derive(Clone, Copy, Default)]
struct Draft {
    object: Unsealed,
    data: Extent,
    meta: Extent,
}

/// Objects of a batch that are put together.
struct PutPiece<'a, 'd> {
    session: &'a Session,
    call: &'a Call<'a>,
    ids: &'a [ObjectId],
    datas: [&'d [u8]; PIECE],
    metadata: &'a Metadata,
    options: &'a CreateOptions<'a>,
}

impl Session {
    /// Puts many objects, each as by [`Session::put`].
    pub fn put_many<'d>(
        &self,
        call: &Call<'_>,
        ids: &[ObjectId],
        data: DataAt<'_, 'd>,
        options: &CreateOptions<'_>,
        each: Each<'_>,
    ) {
        // A name is for one object.
        let metadata = match (options.name, ids) {
            (None, [_, _, ..]) => Metadata::new(None, options.metadata).ok(),
            _ => None,
        };
        let piece = &mut |from: usize, each: Each<'_>| {
            let Some(metadata) = &metadata else { return 0 };
            let (mut datas, mut count, mut bytes): ([&[u8]; PIECE], _, _) = ([&[]; PIECE], 0, 0);
            for (at, place) in (from..ids.len()).zip(&mut datas) {
                let Ok(one) = data(at) else { break };
                bytes += one.len() + metadata.text().len();
                if bytes > PIECE_BYTES {
                    break;
                }
                *place = one;
                count += 1;
            }
            let ids = &ids[from..from + count];
            let put = PutPiece { session: self, call, ids, datas, metadata, options }.put();
            (from..from + put).for_each(|at| each(at, Ok(())));
            put
        };
        let one = &mut |at: usize| self.put(call, &ids[at], &[data(at)?], options);
        call.run_batch(ids.len(), piece, one, each);
    }
}

impl PutPiece<'_, '_> {
    /// Puts the first of the objects, and returns their number.
    fn put(&self) -> usize {
        if self.ids.is_empty() {
            return 0;
        }
        let mut drafts = [Draft::default(); PIECE];
        let Ok(placed) = self.place(&mut drafts) else { return 0 };
        let filled = drafts[..placed].iter().zip(&self.datas);
        let filled = filled.take_while(|(draft, data)| self.fill(draft, data).is_ok()).count();
        let sealed = self.seal(&drafts[..filled]);
        drafts[sealed..placed].iter().for_each(|draft| self.session.give_up(draft.object));
        sealed
    }

    /// Places the first of the objects under the lock, and returns their number.
    fn place(&self, drafts: &mut [Draft; PIECE]) -> Result<usize> {
        let session = self.session;
        session.ensure_writable()?;
        let now_us = clock::epoch_us() as u64;
        if session.links_are_old(now_us, self.ids.len() as u32) {
            session.ensure_linked_again(now_us)?;
        }
        let mut plan = NewObject {
            id: &self.ids[0],
            key: Key::Id(IdWords::from(&self.ids[0])),
            name: None,
            size: 0,
            source: None,
            text: self.metadata.text(),
            payload: self.metadata.payload() as u32,
            flags: if self.options.pinned { RecordWord::PINNED } else { 0 },
            host: session.find_host(self.call)?,
            now_us,
            begun_us: 0,
        };
        let index = session.segment.index();
        let mut locked = session.lock(self.call)?;
        let mut placed = 0;
        for ((id, data), draft) in self.ids.iter().zip(&self.datas).zip(drafts) {
            plan.id = id;
            plan.key = Key::Id(IdWords::from(id));
            plan.size = data.len() as u64;
            if locked.find(&plan.key).is_some() {
                break;
            }
            match locked.place(&index, &plan, false) {
                Ok(Placed::Done { object, data, meta }) => *draft = Draft { object, data, meta },
                Ok(_) => break,
                Err(_) => {
                    locked.poison();
                    break;
                }
            }
            placed += 1;
        }
        drop(locked);
        session.back_wanted_buckets();
        Ok(placed)
    }

    /// Copies data and metadata, unless the call was ended.
    fn fill(&self, draft: &Draft, data: &[u8]) -> Result<()> {
        self.call.ensure_not_ended()?;
        self.session.copy_in(self.call, draft.data, Source::Parts(&[data]))?;
        self.session.write_text(self.call, draft.object, draft.meta, self.metadata.text())
    }

    /// Seals the first of these objects, and returns their number.
    fn seal(&self, drafts: &[Draft]) -> usize {
        if drafts.is_empty() || self.session.ensure_writable().is_err() {
            return 0;
        }
        let now = clock::now();
        let last_use = self.session.use_at_seal();
        let metadata = self.metadata.payload() as u64;
        let mut sealed = Changes::default();
        let _announcement = self.session.begin_announcement();
        for ((draft, id), data) in drafts.iter().zip(self.ids).zip(&self.datas) {
            let Ok((record, word)) = self.session.load_writing(draft.object) else { break };
            self.session.note_seal(draft.object.slot, record, now, last_use);
            if make_sealed(record, draft.object, word).is_err() {
                break;
            }
            sealed.push(id, Sizes { data: data.len() as u64, metadata });
        }
        if sealed.len() > 0 {
            self.session.publish_all(&sealed, now.epoch_us);
        }
        sealed.len()
    }
}
