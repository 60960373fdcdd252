//! The options of a connection, and of a new object.

use std::time::Duration;

/// The behavior of a full store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Eviction {
    /// Nothing is ever evicted: a create in a full store fails.
    #[default]
    None,
    /// The least recently released objects that are neither held nor pinned are evicted.
    Lru,
}

/// How to connect. The default opens the store, or creates it if it does not exist.
///
/// ```
/// # use plasma::{ConnectOptions, Eviction};
/// let options = ConnectOptions::default().capacity(1 << 30).eviction(Some(Eviction::Lru));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// Never creates a store.
    pub existing: bool,
    /// Creates a store, and fails if it exists.
    pub exclusive: bool,
    /// Only reads. Implies `existing`.
    pub read_only: bool,
    /// Removes the store when its last client leaves.
    pub ephemeral: bool,
    /// Reserves the whole capacity at creation instead of chunk by chunk.
    pub reserve: bool,
    /// Bytes for data and metadata; 0 is the default, or the value of the existing store.
    pub capacity: u64,
    /// The most objects at once; 0 is the default, or the value of the existing store.
    pub max_objects: u64,
    /// Permissions of a new store (0600, 0640, 0644, 0660 or 0664); 0 is the default, 0600.
    pub mode: u32,
    /// The behavior of a full store; `None` is the default, or that of the existing store.
    pub eviction: Option<Eviction>,
    /// 1 collapses full 2 MiB runs into huge pages.
    pub huge_pages: u32,
    /// The longest wait for the writer lock in a call with a shorter deadline; `None` waits
    /// forever.
    pub lock_timeout: Option<Duration>,
    /// The most bytes that one reader of another uid may hold; 0 is the default, half of the
    /// capacity, or the value of the existing store.
    pub reader_quota: u64,
    /// The most readers of other uids at once, at most 1024; 0 is the default, 1024, or the value
    /// of the existing store.
    pub max_readers: u64,
}

/// How to create an object. The default is a nameless object without metadata, and no waiting.
///
/// ```
/// # use plasma::CreateOptions;
/// let options = CreateOptions::default().name(Some("weights")).pinned(true);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CreateOptions<'a> {
    /// Fills the new object's memory with zeros.
    pub zeroed: bool,
    /// Pins the object against eviction from the start.
    pub pinned: bool,
    /// A name of 1 to 255 bytes of UTF-8, unique in the store.
    pub name: Option<&'a str>,
    /// Keys and values, 64 KiB in all.
    pub metadata: &'a [(&'a str, &'a [u8])],
    /// How long to wait for space; `None` waits forever, zero does not wait.
    pub timeout: Option<Duration>,
}

impl Default for CreateOptions<'_> {
    fn default() -> Self {
        Self {
            zeroed: false,
            pinned: false,
            name: None,
            metadata: &[],
            timeout: Some(Duration::ZERO),
        }
    }
}

/// Methods that set a field of options, so that options can be written in one expression.
macro_rules! setters {
    ($($name:ident: $type:ty,)*) => {
        $(
            #[doc = concat!("Sets [`", stringify!($name), "`](#structfield.", stringify!($name), ").")]
            #[must_use]
            pub fn $name(mut self, $name: $type) -> Self {
                self.$name = $name;
                self
            }
        )*
    };
}

impl ConnectOptions {
    setters! {
        existing: bool,
        exclusive: bool,
        read_only: bool,
        ephemeral: bool,
        reserve: bool,
        capacity: u64,
        max_objects: u64,
        mode: u32,
        eviction: Option<Eviction>,
        huge_pages: u32,
        lock_timeout: Option<Duration>,
        reader_quota: u64,
        max_readers: u64,
    }
}

impl<'a> CreateOptions<'a> {
    setters! {
        zeroed: bool,
        pinned: bool,
        name: Option<&'a str>,
        metadata: &'a [(&'a str, &'a [u8])],
        timeout: Option<Duration>,
    }
}
