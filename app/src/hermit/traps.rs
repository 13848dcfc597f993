//! Handles the exceptions and interrupts of the gates that the image has replaced.
//!
//! An exception from which the image can recover is handled here. For any other exception, the image prints a report,
//! and then jumps to Hermit's handler with the stack and the registers as they were at the exception. Hermit's handler
//! prints its own report and ends the thread; Hermit would then idle forever. The image therefore first arranges that
//! all CPUs receive NMIs. Their handler ends the image after a short time, even if Hermit's handler waits for a lock
//! with interrupts off.

#![expect(unsafe_code, reason = "restores a control register and writes a port")]

use core::arch::asm;
use core::hint;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use runtime_config::verdict::Exit;
use x86_64::instructions::port::PortWriteOnly;
use x86_64::registers::control::Cr2;

use crate::hardware::cpu::frame::TrapFrame;
use crate::hardware::cpu::{apic, clock, local, vectors};
use crate::hardware::{exit, fault, machine};
use crate::hermit::records;

/// Time in microseconds that Hermit's handler gets to print its report.
const HANDLER_US: u64 = 100_000;
/// Number of NMIs, or of readings of the clock, after which the image is ended even if the clock does not advance.
const LOOKS_MAX: u32 = 10_000_000;
/// Interrupt mask of the 8259 that passes only the interrupts of the 8254 timer, which
/// [`clock`](crate::hardware::cpu::clock) leaves running.
const ONLY_8254: u8 = !1;
const MASK_8259: u16 = 0x21;
/// Bits of the delivery mode NMI, in an entry of the local vector table and in a command.
const NMI: u32 = 4 << 8;
/// Command that sends an NMI to all CPUs except this one.
const NMI_FOR_OTHERS: u32 = 3 << 18 | apic::ASSERT | NMI;
/// Value of [`ENDING`] while no exception has ended the image.
const NONE: u32 = u32::MAX;

/// Number of the CPU whose exception ends the image.
static ENDING: AtomicU32 = AtomicU32::new(NONE);
static ENDING_SINCE_US: AtomicU64 = AtomicU64::new(0);
/// Number of NMIs on the CPU [`ENDING`] since its exception.
static NMIS: AtomicU32 = AtomicU32::new(0);

/// Handles an exception. Returns `true` if execution resumes at `frame.rip`. If it returns `false`, Hermit's handler
/// must run next; the image then ends.
///
/// # Context
///
/// Called by the gates with interrupts off. Takes no lock and does not allocate.
pub(super) extern "C" fn resolve(frame: &mut TrapFrame) -> bool {
    // CR2 is read first, because a nested fault would overwrite it.
    let cr2 = Cr2::read_raw();
    if frame.vector == vectors::NMI && ENDING.load(Ordering::Relaxed) != NONE {
        return is_to_go_on();
    }
    let address = (frame.vector == vectors::PAGE_FAULT).then_some(cr2);
    let may_be_survived = address.is_some() || frame.vector == vectors::GENERAL_PROTECTION;
    let mut goes_on = false;
    records::with_own(|| {
        goes_on = address.is_some_and(|address| fault::is_over(frame, address))
            || may_be_survived && fault::is_recovered(frame, address);
        if !goes_on {
            end(frame, cr2);
        }
    });
    goes_on
}

/// Handles an NMI after a fatal exception. Returns `true` on the CPU of the exception while Hermit's handler still has
/// time; otherwise ends the image. A CPU that did not cause the exception first waits until that time is over.
fn is_to_go_on() -> bool {
    let mut is_own = false;
    records::with_own(|| is_own = ENDING.load(Ordering::Relaxed) == local::number());
    let has_time = || {
        let since_us = ENDING_SINCE_US.load(Ordering::Relaxed);
        clock::now_us().saturating_sub(since_us) < HANDLER_US
    };
    // The 8254 causes the next NMI within 55 ms.
    if is_own && has_time() && NMIS.fetch_add(1, Ordering::Relaxed) < LOOKS_MAX {
        return true;
    }
    let mut looks = 0;
    while !is_own && has_time() && looks < LOOKS_MAX {
        looks += 1;
        hint::spin_loop();
    }
    exit::leave(Exit::Fault)
}

/// Reports a fatal exception, and starts the NMIs that end the image.
fn end(frame: &TrapFrame, cr2: u64) {
    // If Hermit's handler itself causes an exception, the image ends immediately, because the exception would occur
    // again.
    if ENDING.load(Ordering::Relaxed) == local::number() {
        exit::leave(Exit::Fault);
    }
    ENDING.store(local::number(), Ordering::Relaxed);
    fault::report(frame, cr2);
    // Restores CR2, which Hermit's handler reads. Faults during the report may have changed it. SAFETY: CR2 only holds
    // the address of the last page fault.
    unsafe { asm!("mov cr2, {}", in(reg) cr2, options(nomem, nostack)) };
    ENDING_SINCE_US.store(clock::now_us(), Ordering::Relaxed);
    apic::send(0, NMI_FOR_OTHERS);
    apic::registers().write(apic::LVT_LINT0, NMI);
    // SAFETY: the interrupts that the port passes end the image.
    unsafe { PortWriteOnly::<u8>::new(MASK_8259).write(ONLY_8254) };
}

/// Handles an interrupt of the image.
///
/// # Context
///
/// As [`resolve`].
pub(super) extern "C" fn interrupt(frame: &mut TrapFrame) {
    // The interrupts of other vectors only end a `hlt`.
    if frame.vector == u64::from(vectors::FLUSH) {
        records::with_own(machine::answer_flush);
    }
    apic::acknowledge();
}
