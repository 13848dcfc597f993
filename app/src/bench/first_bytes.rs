//! Reads and writes the first bytes of the regions of a workload.

#![expect(unsafe_code, reason = "accesses by address")]

use vmalloc::{Access, Region, RegionInfo, Vmalloc};

/// Writes the first bytes of a region. Returns `false` if the access faults.
pub(super) fn write<M: Access>(vm: &Vmalloc<M>, region: &Region<'_, M>, bytes: &[u8]) -> bool {
    assert!(bytes.len() as u64 <= region.bytes(), "{region:?} has fewer bytes");
    // SAFETY: the workload has allocated the region and makes no reference to its bytes.
    unsafe { vm.machine().write(region.address(), bytes) }.is_ok()
}

/// Reads the first bytes of a region. Returns `false` if the access faults.
pub(super) fn read<M: Access>(vm: &Vmalloc<M>, info: &RegionInfo, bytes: &mut [u8]) -> bool {
    assert!(bytes.len() as u64 <= info.range.count().bytes(), "{info:?} has fewer bytes");
    // SAFETY: the bytes are memory of the window or not mapped, and only written by this trait.
    unsafe { vm.machine().read(info.range.address(), bytes) }.is_ok()
}
