//! The store: one connection, which joins the protocols, the mapped segment and the kernel.

mod batch;
mod call;
mod calls;
mod clients;
mod connection;
mod ensure_open;
mod handles;
mod inspect;
mod lock;
mod memory;
mod notify;
mod objects;
mod recovery;
mod session;
mod subscribers;
mod wait;

pub use batch::PIECE;
pub use handles::table::{Handle, HandleTable, Releases, stale_handle_error};
pub use handles::writers::{TakenWriter, WriterHandle};
pub use objects::get_or_create::GotOrCreated;
pub use objects::held::Held;
pub use objects::metadata::{MetadataView, validate_name};
pub use objects::source::FileSource;
pub use objects::writer::ObjectWriter;
pub use session::Session;
pub use wait::Progress;
