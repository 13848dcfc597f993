//! Stacks with an unmapped page below each.

use core::cell::UnsafeCell;

use runtime_config::layout::{IST_STACK_BYTES, STACK_BYTES, STACK_GUARD_BYTES};
use x86_64::VirtAddr;

use crate::platform::span::Span;

#[expect(unsafe_code, reason = "stacks are shared with the CPU only")]
mod shared {
    use super::GuardedStack;

    // SAFETY: Rust code never reads or writes the bytes through this type; only its address is
    // taken.
    unsafe impl<const BYTES: usize> Sync for GuardedStack<BYTES> {}
}

/// Bytes of the guard at the low end of every stack.
pub(crate) const GUARD_BYTES: usize = bytes(STACK_GUARD_BYTES);
/// Bytes of the boot CPU's stack above its guard.
pub(crate) const BOOT_BYTES: usize = bytes(STACK_BYTES);
const IST_BYTES: usize = bytes(IST_STACK_BYTES);

#[expect(clippy::cast_possible_truncation, reason = "usize has 64 bits on x86_64")]
const fn bytes(bytes: u64) -> usize {
    bytes as usize
}

/// A stack that grows down towards a page which the tables leave out.
#[repr(C, align(4096))]
pub(crate) struct GuardedStack<const BYTES: usize> {
    guard: [u8; GUARD_BYTES],
    bytes: UnsafeCell<[u8; BYTES]>,
}

impl<const BYTES: usize> GuardedStack<BYTES> {
    const fn new() -> Self {
        Self { guard: [0; GUARD_BYTES], bytes: UnsafeCell::new([0; BYTES]) }
    }

    /// One past the highest byte: what a stack pointer starts with.
    pub(crate) fn top(&'static self) -> VirtAddr {
        VirtAddr::from_ptr(self.bytes.get()) + BYTES as u64
    }

    fn guard(&'static self) -> Span {
        Span::from_bytes(VirtAddr::from_ptr(&raw const self.guard).as_u64(), STACK_GUARD_BYTES)
    }
}

/// The boot CPU's stack: entry, boot and the service's loop.
pub(crate) static BOOT_STACK: GuardedStack<BOOT_BYTES> = GuardedStack::new();
/// The boot CPU's stack for #DF.
pub(crate) static DOUBLE_FAULT_STACK: GuardedStack<IST_BYTES> = GuardedStack::new();
/// The boot CPU's stack for NMI.
pub(crate) static NMI_STACK: GuardedStack<IST_BYTES> = GuardedStack::new();
/// The boot CPU's stack for #MC.
pub(crate) static MACHINE_CHECK_STACK: GuardedStack<IST_BYTES> = GuardedStack::new();

/// Every guard with the name of its stack.
pub(crate) fn guards() -> [(&'static str, Span); 4] {
    [
        ("cpu0", BOOT_STACK.guard()),
        ("cpu0 #DF", DOUBLE_FAULT_STACK.guard()),
        ("cpu0 NMI", NMI_STACK.guard()),
        ("cpu0 #MC", MACHINE_CHECK_STACK.guard()),
    ]
}

/// The stack whose guard holds the address.
pub(crate) fn guard_at(address: u64) -> Option<&'static str> {
    guards().into_iter().find_map(|(name, guard)| guard.holds(address).then_some(name))
}
