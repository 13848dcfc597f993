//! Fills and loads the interrupt descriptor table (IDT).

#![expect(unsafe_code, reason = "fills the IDT with the addresses of the entries")]

use spin::Once;
use x86_64::VirtAddr;
use x86_64::structures::idt::{Entry, InterruptDescriptorTable};

use crate::bare::apic::SPURIOUS;
use crate::bare::segments::{DOUBLE_FAULT_SLOT, MACHINE_CHECK_SLOT, NMI_SLOT};
use crate::bare::stubs;
use crate::hardware::cpu::vectors;

static TABLE: Once<InterruptDescriptorTable> = Once::new();

fn set<F>(
    entry: &mut Entry<F>,
    handler: extern "C" fn(),
) -> &mut x86_64::structures::idt::EntryOptions {
    let address = VirtAddr::new(handler as usize as u64);
    // SAFETY: the entries in `stubs` save every register, handle the error code of their vector, and return
    // by `iretq`.
    unsafe { entry.set_handler_addr(address) }
}

fn table() -> InterruptDescriptorTable {
    let mut table = InterruptDescriptorTable::new();
    set(&mut table.divide_error, stubs::divide_error);
    set(&mut table.debug, stubs::debug);
    set(&mut table.breakpoint, stubs::breakpoint);
    set(&mut table.overflow, stubs::overflow);
    set(&mut table.bound_range_exceeded, stubs::bound_range);
    set(&mut table.invalid_opcode, stubs::invalid_opcode);
    set(&mut table.device_not_available, stubs::device_not_available);
    set(&mut table.invalid_tss, stubs::invalid_tss);
    set(&mut table.segment_not_present, stubs::segment_not_present);
    set(&mut table.stack_segment_fault, stubs::stack_segment);
    set(&mut table.general_protection_fault, stubs::general_protection);
    set(&mut table.page_fault, stubs::page_fault);
    set(&mut table.x87_floating_point, stubs::x87);
    set(&mut table.alignment_check, stubs::alignment_check);
    set(&mut table.simd_floating_point, stubs::simd);
    set(&mut table.virtualization, stubs::virtualization);
    set(&mut table.cp_protection_exception, stubs::control_protection);
    set(&mut table[vectors::TIMER], stubs::timer);
    set(&mut table[vectors::NETWORK], stubs::network);
    set(&mut table[vectors::FLUSH], stubs::flush);
    set(&mut table[vectors::WORK], stubs::work);
    set(&mut table[SPURIOUS], stubs::spurious);
    for (entry, slot) in [
        (set(&mut table.double_fault, stubs::double_fault), DOUBLE_FAULT_SLOT),
        (set(&mut table.non_maskable_interrupt, stubs::nmi), NMI_SLOT),
        (set(&mut table.machine_check, stubs::machine_check), MACHINE_CHECK_SLOT),
    ] {
        // SAFETY: the TSS is loaded before the IDT and has a stack in each of these slots. No two vectors share
        // a slot.
        unsafe { entry.set_stack_index(slot) };
    }
    table
}

/// Loads the IDT on this CPU. All CPUs share one table.
///
/// # Context
///
/// After [`Segments::load`](crate::bare::segments::Segments::load), because the entries refer to the code segment that
/// is loaded there.
pub(crate) fn load() {
    TABLE.call_once(table).load();
}
