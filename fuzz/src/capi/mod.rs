//! Sequences of calls of the C functions, with right and wrong arguments.
//!
//! Only arguments that plasma.h leaves undefined are omitted: a pointer that is neither NULL nor
//! valid, and a handle after its end. Everything else has an answer, which the model knows: wrong
//! arguments are INVALID_ARGUMENT and change nothing, and sealed objects are read back.

mod acts;
mod args;
mod handles;
mod model;
mod objects;
mod wrong;

use acts::Act;
use arbitrary::{Arbitrary, Unstructured};
use model::Model;
use std::cell::RefCell;

/// Maximum number of calls of one input.
const CALLS: u32 = 60;

/// Number of executions after which the store is made again: generations do not grow forever.
const EXECUTIONS: u32 = 500;

thread_local! {
    static STORE: RefCell<Option<(handles::Store, u32)>> = const { RefCell::new(None) };
}

/// Makes calls of the C functions, judged by a model.
pub fn c_api(data: &[u8]) {
    STORE.with_borrow_mut(|kept| {
        if kept.as_ref().is_some_and(|(_, used)| *used >= EXECUTIONS) {
            *kept = None;
        }
        let (store, used) = kept.get_or_insert_with(|| (handles::Store::new(), 0));
        *used += 1;
        let mut input = Unstructured::new(data);
        let mut model = Model::new(store);
        for _ in 0..CALLS {
            if input.is_empty() {
                break;
            }
            let Ok(act) = Act::arbitrary(&mut input) else { break };
            model.act(act);
        }
        model.end();
    });
}
