//! What the image's gates do.
//!
//! An exception that an access survives is over here. Of every other one the image prints whose the address was; then
//! Hermit's handler has it, with the stack and the registers as the processor left them. That handler says what it
//! knows and ends the thread, and Hermit would idle for ever: so a timer that was set before ends the image.

#![expect(unsafe_code, reason = "restores a control register")]

use core::arch::asm;
use core::sync::atomic::{AtomicBool, Ordering};

use runtime_config::verdict::Exit;
use x86_64::registers::control::Cr2;

use crate::hardware::cpu::frame::TrapFrame;
use crate::hardware::cpu::{apic, vectors};
use crate::hardware::{exit, fault, machine};
use crate::hermit::records;

/// Ticks of the timer, at most some milliseconds, that Hermit's handler has for its lines.
const LAST_WORDS_TICKS: u32 = 1_000_000;

/// Whether an exception has ended the image.
static IS_ENDING: AtomicBool = AtomicBool::new(false);

/// Whether an exception goes on at `frame.rip`; if not, it is Hermit's, and the image ends.
///
/// # Context
///
/// The gates, with interrupts off. Takes no lock and allocates nothing.
pub(super) extern "C" fn resolve(frame: &mut TrapFrame) -> bool {
    // Read at once: a nested fault overwrites it.
    let cr2 = Cr2::read_raw();
    let address = (frame.vector == vectors::PAGE_FAULT).then_some(cr2);
    let may_be_survived = address.is_some() || frame.vector == vectors::GENERAL_PROTECTION;
    let mut goes_on = false;
    records::with_own(|| {
        goes_on = address.is_some_and(|address| fault::is_over(frame, address))
            || may_be_survived && fault::is_recovered(frame, address);
        if !goes_on {
            fault::report(frame, cr2);
        }
    });
    if !goes_on {
        // The report may have met faults of its own; Hermit's handler reads the register.
        // SAFETY: the register only tells where the last page fault was.
        unsafe { asm!("mov cr2, {}", in(reg) cr2, options(nomem, nostack)) };
        IS_ENDING.store(true, Ordering::Relaxed);
        apic::start_timer(LAST_WORDS_TICKS);
    }
    goes_on
}

/// Does what an interrupt of the image asks for.
///
/// # Context
///
/// As [`resolve`].
pub(super) extern "C" fn interrupt(frame: &mut TrapFrame) {
    match u8::try_from(frame.vector) {
        Ok(vectors::FLUSH) => records::with_own(machine::answer_flush),
        Ok(vectors::TIMER) if IS_ENDING.load(Ordering::Relaxed) => exit::leave(Exit::Fault),
        // The others only end a `hlt`.
        _ => {}
    }
    apic::acknowledge();
}
