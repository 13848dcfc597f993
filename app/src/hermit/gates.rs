//! The gates of the interrupt table that are the image's: its own vectors, and the exceptions that end a program.
//!
//! An exception that an access survives is over here. Of every other one the image prints whose the address was; then
//! Hermit's handler has it, with the stack and the registers as the processor left them. That handler says what it
//! knows and ends the thread, and Hermit would idle for ever: so a timer that was set before ends the image.

#![expect(unsafe_code, reason = "replaces gates of the kernel's interrupt table")]

use core::arch::asm;
use core::sync::atomic::{AtomicBool, Ordering};

use runtime_config::verdict::Exit;
use x86_64::VirtAddr;
use x86_64::instructions::interrupts;
use x86_64::instructions::tables::sidt;
use x86_64::registers::control::Cr2;
use x86_64::structures::idt::{Entry, EntryOptions, InterruptDescriptorTable};

use crate::hardware::cpu::frame::TrapFrame;
use crate::hardware::cpu::{apic, vectors};
use crate::hardware::{exit, fault, machine};
use crate::hermit::{records, stubs};

/// Slot of the interrupt stack table that Hermit keeps for #DF, counted from 0.
const DOUBLE_FAULT_SLOT: u16 = 1;
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

/// Replaces the gates; once, because all CPUs share the table.
pub(super) fn install() {
    interrupts::without_interrupts(|| {
        let table = sidt().base.as_mut_ptr::<InterruptDescriptorTable>();
        // SAFETY: the table is a static of Hermit, which is written at boot alone; no other CPU takes any of these
        // vectors yet.
        let table = unsafe { &mut *table };
        chain(&mut table.divide_error, &stubs::DIVIDE_ERROR);
        chain(&mut table.overflow, &stubs::OVERFLOW);
        chain(&mut table.bound_range_exceeded, &stubs::BOUND_RANGE);
        chain(&mut table.invalid_opcode, &stubs::INVALID_OPCODE);
        chain(&mut table.double_fault, &stubs::DOUBLE_FAULT);
        chain(&mut table.invalid_tss, &stubs::INVALID_TSS);
        chain(&mut table.segment_not_present, &stubs::SEGMENT_NOT_PRESENT);
        chain(&mut table.stack_segment_fault, &stubs::STACK_SEGMENT);
        chain(&mut table.general_protection_fault, &stubs::GENERAL_PROTECTION);
        chain(&mut table.page_fault, &stubs::PAGE_FAULT);
        chain(&mut table.x87_floating_point, &stubs::X87);
        chain(&mut table.alignment_check, &stubs::ALIGNMENT_CHECK);
        chain(&mut table.simd_floating_point, &stubs::SIMD);
        set(&mut table[vectors::TIMER], stubs::timer);
        set(&mut table[vectors::NETWORK], stubs::network);
        set(&mut table[vectors::FLUSH], stubs::flush);
        set(&mut table[vectors::WORK], stubs::work);
    });
}

/// Puts a gate of the image before Hermit's.
fn chain<F>(entry: &mut Entry<F>, chained: &stubs::Chained) {
    chained.hermit.store(entry.handler_addr().as_u64(), Ordering::Relaxed);
    let options = set(entry, chained.stub);
    if chained.vector == vectors::DOUBLE_FAULT {
        // SAFETY: the stack in this slot is Hermit's for #DF alone, and its handler, which may come next, would
        // run there too.
        unsafe { options.set_stack_index(DOUBLE_FAULT_SLOT) };
    }
}

fn set<F>(entry: &mut Entry<F>, handler: extern "C" fn()) -> &mut EntryOptions {
    *entry = Entry::missing();
    // SAFETY: the stubs save every register, know whether their vector pushes an error code, and return by `iretq` or go
    // on to a handler that does.
    unsafe { entry.set_handler_addr(VirtAddr::new(handler as usize as u64)) }
}
