//! The exception table. It lists the instructions that may fault, each with the address at which execution resumes
//! after a fault.
//!
//! The assembly code of [`access`] places the entries in a separate section. A fault of an instruction that is not in
//! the table stops the image.

#![expect(unsafe_code, reason = "reads the table that the link script delimits")]

use core::slice;

use crate::hardware::cpu::access;
use crate::hardware::cpu::frame::TrapFrame;

/// An entry of the exception table.
#[repr(C)]
struct Fixup {
    /// Address of the instruction that may fault.
    instruction: u64,
    /// Address at which execution resumes after the fault.
    resume: u64,
}

unsafe extern "C" {
    static image_fixups_start: Fixup;
    static image_fixups_end: Fixup;
}

/// Bit of the error code of a page fault that is set if the access was an instruction fetch.
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

/// Makes the trap resume at the address in the exception table. Returns `false` if the table has no entry for the
/// instruction. `address` is the faulting address of a page fault.
///
/// If the fetch of the first instruction of a called function faults, the call itself has already been executed. The
/// return address of the call is then looked up in the table instead, and is removed from the stack.
pub(crate) fn recover(frame: &mut TrapFrame, address: Option<u64>) -> bool {
    if let Some(resume) = find(frame.rip) {
        frame.rip = resume;
        return true;
    }
    let is_fetch = address == Some(frame.rip) && frame.error & ERROR_FETCH != 0;
    if !is_fetch {
        return false;
    }
    // After a jump to a random address, the stack pointer may be invalid too, so this read may fault.
    let Some(resume) = access::read_word(frame.rsp).and_then(find) else {
        return false;
    };
    frame.rip = resume;
    frame.rsp += 8;
    true
}
