//! The table of instructions that may fault, with the place to go on when they do.
//!
//! An entry is two addresses, written by the assembly of [`access`] into
//! a section of its own. An access that is not in the table stops the image.

#![expect(unsafe_code, reason = "reads the table that the link script delimits")]

use core::slice;

use crate::hardware::cpu::access;
use crate::hardware::cpu::frame::TrapFrame;

/// One instruction that may fault.
#[repr(C)]
struct Fixup {
    /// Where it is.
    instruction: u64,
    /// Where to go on.
    resume: u64,
}

unsafe extern "C" {
    static image_fixups_start: Fixup;
    static image_fixups_end: Fixup;
}

/// Set in the error code of a page fault when the processor was fetching an instruction.
const ERROR_FETCH: u64 = 1 << 4;

fn table() -> &'static [Fixup] {
    let start = &raw const image_fixups_start;
    let bytes = (&raw const image_fixups_end).addr() - start.addr();
    // SAFETY: the link script puts the table, aligned to 16, between the two symbols, in rodata;
    // every entry is two words.
    unsafe { slice::from_raw_parts(start, bytes / size_of::<Fixup>()) }
}

fn find(instruction: u64) -> Option<u64> {
    table().iter().find(|fixup| fixup.instruction == instruction).map(|fixup| fixup.resume)
}

/// Makes the trap return to the fix-up of the instruction that faulted, if it has one.
///
/// A fetch that faults has no instruction: there the address that the call pushed counts, and the
/// return takes it off the stack.
pub(crate) fn recover(frame: &mut TrapFrame, address: Option<u64>) -> bool {
    if let Some(resume) = find(frame.rip) {
        frame.rip = resume;
        return true;
    }
    let is_fetch = address == Some(frame.rip) && frame.error & ERROR_FETCH != 0;
    if !is_fetch {
        return false;
    }
    // A jump into the wild may come with any stack pointer: read it with care.
    let Some(resume) = access::read_word(frame.rsp).and_then(find) else {
        return false;
    };
    frame.rip = resume;
    frame.rsp += 8;
    true
}
