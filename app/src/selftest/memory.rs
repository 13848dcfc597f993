//! Accesses memory of the window by address, through the translations of the CPU that runs the test.

#![expect(unsafe_code, reason = "accesses by address")]

use vmalloc::{Access, AccessKind, Fault};
use x86_64::VirtAddr;

use crate::hardware::machine::Window;

/// Copies bytes from `address`.
pub(super) fn read(vm: &Window, address: VirtAddr, bytes: &mut [u8]) -> Result<(), Fault> {
    // SAFETY: tests read only regions of tests, which hold plain bytes.
    unsafe { vm.machine().read(address, bytes) }
}

/// Copies `bytes` to `address`.
pub(super) fn write(vm: &Window, address: VirtAddr, bytes: &[u8]) -> Result<(), Fault> {
    // SAFETY: tests write only to regions of tests, to which no reference points, and to unmapped pages.
    unsafe { vm.machine().write(address, bytes) }
}

/// Sets `length` bytes at `address` to `byte`.
pub(super) fn fill(vm: &Window, address: VirtAddr, length: u64, byte: u8) -> Result<(), Fault> {
    // SAFETY: as in `write`.
    unsafe { vm.machine().fill(address, length, byte) }
}

/// Tests whether one access to the byte at `address` would succeed.
pub(super) fn probe(vm: &Window, address: VirtAddr, kind: AccessKind) -> Result<(), Fault> {
    // SAFETY: as in `read` and `write`; the byte keeps its value.
    unsafe { vm.machine().probe(address, kind) }
}
