//! One connection to a store: the protocols, the mapped segment and the kernel, tied together.

mod check;
mod create;
mod draft;
mod drafts;
mod evict;
mod get;
mod hint;
mod inspect;
mod join;
mod leave;
mod list;
mod lock;
mod magazine;
mod make;
mod mend;
mod metadata;
mod peers;
mod place;
mod reap;
mod reclaim;
mod recover;
mod reserve;
mod seat;
mod session;
mod survey;
mod trim;
mod waiting;
mod words;

pub use draft::Draft;
pub use drafts::{DraftName, Taken};
pub use get::Held;
pub use make::GetOrMake;
pub use metadata::{View as MetadataView, check_name};
pub use seat::{Seat, Ticket, stale};
pub use session::Session;
