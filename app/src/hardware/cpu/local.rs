//! The record of a CPU: its number, its stack, and its deferred flush. The FS register of the CPU points to it.
//!
//! GS is not used, because a kernel below the image keeps its own record there.

#![expect(unsafe_code, reason = "writes and reads the FS base")]

use core::arch::asm;
use core::cell::Cell;
use core::mem::offset_of;

use runtime_config::layout::STACK_GUARD_BYTES;
use x86_64::VirtAddr;
use x86_64::registers::model_specific::FsBase;

use crate::hardware::cpu::retries::Retries;
use crate::platform::span::Span;

/// The record of one CPU.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Local {
    /// Number of the CPU. This is the first field, because [`number`] reads it at offset 0.
    number: u32,
    /// Whether requested flushes are deferred.
    is_masked: Cell<bool>,
    /// Whether a flush was requested while flushes were deferred.
    is_asked: Cell<bool>,
    /// The address range of the stack. The page below the stack is not mapped.
    stack: Span,
    /// The spurious page faults of this CPU.
    pub(crate) retries: Retries,
}

// SAFETY: only the CPU of the record accesses the cells, by single instructions, so an interrupt comes
// before or after each access.
unsafe impl Sync for Local {}

impl Local {
    /// Creates the record of CPU `number`.
    pub(crate) const fn new(number: u32, stack: Span) -> Self {
        let (is_masked, is_asked) = (Cell::new(false), Cell::new(false));
        Self { number, is_masked, is_asked, stack, retries: Retries::new() }
    }

    /// Returns whether `address` lies on the guard page below the stack of the CPU.
    pub(crate) fn is_below_stack(&self, address: u64) -> bool {
        let start = self.stack.start;
        Span::new(start.saturating_sub(STACK_GUARD_BYTES), start).holds(address)
    }

    /// Makes this the record of the calling CPU.
    pub(crate) fn load(&'static self) {
        FsBase::write(VirtAddr::from_ptr(self));
    }
}

/// Returns the number of the calling CPU.
#[inline(always)]
pub(crate) fn number() -> u32 {
    let number;
    // SAFETY: FS has pointed to the record of this CPU since the start of the CPU, and the number is the first word of
    // the record.
    unsafe {
        asm!("mov {:e}, fs:[0]", out(reg) number, options(pure, readonly, nostack, preserves_flags));
    }
    number
}

/// Defers flushes that are requested from this CPU, until [`unmask`]. Returns whether flushes were deferred already.
///
/// Disabling interrupts would have the same effect, but would take longer than the short code between `mask` and
/// `unmask`, because a virtual CPU may exit to the hypervisor for it.
#[inline(always)]
pub(crate) fn mask() -> bool {
    let was: u8;
    // SAFETY: accesses only the record of this CPU. Because `nomem` is not set, the compiler moves no memory access
    // across the assembly.
    unsafe {
        asm!(
            "mov {was}, fs:[{masked}]",
            "mov byte ptr fs:[{masked}], 1",
            was = out(reg_byte) was,
            masked = const offset_of!(Local, is_masked),
            options(nostack, preserves_flags),
        );
    }
    was != 0
}

/// Stops deferring flushes. Returns whether a flush was deferred; the caller must then make and acknowledge it.
#[inline(always)]
#[must_use]
pub(crate) fn unmask() -> bool {
    let is_asked: u8;
    // SAFETY: as in `mask`. A flush that is requested between the two instructions is not deferred.
    unsafe {
        asm!(
            "mov byte ptr fs:[{masked}], 0",
            "mov {asked}, fs:[{place}]",
            asked = out(reg_byte) is_asked,
            masked = const offset_of!(Local, is_masked),
            place = const offset_of!(Local, is_asked),
            options(nostack, preserves_flags),
        );
    }
    is_asked != 0
}

/// Returns whether a requested flush may be made now. If flushes are deferred, records the request and returns `false`.
///
/// # Context
///
/// The handler of flushes.
pub(crate) fn may_flush() -> bool {
    let local = get();
    local.is_asked.set(local.is_masked.get());
    !local.is_masked.get()
}

/// Returns whether a flush is deferred.
pub(crate) fn is_asked() -> bool {
    get().is_asked.get()
}

/// Clears the request that [`may_flush`] has recorded.
pub(crate) fn forget_asked() {
    get().is_asked.set(false);
}

/// Returns the record of the calling CPU.
pub(crate) fn get() -> &'static Local {
    // SAFETY: only `load` writes the FS register, with a reference to a static record, before other code runs on the
    // CPU.
    unsafe { &*FsBase::read().as_ptr() }
}
