//! Resize an object that is being written.

use crate::error::Result;
use crate::store::call::Call;
use crate::store::memory::extents::ExtentKind;
use crate::store::objects::writer::ObjectWriter;
use crate::store::session::Session;

impl Session {
    /// Changes the size of an unsealed object; on failure nothing changes.
    pub fn resize(&self, call: &Call<'_>, writer: &mut ObjectWriter, size: u64) -> Result<()> {
        self.ensure_writable()?;
        self.refuse_too_large(size, writer.metadata.text().len() as u64)?;
        let (record, word) = self.load_writing(writer.object)?;
        let old = record.data.load(word.data_index());
        if size != old.size {
            let exchange = self.begin_exchange(call, writer, ExtentKind::Data, size)?;
            if exchange.moved {
                let reserved = &self.segment.header().reserved;
                let from = self.segment.heap.read(exchange.old, reserved)?;
                self.segment.heap.write(exchange.new, reserved)?.copy_from_own(from);
            }
            self.end_exchange(call, writer, &exchange)?;
        }
        let (record, word) = self.load_writing(writer.object)?;
        let extent = record.data.load(word.data_index());
        writer.bytes = self.segment.heap.write(extent, &self.segment.header().reserved)?;
        Ok(())
    }
}
