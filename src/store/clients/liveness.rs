//! Whether a client lives.

use crate::layout::client::ALL_SLOTS;
use crate::segment::slot_name;
use crate::store::clients::client_file::Identity;
use crate::store::clients::client_path::ClientPath;
use crate::store::clients::known::KnownClient;
use crate::store::lock::locked::Locked;
use crate::store::session::Session;
use crate::sys::file;

/// The most creators to remember because a wait asked whether they live.
const KEPT_CREATORS: usize = 64;

impl Session {
    /// Whether the client that had this slot and nonce is alive. Only producers create, so only
    /// `clients/` is searched.
    pub fn is_client_alive(&self, slot: u32, nonce: u64) -> bool {
        if nonce == self.own.nonce {
            return true;
        }
        let path = ClientPath { in_readers: false, slot };
        let mut known = self.registry.known.lock();
        if let Some(KnownClient { file, .. }) = known.named.get(&path)
            && file.nonce == nonce
        {
            let alive = file.is_alive_still();
            if !alive && let Some(dead) = known.named.remove(&path) {
                self.fold_left(path, dead);
            }
            return alive;
        }
        if slot >= ALL_SLOTS {
            return false;
        }
        match self.find_client(path) {
            Ok(Some(file)) => {
                let alive = file.nonce == nonce && file.is_alive();
                if alive && known.named.len() < KEPT_CREATORS && known.named.try_reserve(1).is_ok()
                {
                    // If a known client is not found at its path, the next scan decides about it.
                    known.named.entry(path).or_insert(KnownClient { file, folded: 0 });
                }
                alive
            }
            // Unless the whole store was deleted, a creator without a file has left.
            Ok(None) => self.ensure_linked().is_err(),
            // The client is not known to be dead.
            Err(_) => true,
        }
    }

    /// Whether a client of `clients/` whose file was seen in this slot is alive, even if its name
    /// is gone.
    pub fn was_seen_alive(&self, slot: u32) -> bool {
        let known = self.registry.known.lock();
        let seen = known.named.get(&ClientPath { in_readers: false, slot });
        seen.is_some_and(|known| known.file.is_alive_still())
    }

    /// The identity that the client in this slot of `clients/` claims.
    pub fn identity_of(&self, slot: u32) -> Option<Identity> {
        self.find_client(ClientPath { in_readers: false, slot }).ok()??.identity().ok()
    }
}

impl Locked<'_> {
    /// Whether a client that was found dead still has its name.
    pub fn is_dead_client(&self, path: ClientPath, nonce: u64, ino: u64) -> bool {
        let Ok(Some(file)) = self.session.find_client(path) else { return false };
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
