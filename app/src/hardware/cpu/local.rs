//! The record of a CPU, behind its FS register.
//!
//! FS and not GS, which other kernels keep for records of their own.

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
    /// First, because [`number`] reads it there.
    number: u32,
    /// Whether flushes that others ask for are put off, and whether one was.
    is_masked: Cell<bool>,
    is_asked: Cell<bool>,
    /// The bytes of its stack; the page below them is not mapped.
    stack: Span,
    /// Its page faults that were tried again.
    pub(crate) retries: Retries,
}

// SAFETY: only its own CPU reads and writes the cells, by single instructions, so that an interrupt
// comes before or after each.
unsafe impl Sync for Local {}

impl Local {
    /// Describes CPU `number`.
    pub(crate) const fn new(number: u32, stack: Span) -> Self {
        let (is_masked, is_asked) = (Cell::new(false), Cell::new(false));
        Self { number, is_masked, is_asked, stack, retries: Retries::new() }
    }

    /// Whether an address lies on the unmapped page below the stack.
    pub(crate) fn is_below_stack(&self, address: u64) -> bool {
        let start = self.stack.start;
        Span::new(start.saturating_sub(STACK_GUARD_BYTES), start).holds(address)
    }

    /// Makes it the record of the CPU that calls.
    pub(crate) fn load(&'static self) {
        FsBase::write(VirtAddr::from_ptr(self));
    }
}

/// The number of the CPU that asks.
#[inline(always)]
pub(crate) fn number() -> u32 {
    let number;
    // SAFETY: FS points to this CPU's record, whose first word this is, before anything else runs.
    unsafe {
        asm!("mov {:e}, fs:[0]", out(reg) number, options(pure, readonly, nostack, preserves_flags));
    }
    number
}

/// Puts off the flushes that others ask for, on this CPU; whether that was so already.
///
/// The interrupt flag would do as well, but changing it takes longer than all that is done meanwhile:
/// a virtual CPU leaves its code for it.
#[inline(always)]
pub(crate) fn mask() -> bool {
    let was: u8;
    // SAFETY: reads and writes this CPU's own record; what stands behind it in the program stays there.
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

/// Ends what [`mask`] began; whether a flush was put off meanwhile, which the caller now makes.
#[inline(always)]
#[must_use]
pub(crate) fn unmask() -> bool {
    let is_asked: u8;
    // SAFETY: as in `mask`. One that is asked for between the two finds nothing masked.
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

/// Whether a flush is to be made now; if not, it is noted.
///
/// # Context
///
/// The handler of flushes.
pub(crate) fn may_flush() -> bool {
    let local = get();
    local.is_asked.set(local.is_masked.get());
    !local.is_masked.get()
}

/// Whether a flush was put off and not made yet.
pub(crate) fn is_asked() -> bool {
    get().is_asked.get()
}

/// Forgets that a flush was put off.
pub(crate) fn forget_asked() {
    get().is_asked.set(false);
}

/// The record of the CPU that asks.
pub(crate) fn get() -> &'static Local {
    // SAFETY: only `load` writes the register, from such a reference, before anything else runs.
    unsafe { &*FsBase::read().as_ptr() }
}
