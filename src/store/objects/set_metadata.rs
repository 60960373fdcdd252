//! Set metadata of an object that is being written.

use crate::error::Result;
use crate::store::call::Call;
use crate::store::memory::extents::ExtentKind;
use crate::store::objects::writer::ObjectWriter;
use crate::store::session::Session;
use crate::sync::Ordering;

/// The most bytes of metadata that are copied under the lock, which is then taken once and not
/// twice. That takes less time than to take the lock.
const AT_ONCE: usize = 1 << 10;

impl Session {
    /// Sets one key of an unsealed object's metadata; on failure nothing changes.
    pub fn set_metadata(
        &self,
        call: &Call<'_>,
        writer: &mut ObjectWriter,
        key: &str,
        value: &[u8],
    ) -> Result<()> {
        self.ensure_writable()?;
        let metadata = writer.metadata.with(key, value)?;
        let bytes = metadata.text();
        self.refuse_too_large(writer.bytes.len, bytes.len() as u64)?;
        let payload = metadata.payload() as u32;
        if bytes.len() > AT_ONCE || !self.exchange_at_once(call, writer, bytes, payload)? {
            let exchange =
                self.begin_exchange(call, writer, ExtentKind::Meta, bytes.len() as u64)?;
            let reserved = &self.segment.header().reserved;
            self.segment.heap.write(exchange.new, reserved)?.copy_from(bytes);
            let (record, word) = self.load_writing(writer.object)?;
            record.payload[1 - word.meta_index()].store(payload, Ordering::Relaxed);
            self.end_exchange(call, writer, &exchange)?;
        }
        writer.metadata = metadata;
        Ok(())
    }
}
