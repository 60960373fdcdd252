//! The error type: a status for programs, and a message for people.

use std::borrow::Cow;
use std::fmt;

macro_rules! statuses {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $c_name:literal, $text:literal;)*) => {
        /// The status of a call. The numbers are frozen; C sees them as `plasma_status_t`.
        #[repr(i32)]
        #[non_exhaustive]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Status { $($(#[$doc])* $variant = $code,)* }

        impl Status {
            /// Every status, in the order of their numbers.
            pub const ALL: &'static [Status] = &[$(Status::$variant,)*];

            /// The name of this status in C.
            pub const fn c_name(self) -> &'static str {
                match self { $(Status::$variant => $c_name,)* }
            }

            /// The description of this status.
            pub const fn text(self) -> &'static str {
                match self { $(Status::$variant => $text,)* }
            }

            /// The status with this number.
            pub const fn from_code(code: i32) -> Option<Status> {
                match code { $($code => Some(Status::$variant),)* _ => None }
            }
        }
    };
}

statuses! {
    /// Done.
    Ok = 0, "PLASMA_OK", "ok";
    /// An argument that can never be right.
    InvalidArgument = -1, "PLASMA_ERR_INVALID_ARGUMENT", "invalid argument";
    /// No such object, name or key.
    NotFound = -2, "PLASMA_ERR_NOT_FOUND", "not found";
    /// The id is taken.
    Exists = -3, "PLASMA_ERR_EXISTS", "the object exists already";
    /// The name is taken.
    NameExists = -4, "PLASMA_ERR_NAME_EXISTS", "the name is taken";
    /// The object is still being written.
    NotSealed = -5, "PLASMA_ERR_NOT_SEALED", "the object is not sealed";
    /// Reserved: no call returns it, as a buffer ends when it is sealed.
    Sealed = -6, "PLASMA_ERR_SEALED", "the object is sealed";
    /// The time given ran out.
    Timeout = -7, "PLASMA_ERR_TIMEOUT", "timed out";
    /// The creator died before it sealed the object.
    Aborted = -8, "PLASMA_ERR_ABORTED", "the creator died before it sealed the object";
    /// No room in the store, the file system or the cgroup.
    OutOfMemory = -9, "PLASMA_ERR_OUT_OF_MEMORY", "out of memory";
    /// Larger than the store can ever hold.
    TooLarge = -10, "PLASMA_ERR_TOO_LARGE", "larger than the store";
    /// A limit other than bytes.
    Limit = -11, "PLASMA_ERR_LIMIT", "a limit is reached";
    /// The handle may only read.
    ReadOnly = -12, "PLASMA_ERR_READ_ONLY", "the handle is read-only";
    /// The operating system refused access.
    Permission = -13, "PLASMA_ERR_PERMISSION", "permission denied";
    /// There is no store at the address.
    StoreNotFound = -14, "PLASMA_ERR_STORE_NOT_FOUND", "no store at this address";
    /// There is a store at the address.
    StoreExists = -15, "PLASMA_ERR_STORE_EXISTS", "the store exists already";
    /// Something else is at the address.
    NotAStore = -16, "PLASMA_ERR_NOT_A_STORE", "not a store";
    /// The store was made with other options.
    Mismatch = -17, "PLASMA_ERR_MISMATCH", "the options differ from the store's";
    /// The store was made by another version or word size.
    Version = -18, "PLASMA_ERR_VERSION", "a store of another version";
    /// Shared memory holds nonsense.
    Corrupt = -19, "PLASMA_ERR_CORRUPT", "the store is corrupt";
    /// The store was removed.
    StoreGone = -20, "PLASMA_ERR_STORE_GONE", "the store was removed";
    /// The handle belongs to the parent process.
    Forked = -21, "PLASMA_ERR_FORKED", "the handle belongs to the parent process";
    /// The handle was closed during the call.
    Disconnected = -22, "PLASMA_ERR_DISCONNECTED", "the client was disconnected";
    /// The wait was interrupted.
    Interrupted = -23, "PLASMA_ERR_INTERRUPTED", "interrupted";
    /// This system or file system cannot do it.
    Unsupported = -24, "PLASMA_ERR_UNSUPPORTED", "not supported here";
    /// A system call failed.
    System = -25, "PLASMA_ERR_SYSTEM", "a system call failed";
    /// A defect in Plasma.
    Internal = -26, "PLASMA_ERR_INTERNAL", "internal error";
    /// The creator of the object failed; the message is the creator's.
    Failed = -27, "PLASMA_ERR_FAILED", "the creator failed";
}

/// Why a call failed.
///
/// Ordinary outcomes (not found, not sealed, timeout) are made without allocating or formatting.
/// The type has two machine words, so that results are returned in registers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Repr);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Repr {
    Plain(Status),
    Fixed(&'static Words),
    Made(Box<Words>),
}

const _: () = assert!(size_of::<Result<()>>() == 16);

/// An error with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Words {
    status: Status,
    errno: i32,
    detail: Cow<'static, str>,
}

impl Words {
    /// A constant message: an error with it needs no memory.
    pub(crate) const fn new(status: Status, errno: i32, detail: &'static str) -> Self {
        Self { status, errno, detail: Cow::Borrowed(detail) }
    }
}

/// The result of a call that can fail.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with a message: the request, the limit, and the remedy.
    #[cold]
    pub fn new(status: Status, detail: impl Into<String>) -> Self {
        Self::os(status, 0, detail)
    }

    /// An ordinary outcome without a message.
    #[inline]
    pub const fn plain(status: Status) -> Self {
        Self(Repr::Plain(status))
    }

    /// An error with a constant message.
    pub(crate) const fn fixed(words: &'static Words) -> Self {
        Self(Repr::Fixed(words))
    }

    /// An error that began as an errno.
    #[cold]
    pub fn os(status: Status, errno: i32, detail: impl Into<String>) -> Self {
        let detail = Cow::Owned(detail.into());
        Self(Repr::Made(Box::new(Words { status, errno, detail })))
    }

    fn words(&self) -> Option<&Words> {
        match &self.0 {
            Repr::Plain(_) => None,
            Repr::Fixed(words) => Some(words),
            Repr::Made(words) => Some(words),
        }
    }

    /// The status, for programs.
    pub fn status(&self) -> Status {
        match &self.0 {
            Repr::Plain(status) => *status,
            Repr::Fixed(words) => words.status,
            Repr::Made(words) => words.status,
        }
    }

    /// The errno behind the error, or 0.
    pub fn errno(&self) -> i32 {
        self.words().map_or(0, |words| words.errno)
    }

    /// The message, if there is one.
    pub fn detail(&self) -> Option<&str> {
        self.words().map(|words| &*words.detail)
    }

    /// The same error with `what` before its message.
    #[cold]
    pub fn context(self, what: impl fmt::Display) -> Self {
        let detail = match self.detail() {
            Some(detail) => format!("{what}: {detail}"),
            None => what.to_string(),
        };
        Self::os(self.status(), self.errno(), detail)
    }
}

impl Error {
    /// The same error with `more` after its message, if it has this status.
    #[cold]
    pub fn and_if(self, status: Status, more: &str) -> Self {
        match self.detail() {
            Some(detail) if self.status() == status => {
                Self::os(status, self.errno(), format!("{detail}; {more}"))
            }
            _ => self,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.detail() {
            Some(detail) => write!(f, "{}: {detail}", self.status().text()),
            None => f.write_str(self.status().text()),
        }
    }
}

impl std::error::Error for Error {}
