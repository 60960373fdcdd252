//! Set metadata of an object that is being written.

use crate::error::Result;
use crate::store::call::Call;
use crate::store::memory::extents::ExtentKind;
use crate::store::objects::writer::ObjectWriter;
use crate::store::session::Session;
use crate::sync::Ordering;

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
        let exchange = self.begin_exchange(call, writer, ExtentKind::Meta, bytes.len() as u64)?;
        let reserved = &self.segment.header().reserved;
        self.segment.heap.write(exchange.new, reserved)?.copy_from(bytes);
        let (record, word) = self.load_writing(writer.object)?;
        record.payload[1 - word.meta_index()].store(metadata.payload() as u32, Ordering::Relaxed);
        self.end_exchange(call, writer, &exchange)?;
        writer.metadata = metadata;
        Ok(())
    }
}
