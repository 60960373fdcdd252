//! Whether a client lives.

use crate::error::Result;
use crate::layout::client::FLAG_READ_ONLY;
use crate::layout::header::Lifecycle;
use crate::layout::members::LOCKS;
use crate::protocols::members::{identity, tenant};
use crate::segment::{refused, slot_name};
use crate::store::clients::client_file::{ClientFile, Identity};
use crate::store::clients::client_path::ClientPath;
use crate::store::lock::locked::Locked;
use crate::store::session::Session;
use crate::sync::Ordering::Relaxed;
use crate::sys::file;

impl Session {
    /// Whether the member with this serial is alive. Only members create objects.
    pub fn is_member_alive(&self, serial: u64) -> Result<bool> {
        if serial == self.own.serial {
            return Ok(true);
        }
        self.segment.ask(serial).or_else(|errno| {
            // The lock files go with the store.
            self.ensure_linked()?;
            if self.segment.lifecycle()? == Lifecycle::Gone {
                return Err(self.gone_error());
            }
            let store = self.address.display();
            let what = format!(
                "cannot ask in {store}/locks/{} whether a client lives, and what it holds is kept",
                serial % LOCKS as u64
            );
            Err(refused(errno, &what))
        })
    }

    /// As [`Session::is_member_alive`], where an error counts as alive.
    pub fn may_be_alive(&self, serial: u64) -> bool {
        self.is_member_alive(serial).unwrap_or(true)
    }

    /// The identity that the member in this slot claims; `None` if it is not the one with this
    /// serial, or has not said it yet.
    pub fn identity_of(&self, slot: u32, serial: u64) -> Option<Identity> {
        let members = &self.segment.members;
        let page = members.page(slot)?;
        identity(members.slot(slot)?, &page.identified, serial, || {
            let [low, high] = [0, 1].map(|at| u128::from(page.comm[at].load(Relaxed)));
            Identity {
                pid: page.pid.load(Relaxed) as i32,
                uid: page.uid.load(Relaxed),
                pid_namespace: page.pid_namespace.load(Relaxed),
                comm: (low | high << 64).to_le_bytes(),
                read_only: page.flags.load(Relaxed) & FLAG_READ_ONLY != 0,
                connect_time_us: page.connect_time_us.load(Relaxed) as i64,
                joined: page.joined.load(Relaxed) == serial,
            }
        })
    }

    /// The serial of the member in a slot, if there is one.
    pub fn tenant_of(&self, slot: u32) -> Option<u64> {
        self.segment.members.slot(slot).map(tenant).filter(|serial| *serial != 0)
    }
}

impl Locked<'_> {
    /// Whether a reader that was found dead still has its name.
    pub fn is_dead_reader(&self, path: ClientPath, nonce: u64, ino: u64) -> bool {
        let Ok(Ok(file)) = ClientFile::find(&self.session.segment, path) else { return false };
        if file.ino() != ino || file.nonce != nonce || file.is_alive() {
            return false;
        }
        // The second look at the inode is needed: a leaver unlinks its name and then releases its
        // lock, and the next client may have the name already. From here on the name stays: only a
        // leaver, or a client that reaps under this lock, removes it. While `file` is open, no
        // other file has its inode.
        self.session.ino_at(path) == Some(ino)
    }
}

impl Session {
    fn ino_at(&self, path: ClientPath) -> Option<u64> {
        let dir = path.dir(&self.segment).ok()?;
        file::stat_at(Some(dir), &slot_name(path.slot)).ok().map(|stat| stat.ino)
    }
}
