//! The name of this host in the store's table of hosts.

use crate::error::Result;
use crate::layout::header::Host;
use crate::store::call::Call;
use crate::store::lock::locked::Locked;
use crate::store::recovery::header::known_hosts;
use crate::store::session::Session;
use crate::sync::Ordering::Relaxed;
use crate::sys::process;

impl Session {
    /// The index of this host's name in the store's table.
    #[inline(always)]
    pub fn find_host(&self, call: &Call<'_>) -> Result<u32> {
        match self.own.host.get() {
            Some(host) => Ok(*host),
            None => self.find_host_first(call),
        }
    }

    #[cold]
    fn find_host_first(&self, call: &Call<'_>) -> Result<u32> {
        let mut name = process::host_name().into_bytes();
        name.resize(64, 0);
        let mut words = [0; 8];
        for (word, bytes) in words.iter_mut().zip(name.chunks_exact(8)) {
            *word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        }
        let host = self.lock(call)?.register_host(&words);
        Ok(*self.own.host.get_or_init(|| host))
    }
}

impl Locked<'_> {
    /// The index of the host with this name, which is added if the table has room.
    fn register_host(&self, words: &[u64; 8]) -> u32 {
        let header = self.session.segment.header();
        let known = known_hosts(header);
        let same = |host: &&Host| host.0.iter().zip(words).all(|(a, b)| a.load(Relaxed) == *b);
        let found = header.hosts.iter().take(known).position(|host| same(&host));
        match found {
            Some(found) => found as u32,
            None if known == header.hosts.len() => u32::MAX,
            None => {
                for (cell, word) in header.hosts[known].0.iter().zip(words) {
                    cell.store(*word, Relaxed);
                }
                header.table.hosts.store(known as u32 + 1, Relaxed);
                known as u32
            }
        }
    }
}
