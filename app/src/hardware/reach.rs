//! Reads, writes and probes memory at any address, and returns an error after a fault. Stores are limited to the
//! window.

#![expect(unsafe_code, reason = "stores by address")]

use runtime_config::layout::{WINDOW_BYTES, WINDOW_START};
use vmalloc::{AccessKind, Fault};
use x86_64::VirtAddr;

use crate::hardware::cpu::access;
use crate::hardware::memory::walk;

/// Returns whether the `length` bytes at `address` lie in the window. Stores must not change memory outside the window.
fn is_in_window(address: VirtAddr, length: u64) -> bool {
    let offset = address.as_u64().wrapping_sub(WINDOW_START);
    offset < WINDOW_BYTES && length <= WINDOW_BYTES - offset
}

fn fault(address: u64, kind: AccessKind) -> Fault {
    Fault { address: VirtAddr::new_truncate(address), kind }
}

/// Copies bytes from `address` to `bytes`.
///
/// # Errors
///
/// Returns the address of the first byte that faulted.
pub(crate) fn read(address: VirtAddr, bytes: &mut [u8]) -> Result<(), Fault> {
    let done = access::read(address.as_u64(), bytes);
    if done == bytes.len() {
        return Ok(());
    }
    Err(fault(address.as_u64().wrapping_add(done as u64), AccessKind::Read))
}

/// Copies `bytes` to `address`.
///
/// # Errors
///
/// Returns the address of the first byte that faulted, or `address` if some of the bytes lie outside the window.
///
/// # Safety
///
/// The caller may change those of the bytes that are mapped writable, and no reference points to them.
pub(crate) unsafe fn write(address: VirtAddr, bytes: &[u8]) -> Result<(), Fault> {
    if !is_in_window(address, bytes.len() as u64) {
        return Err(fault(address.as_u64(), AccessKind::Write));
    }
    // SAFETY: the caller may change the bytes.
    let done = unsafe { access::write(address.as_u64(), bytes) };
    if done == bytes.len() {
        return Ok(());
    }
    Err(fault(address.as_u64().wrapping_add(done as u64), AccessKind::Write))
}

/// Sets `length` bytes at `address` to `byte`.
///
/// # Errors
///
/// As [`write`].
///
/// # Safety
///
/// As for [`write`].
pub(crate) unsafe fn fill(address: VirtAddr, length: u64, byte: u8) -> Result<(), Fault> {
    if !is_in_window(address, length) {
        return Err(fault(address.as_u64(), AccessKind::Write));
    }
    let bytes = usize::try_from(length).unwrap_or(usize::MAX);
    // SAFETY: as in `write`.
    let done = unsafe { access::fill(address.as_u64(), bytes, byte) };
    if done == bytes {
        return Ok(());
    }
    Err(fault(address.as_u64().wrapping_add(done as u64), AccessKind::Write))
}

/// Tests whether one access to the byte at `address` would succeed, without changing memory.
///
/// # Errors
///
/// The access would fault, or it is a store outside the window.
pub(crate) fn probe(address: VirtAddr, kind: AccessKind) -> Result<(), Fault> {
    let is_allowed = match kind {
        AccessKind::Read => access::can_read(address.as_u64()),
        AccessKind::Write => is_in_window(address, 1) && access::can_write(address.as_u64()),
        AccessKind::Execute => {
            walk::translate(address.as_u64()).is_some_and(|leaf| leaf.is_executable)
        }
    };
    if is_allowed { Ok(()) } else { Err(fault(address.as_u64(), kind)) }
}
