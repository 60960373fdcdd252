//! Batches: calls on many objects, which go on in pieces of bounded length.

use crate::error::Result;
use crate::id::ObjectId;
use crate::layout::event::Sizes;
use crate::store::call::Call;

/// The most objects of a piece. Other creators wait for the writer lock while a piece changes the
/// table, which takes 1 to 2 us.
pub const PIECE: usize = 16;

/// Gets the result of each object of a batch, in order.
pub type Each<'a> = &'a mut dyn FnMut(usize, Result<()>);

/// Objects of a piece that all changed in the same way, for their events and their wakes.
pub struct Changes<'a> {
    list: [Option<(&'a ObjectId, Sizes)>; PIECE],
    len: usize,
}

impl Default for Changes<'_> {
    fn default() -> Self {
        Self { list: [None; PIECE], len: 0 }
    }
}

impl<'a> Changes<'a> {
    /// Adds an object. The caller adds no more than [`PIECE`].
    pub fn push(&mut self, id: &'a ObjectId, sizes: Sizes) {
        self.list[self.len] = Some((id, sizes));
        self.len += 1;
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'a ObjectId, Sizes)> + Clone {
        self.list[..self.len].iter().filter_map(|change| *change)
    }

    pub fn sizes(&self) -> impl Iterator<Item = Sizes> {
        self.iter().map(|(_, sizes)| sizes)
    }
}

impl Call<'_> {
    /// Runs a batch of `count` objects. `piece` handles the first objects from an index on together,
    /// gives their results to `each`, and returns their number; if that is not a whole piece, `one`
    /// handles the next object. An error that ends the call is the result of all that are left.
    pub fn run_batch(
        &self,
        count: usize,
        piece: &mut dyn FnMut(usize, Each<'_>) -> usize,
        one: &mut dyn FnMut(usize) -> Result<()>,
        each: Each<'_>,
    ) {
        let mut at = 0;
        while at < count {
            let done = if self.ensure_not_ended().is_ok() { piece(at, each) } else { 0 };
            at += done;
            if done == PIECE || at == count {
                continue;
            }
            match self.ensure_not_ended().and_then(|()| one(at)) {
                Err(error) if Call::is_ended_by(&error) => {
                    return (at..count).for_each(|at| each(at, Err(error.clone())));
                }
                done => each(at, done),
            }
            at += 1;
        }
    }
}
