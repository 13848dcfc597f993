//! Machines whose window is mapped for the running code, so that addresses of the window are
//! pointers.
#![expect(unsafe_code, reason = "implementing the trait is a promise")]

use core::ptr::NonNull;

use x86_64::VirtAddr;

use crate::machine::Machine;

/// A machine whose window is mapped for the running code, so that code can dereference pointers to
/// regions.
///
/// # Safety
///
/// An implementor guarantees that loads and stores of the running code at an address of the window
/// plus [`DISPLACEMENT`](Self::DISPLACEMENT) are translated by the tables below [`Machine::root`],
/// on every CPU that uses the window.
pub unsafe trait Direct: Machine {
    /// The number that is added to an address of the window, modulo 2^64, to make it a pointer. 0
    /// in a kernel. A test on a host, where programs cannot map the higher half, maps the window at
    /// lower addresses. The number is a multiple of every alignment that is requested.
    const DISPLACEMENT: u64 = 0;
}

/// Returns the pointer to an address of the window. It may be dereferenced as long as the pages are
/// mapped.
pub(crate) fn pointer<M: Direct>(address: VirtAddr) -> NonNull<u8> {
    let address = address.as_u64().wrapping_add(M::DISPLACEMENT);
    let address = usize::try_from(address).expect("addresses have 64 bits");
    let pointer = core::ptr::with_exposed_provenance_mut(address);
    NonNull::new(pointer).expect("no window lies at 0")
}

/// Returns the address of the window that a pointer refers to.
pub(crate) fn address<M: Direct>(pointer: NonNull<u8>) -> VirtAddr {
    let address = pointer.as_ptr().expose_provenance() as u64;
    VirtAddr::new_truncate(address.wrapping_sub(M::DISPLACEMENT))
}
