//! The proof, at every boot, that read-only and no-execute are more than bits in a table.

#![expect(unsafe_code, reason = "calls an address in the data section")]

use core::fmt;
use core::sync::atomic::AtomicU8;

use crate::hardware::cpu::access;

/// A constant that nobody may change.
static CONSTANT: u8 = 0x5a;

/// A variable that nobody may run: `ret`, for the case that somebody does.
static CODE: AtomicU8 = AtomicU8::new(0xc3);

/// Writes to a constant, runs a variable, touches page 0; all three must fault.
///
/// # Errors
///
/// The first of them that did not.
///
/// # Context
///
/// On every CPU, once its traps are set up.
pub(crate) fn run() -> Result<(), Unprotected> {
    if access::can_write((&raw const CONSTANT).addr() as u64) {
        return Err(Unprotected::WriteToConstant);
    }
    // SAFETY: if the fetch does succeed, what it finds is a `ret`.
    if unsafe { access::can_execute(CODE.as_ptr().addr() as u64) } {
        return Err(Unprotected::RunOfData);
    }
    if access::can_read(0) {
        return Err(Unprotected::NullPage);
    }
    Ok(())
}

/// What the processor allowed and must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unprotected {
    /// A store to rodata: CR0.WP is not set, or rodata is mapped writable.
    WriteToConstant,
    /// A fetch from data: EFER.NXE is not set, or data is mapped executable.
    RunOfData,
    /// A load from page 0.
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
