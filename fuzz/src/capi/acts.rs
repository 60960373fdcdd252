//! The acts that an input may ask for.

use arbitrary::Arbitrary;

/// A call, or a few that belong together. Numbers are taken modulo their count; `wrong` selects an
/// error in the arguments, 0 none.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Act {
    Create {
        key: u8,
        size: u16,
        named: bool,
        keys: u8,
        wrong: Wrong,
    },
    CreateHuge {
        key: u8,
        size: u64,
    },
    Put {
        key: u8,
        size: u16,
        named: bool,
        wrong: Wrong,
    },
    PutMany {
        key: u8,
        count: u8,
        wrong: Wrong,
    },
    GetOrCreate {
        key: u8,
        size: u16,
        wrong: Wrong,
    },
    Resize {
        writer: u8,
        size: u16,
        huge: bool,
        wrong: Wrong,
    },
    SetMetadata {
        writer: u8,
        key: u8,
        size: u16,
        wrong: Wrong,
    },
    Seal {
        writer: u8,
        get: bool,
        wrong: Wrong,
    },
    Abort {
        writer: u8,
        wrong: Wrong,
    },
    Get {
        key: u8,
        by_name: bool,
        waits: bool,
        wrong: Wrong,
    },
    GetMany {
        key: u8,
        count: u8,
        wrong: Wrong,
    },
    Wait {
        key: u8,
        count: u8,
        ready: u8,
        wrong: Wrong,
    },
    Lookup {
        key: u8,
        wrong: Wrong,
    },
    Contains {
        key: u8,
        wrong: Wrong,
    },
    ObjectInfo {
        key: u8,
        wrong: Wrong,
    },
    Retain {
        buffer: u8,
        wrong: Wrong,
    },
    Release {
        buffer: u8,
        wrong: Wrong,
    },
    ReleaseMany {
        from: u8,
        count: u8,
        wrong: Wrong,
    },
    Read {
        buffer: u8,
        wrong: Wrong,
    },
    BufferInfo {
        buffer: u8,
        wrong: Wrong,
    },
    Delete {
        key: u8,
        wrong: Wrong,
    },
    DeleteMany {
        key: u8,
        count: u8,
        wrong: Wrong,
    },
    Pin {
        key: u8,
        pin: bool,
        wrong: Wrong,
    },
    Manage {
        what: u8,
        number: u64,
        wrong: Wrong,
    },
    Stats {
        wrong: Wrong,
    },
    Check {
        wrong: Wrong,
    },
    List {
        wrong: Wrong,
        at: u8,
    },
    ListClients {
        key: u8,
        holders: bool,
        at: u8,
        wrong: Wrong,
    },
    Subscribe {
        wrong: Wrong,
    },
    NextEvent {
        count: u8,
        wrong: Wrong,
    },
    Unsubscribe,
    /// A copy of a struct whose buffer ended, passed to one of the calls that take one.
    Stale {
        which: u8,
        call: u8,
        garble: u8,
    },
    /// The same with a struct of a writer.
    StaleWriter {
        which: u8,
        call: u8,
        garble: u8,
    },
    Use {
        client: u8,
    },
    Connect {
        wrong: Wrong,
    },
    Disconnect,
    Address {
        which: u8,
    },
    Ids {
        bytes: [u8; 6],
        size: u8,
        wrong: Wrong,
    },
    Texts {
        number: i32,
    },
}

/// The error in the arguments of a call: mostly none.
#[derive(Clone, Copy, Debug)]
pub struct Wrong(pub u8);

impl<'a> Arbitrary<'a> for Wrong {
    fn arbitrary(input: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        let byte = u8::arbitrary(input)?;
        Ok(Wrong(if byte < 160 { 0 } else { byte - 159 }))
    }

    fn size_hint(depth: usize) -> (usize, Option<usize>) {
        u8::size_hint(depth)
    }
}

impl Wrong {
    /// Returns which of `kinds` errors to make; `None` for none.
    pub fn of(self, kinds: u8) -> Option<u8> {
        self.0.checked_sub(1).map(|how| how % kinds)
    }

    /// Returns whether there is no error.
    pub fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Returns `None` when this is the selected error.
    pub fn unless<T>(how: Option<u8>, this: u8, value: T) -> Option<T> {
        (how != Some(this)).then_some(value)
    }
}
