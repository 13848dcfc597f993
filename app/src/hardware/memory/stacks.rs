//! Stacks with an unmapped guard page below each, so that an overflow faults.

#![expect(unsafe_code, reason = "shares stacks with the CPU alone")]

use core::cell::UnsafeCell;

use arrayvec::ArrayVec;
use runtime_config::layout::{STACK_BYTES, STACK_GUARD_BYTES};
use spin::Once;
use x86_64::VirtAddr;

use crate::platform::span::Span;

/// Bytes of the guard page below a stack.
pub(crate) const GUARD_BYTES: usize = bytes(STACK_GUARD_BYTES);
/// Bytes of the BSP's stack above its guard page.
pub(crate) const BOOT_BYTES: usize = bytes(STACK_BYTES);
/// Maximum number of guard pages that can be declared.
const GUARDS_MAX: usize = 4;

#[expect(clippy::cast_possible_truncation, reason = "usize has 64 bits on x86_64")]
const fn bytes(bytes: u64) -> usize {
    bytes as usize
}

/// A stack and the guard page below it. The guard page is part of the image, but is not mapped.
#[repr(C, align(4096))]
pub(crate) struct GuardedStack<const BYTES: usize> {
    guard: [u8; GUARD_BYTES],
    bytes: UnsafeCell<[u8; BYTES]>,
}

// SAFETY: Rust code never reads or writes the bytes through this type; only its address is taken.
unsafe impl<const BYTES: usize> Sync for GuardedStack<BYTES> {}

impl<const BYTES: usize> GuardedStack<BYTES> {
    /// Creates a zeroed stack.
    pub(crate) const fn new() -> Self {
        Self { guard: [0; GUARD_BYTES], bytes: UnsafeCell::new([0; BYTES]) }
    }

    /// Returns the lowest address of the stack.
    pub(crate) fn bottom(&'static self) -> VirtAddr {
        VirtAddr::from_ptr(self.bytes.get())
    }

    /// Returns the guard page.
    pub(crate) fn guard(&'static self) -> Span {
        Span::from_bytes(VirtAddr::from_ptr(&raw const self.guard).as_u64(), STACK_GUARD_BYTES)
    }
}

/// The stack of the BSP, from the entry code on.
pub(crate) static BOOT_STACK: GuardedStack<BOOT_BYTES> = GuardedStack::new();
static GUARDS: Once<ArrayVec<(&'static str, Span), GUARDS_MAX>> = Once::new();

/// Declares the guard pages that must not be mapped, with the names of their stacks.
///
/// # Context
///
/// Once, before the page tables are built.
pub(crate) fn declare(guards: impl IntoIterator<Item = (&'static str, Span)>) {
    GUARDS.call_once(|| guards.into_iter().collect());
}

/// Returns every guard page with the name of its stack.
pub(crate) fn guards() -> &'static [(&'static str, Span)] {
    GUARDS.get().map_or(&[], |guards| guards)
}

/// Returns the name of the stack whose guard page contains `address`, if any.
pub(crate) fn guard_at(address: u64) -> Option<&'static str> {
    guards().iter().find_map(|(name, guard)| guard.holds(address).then_some(*name))
}
