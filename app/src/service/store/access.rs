//! Accesses the bytes of regions through the mapping whose address the client received.

#![expect(unsafe_code, reason = "accesses by address")]

use vmalloc::{Access, AccessKind, Fault, PageCount, Region, RegionId, RegionInfo, Vmalloc, Walk};
use x86_64::VirtAddr;

use super::Store;
use crate::service::failure::Failure;

impl<M: Access> Store<M> {
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
        let read = self.read_at(info.range.address() + offset, bytes);
        read.map_err(|fault| refused(self, info, fault.address - info.range.address(), "read"))
    }

    /// Reads bytes of a region that is found by its address.
    pub(in crate::service) fn read_at(
        &self,
        start: VirtAddr,
        bytes: &mut [u8],
    ) -> Result<(), Fault> {
        // SAFETY: the bytes are memory of the window or not mapped. The image writes to its own regions on
        // this CPU only, and to those of clients by this trait.
        unsafe { self.vm.machine().read(start, bytes) }
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
        // SAFETY: the region is one of a client, which commands look up before they write. It holds plain bytes, and the
        // image makes no reference to them.
        let filled = unsafe { self.vm.machine().fill(info.range.address() + offset, length, byte) };
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
        // SAFETY: as in `fill`.
        let written = unsafe { self.vm.machine().write(info.range.address() + offset, data) };
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
        let mut region = Region::from_raw(self.vm, id)?;
        region.zero(first, count);
        let _ = region.into_raw();
        Ok(())
    }
}

fn refused<M: Access>(
    store: &Store<M>,
    info: &RegionInfo,
    offset: u64,
    access: &'static str,
) -> Failure {
    Failure::Fault { place: store.name_of(info.id), offset, access }
}

/// Tests one access to an address of the window. The byte keeps its value.
pub(in crate::service) fn is_accessible<M: Access>(
    vm: &Vmalloc<M>,
    address: VirtAddr,
    kind: AccessKind,
) -> bool {
    // SAFETY: the byte is memory of the window or not mapped. No page of the window is a register of a device.
    unsafe { vm.machine().probe(address, kind) }.is_ok()
}

/// Walks the page tables for any address, also outside the window.
pub(in crate::service) fn walk<M: Access>(vm: &Vmalloc<M>, address: VirtAddr) -> Walk {
    // SAFETY: the page tables outside the window are complete after boot, and none of them is freed.
    unsafe { vm.faults().walk_unchecked(address) }
}
