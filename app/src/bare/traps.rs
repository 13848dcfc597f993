//! Handles all traps of the runtime without a kernel.

use runtime_config::verdict::Exit;
use x86_64::registers::control::Cr2;

use crate::bare::apic::SPURIOUS;
use crate::hardware::cpu::frame::TrapFrame;
use crate::hardware::cpu::{apic, vectors};
use crate::hardware::{exit, fault, machine};

fn stop(frame: &TrapFrame, address: u64) -> ! {
    fault::report(frame, address);
    exit::leave(Exit::Fault)
}

/// Handles a trap. On return the interrupted code resumes at `frame.rip`.
///
/// # Context
///
/// With interrupts off. Takes no lock. The handler reads the records of the window, but accesses no memory of regions.
pub(crate) extern "C" fn dispatch(frame: &mut TrapFrame) {
    match frame.vector {
        vectors::PAGE_FAULT => {
            // CR2 is read first, because a nested fault would overwrite it.
            let address = Cr2::read_raw();
            if !fault::is_over(frame, address) && !fault::is_recovered(frame, Some(address)) {
                stop(frame, address);
            }
        }
        vectors::GENERAL_PROTECTION => {
            if !fault::is_recovered(frame, None) {
                stop(frame, 0);
            }
        }
        vector => match u8::try_from(vector) {
            // These interrupts only end a `hlt`. The interrupted loop then checks for work.
            Ok(vectors::TIMER | vectors::NETWORK | vectors::WORK) => apic::acknowledge(),
            Ok(vectors::FLUSH) => {
                machine::answer_flush();
                apic::acknowledge();
            }
            Ok(SPURIOUS) => {}
            _ => stop(frame, Cr2::read_raw()),
        },
    }
}
