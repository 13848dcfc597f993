//! Checks at every boot that the processor enforces read-only and no-execute pages.

#![expect(unsafe_code, reason = "calls an address in the data section")]

use core::fmt;
use core::sync::atomic::AtomicU8;

use crate::hardware::cpu::access;

/// A constant, to which a store must fault.
static CONSTANT: u8 = 0x5a;

/// A variable, to which a call must fault. Its value is the instruction `ret`, in case the call does not fault.
static CODE: AtomicU8 = AtomicU8::new(0xc3);

/// Writes to a constant, calls a variable and reads page 0. Each must fault.
///
/// # Errors
///
/// Returns the first access that did not fault.
///
/// # Context
///
/// On every CPU, after its trap handlers are set up.
pub(crate) fn run() -> Result<(), Unprotected> {
    if access::can_write((&raw const CONSTANT).addr() as u64) {
        return Err(Unprotected::WriteToConstant);
    }
    // SAFETY: if the fetch succeeds, it finds a `ret`.
    if unsafe { access::can_execute(CODE.as_ptr().addr() as u64) } {
        return Err(Unprotected::RunOfData);
    }
    if access::can_read(0) {
        return Err(Unprotected::NullPage);
    }
    Ok(())
}

/// An access that did not fault although it must.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unprotected {
    /// A store to rodata: CR0.WP is not set, or rodata is mapped writable.
    WriteToConstant,
    /// A fetch from data: EFER.NXE is not set, or data is mapped executable.
    RunOfData,
    /// A load from page 0: the page is mapped.
    NullPage,
}

impl fmt::Display for Unprotected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WriteToConstant => "a write to rodata did not fault",
            Self::RunOfData => "a fetch from data did not fault",
            Self::NullPage => "a read of page 0 did not fault",
        })
    }
}
