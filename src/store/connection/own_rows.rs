//! The words that this client writes all the time, wherever they lie.

use crate::layout::client::Release;
use crate::segment::Section;
use crate::sync::AtomicU64;

/// The words that this client writes all the time.
pub struct Rows {
    pub leases: Section<AtomicU64>,
    /// The number of releases in the ring.
    pub released: Section<AtomicU64>,
    /// The release ring; `None` in a member of a store without eviction.
    pub releases: Option<Section<Release>>,
}
