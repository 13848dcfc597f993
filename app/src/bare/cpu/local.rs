//! What a CPU knows of itself, behind its GS register.

#![expect(unsafe_code, reason = "writes and reads the GS base")]

use core::arch::asm;

use runtime_config::layout::STACK_GUARD_BYTES;
use x86_64::VirtAddr;
use x86_64::registers::model_specific::GsBase;

use crate::bare::cpu::spurious::Retries;
use crate::platform::span::Span;

/// The record of one CPU.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Local {
    /// First, because [`number`] reads it there.
    number: u32,
    /// The bytes of its stack; the page below them is not mapped.
    stack: Span,
    /// Its page faults that were tried again.
    pub(crate) retries: Retries,
}

/// The boot CPU's, whose stack is the image's own.
static BOOT: Local = Local::new(0, Span::new(0, 0));

impl Local {
    /// Describes CPU `number`.
    pub(crate) const fn new(number: u32, stack: Span) -> Self {
        Self { number, stack, retries: Retries::new() }
    }

    /// Whether an address lies on the unmapped page below the stack.
    pub(crate) fn is_below_stack(&self, address: u64) -> bool {
        let start = self.stack.start;
        Span::new(start.saturating_sub(STACK_GUARD_BYTES), start).holds(address)
    }

    /// Makes it the record of the CPU that calls.
    pub(crate) fn load(&'static self) {
        GsBase::write(VirtAddr::from_ptr(self));
    }
}

/// Makes the caller CPU 0.
pub(crate) fn load_boot() {
    BOOT.load();
}

/// The number of the CPU that asks.
#[inline(always)]
pub(crate) fn number() -> u32 {
    let number;
    // SAFETY: GS points to this CPU's record, whose first word this is, before anything else runs.
    unsafe {
        asm!("mov {:e}, gs:[0]", out(reg) number, options(pure, readonly, nostack, preserves_flags));
    }
    number
}

/// The record of the CPU that asks.
pub(crate) fn get() -> &'static Local {
    // SAFETY: only `load` writes the register, from such a reference, before anything else runs.
    unsafe { &*GsBase::read().as_ptr() }
}
