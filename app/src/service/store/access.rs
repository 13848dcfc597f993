//! Accesses the bytes of regions through the mapping whose address the client received.

use vmalloc::{Machine, PageCount, Region, RegionId, RegionInfo};

use super::Store;
use crate::service::failure::Failure;

impl<M: Machine> Store<M> {
    /// Checks that bytes lie in the requested size of a region, which may end before its last page.
    pub(in crate::service) fn check_range(
        &self,
        info: &RegionInfo,
        offset: u64,
        length: u64,
    ) -> Result<(), Failure> {
        match offset.checked_add(length) {
            Some(end) if end <= info.requested => Ok(()),
            _ => Err(Failure::Range {
                place: self.name_of(info.id),
                offset,
                length,
                requested: info.requested,
            }),
        }
    }

    /// Reads bytes of a region. The caller must have checked the range.
    pub(in crate::service) fn read(
        &self,
        info: &RegionInfo,
        offset: u64,
        bytes: &mut [u8],
    ) -> Result<(), Failure> {
        let read = self.vm.machine().read(info.range.address() + offset, bytes);
        read.map_err(|fault| refused(self, info, fault.address - info.range.address(), "read"))
    }

    /// Fills bytes of a region with one value. The caller must have checked the range.
    pub(in crate::service) fn fill(
        &self,
        info: &RegionInfo,
        offset: u64,
        length: u64,
        byte: u8,
    ) -> Result<(), Failure> {
        self.touch(info.id);
        let filled = self.vm.machine().fill(info.range.address() + offset, length, byte);
        filled.map_err(|fault| refused(self, info, fault.address - info.range.address(), "write"))
    }

    /// Writes bytes of a region. The caller must have checked the range.
    pub(in crate::service) fn write(
        &self,
        info: &RegionInfo,
        offset: u64,
        data: &[u8],
    ) -> Result<(), Failure> {
        if !data.is_empty() {
            self.touch(info.id);
        }
        let written = self.vm.machine().write(info.range.address() + offset, data);
        written.map_err(|fault| refused(self, info, fault.address - info.range.address(), "write"))
    }

    /// Zeroes `count` pages of a region from page `first` on.
    pub(in crate::service) fn zero_pages(
        &self,
        id: RegionId,
        first: u64,
        count: u64,
    ) -> Result<(), Failure> {
        let [first, count] = [first, count].map(|n| PageCount::from_pages(n).unwrap_or_default());
        let region = Region::from_raw(self.vm, id)?;
        region.zero(first, count);
        let _ = region.into_raw();
        Ok(())
    }
}

fn refused<M: Machine>(
    store: &Store<M>,
    info: &RegionInfo,
    offset: u64,
    access: &'static str,
) -> Failure {
    Failure::Fault { place: store.name_of(info.id), offset, access }
}
