//! `VREAD` and `VWRITE`: bytes of a region, through the mapping that the client was given.

use vmalloc::{Machine, RegionInfo};

use super::Service;
use super::call::Call;
use super::failure::Failure;

/// `VREAD <r> offset length`
pub(super) fn vread<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let info = call.service.region(call.session, call.argument(1))?;
    let offset = call.size(2, "an offset is a number of bytes")?;
    let length = call.size(3, "a length is a number of bytes")?;
    call.service.check_range(&info, offset, length)?;
    call.reply_bytes(&info, offset..offset + length, "")
}

/// `VWRITE <r> offset data`: data that fits in the input buffer. What does not is a
/// [`Stream`](super::Stream).
pub(super) fn vwrite<M: Machine>(call: &mut Call<'_, '_, M>) -> Result<(), Failure> {
    let info = call.service.region(call.session, call.argument(1))?;
    let offset = call.size(2, "an offset is a number of bytes")?;
    let data = call.argument(3);
    call.service.check_range(&info, offset, data.len() as u64)?;
    if call.waits_for_readers(info.id) {
        return Ok(());
    }
    call.service.write(&info, offset, data)?;
    call.reply.integer(data.len() as u64);
    Ok(())
}

impl<M: Machine> Service<M> {
    /// Whether the bytes lie in what was requested, also where the last page goes on.
    pub(super) fn check_range(
        &self,
        info: &RegionInfo,
        offset: u64,
        length: u64,
    ) -> Result<(), Failure> {
        match offset.checked_add(length) {
            Some(end) if end <= info.requested => Ok(()),
            _ => Err(Failure::Range {
                place: self.place(info.id),
                offset,
                length,
                requested: info.requested,
            }),
        }
    }

    /// Reads bytes whose range was checked.
    pub(super) fn read(
        &self,
        info: &RegionInfo,
        offset: u64,
        bytes: &mut [u8],
    ) -> Result<(), Failure> {
        let read = self.vm.machine().read(info.range.address() + offset, bytes);
        read.map_err(|fault| self.fault(info, fault.address - info.range.address(), "read"))
    }

    /// Fills bytes whose range was checked.
    pub(super) fn fill(
        &self,
        info: &RegionInfo,
        offset: u64,
        length: u64,
        byte: u8,
    ) -> Result<(), Failure> {
        self.touch(info.id);
        let filled = self.vm.machine().fill(info.range.address() + offset, length, byte);
        filled.map_err(|fault| self.fault(info, fault.address - info.range.address(), "write"))
    }

    /// Writes bytes whose range was checked.
    pub(super) fn write(&self, info: &RegionInfo, offset: u64, data: &[u8]) -> Result<(), Failure> {
        if !data.is_empty() {
            self.touch(info.id);
        }
        let written = self.vm.machine().write(info.range.address() + offset, data);
        written.map_err(|fault| self.fault(info, fault.address - info.range.address(), "write"))
    }

    fn fault(&self, info: &RegionInfo, offset: u64, access: &'static str) -> Failure {
        Failure::Fault { place: self.place(info.id), offset, access }
    }
}
