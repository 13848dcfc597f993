//! The exception table: the instructions that may fault, with the address to resume at.
//!
//! The assembly of [`access`] writes the entries into a separate section. A fault of an instruction that is
//! not in the table stops the image.

#![expect(unsafe_code, reason = "reads the table that the link script delimits")]

use core::slice;

use crate::hardware::cpu::access;
use crate::hardware::cpu::frame::TrapFrame;

/// An entry of the exception table.
#[repr(C)]
struct Fixup {
    /// Address of the instruction that may fault.
    instruction: u64,
    /// Address to resume at.
    resume: u64,
}

unsafe extern "C" {
    static image_fixups_start: Fixup;
    static image_fixups_end: Fixup;
}

/// Bit of the error code of a page fault: the access was an instruction fetch.
const ERROR_FETCH: u64 = 1 << 4;

fn table() -> &'static [Fixup] {
    let start = &raw const image_fixups_start;
    let bytes = (&raw const image_fixups_end).addr() - start.addr();
    // SAFETY: the link script places the table between the two symbols in rodata, aligned to 16. Every entry
    // is two words.
    unsafe { slice::from_raw_parts(start, bytes / size_of::<Fixup>()) }
}

fn find(instruction: u64) -> Option<u64> {
    table().iter().find(|fixup| fixup.instruction == instruction).map(|fixup| fixup.resume)
}

/// Makes the trap resume at the address in the exception table. Returns `false` if the table has no entry.
///
/// A faulting fetch has no instruction. There the return address of the call is looked up, and is removed
/// from the stack.
pub(crate) fn recover(frame: &mut TrapFrame, address: Option<u64>) -> bool {
    if let Some(resume) = find(frame.rip) {
        frame.rip = resume;
        return true;
    }
    let is_fetch = address == Some(frame.rip) && frame.error & ERROR_FETCH != 0;
    if !is_fetch {
        return false;
    }
    // After a wild jump the stack pointer may be invalid, so this read may fault too.
    let Some(resume) = access::read_word(frame.rsp).and_then(find) else {
        return false;
    };
    frame.rip = resume;
    frame.rsp += 8;
    true
}
