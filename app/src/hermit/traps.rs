//! The work of the image's gates.
//!
//! An exception that an access survives is over here. Of every other one the image prints the owner of the address;
//! then Hermit's handler has it, with the stack and the registers as the processor left them. That handler prints its
//! own lines and ends the thread, and Hermit would idle for ever. So before it the image has NMIs sent to all CPUs,
//! which end the image even where Hermit's handler waits for a lock with interrupts off.

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

/// The time that Hermit's handler has for its lines.
const HANDLER_US: u64 = 100_000;
/// NMIs and looks at the clock before it counts as stopped.
const LOOKS_MAX: u32 = 10_000_000;
/// The 8259's mask that lets only the 8254 through, which [`clock`](crate::hardware::cpu::clock) has left running.
const ONLY_8254: u8 = !1;
const MASK_8259: u16 = 0x21;
/// In an entry of the local APIC and in a command: an NMI is delivered.
const NMI: u32 = 4 << 8;
/// A command to the interrupt bus: an NMI for all CPUs but this one.
const NMI_FOR_OTHERS: u32 = 3 << 18 | apic::ASSERT | NMI;
/// The number of no CPU.
const NONE: u32 = u32::MAX;

/// The CPU whose exception ends the image.
static ENDING: AtomicU32 = AtomicU32::new(NONE);
static ENDING_SINCE_US: AtomicU64 = AtomicU64::new(0);
/// NMIs on that CPU since.
static NMIS: AtomicU32 = AtomicU32::new(0);

/// Whether an exception goes on at `frame.rip`; if not, it is Hermit's, and the image ends.
///
/// # Context
///
/// The gates, with interrupts off. Takes no lock and allocates nothing.
pub(super) extern "C" fn resolve(frame: &mut TrapFrame) -> bool {
    // Read at once: a nested fault overwrites it.
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

/// Whether an NMI that ends the image is to be the next one.
fn is_to_go_on() -> bool {
    let mut is_own = false;
    records::with_own(|| is_own = ENDING.load(Ordering::Relaxed) == local::number());
    let has_time = || {
        let since_us = ENDING_SINCE_US.load(Ordering::Relaxed);
        clock::now_us().saturating_sub(since_us) < HANDLER_US
    };
    // The 8254 sends the next one within 55 ms.
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

/// Says why the image ends, and sees to it that it does.
fn end(frame: &TrapFrame, cr2: u64) {
    // An exception in Hermit's handler would only come again.
    if ENDING.load(Ordering::Relaxed) == local::number() {
        exit::leave(Exit::Fault);
    }
    ENDING.store(local::number(), Ordering::Relaxed);
    fault::report(frame, cr2);
    // The report may have met faults of its own; Hermit's handler reads the register.
    // SAFETY: the register only tells where the last page fault was.
    unsafe { asm!("mov cr2, {}", in(reg) cr2, options(nomem, nostack)) };
    ENDING_SINCE_US.store(clock::now_us(), Ordering::Relaxed);
    apic::send(0, NMI_FOR_OTHERS);
    apic::registers().write(apic::LVT_LINT0, NMI);
    // SAFETY: the image ends by what the port lets through.
    unsafe { PortWriteOnly::<u8>::new(MASK_8259).write(ONLY_8254) };
}

/// Does what an interrupt of the image asks for.
///
/// # Context
///
/// As [`resolve`].
pub(super) extern "C" fn interrupt(frame: &mut TrapFrame) {
    // The others only end a `hlt`.
    if frame.vector == u64::from(vectors::FLUSH) {
        records::with_own(machine::answer_flush);
    }
    apic::acknowledge();
}
