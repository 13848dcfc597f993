//! Replaces gates in Hermit's interrupt table, for the vectors of the image and for exceptions.

#![expect(unsafe_code, reason = "replaces gates of the kernel's interrupt table")]

use core::sync::atomic::Ordering;

use x86_64::VirtAddr;
use x86_64::instructions::interrupts;
use x86_64::instructions::tables::sidt;
use x86_64::structures::idt::{Entry, EntryOptions, InterruptDescriptorTable};

use crate::hardware::cpu::vectors;
use crate::hermit::stubs;

/// Hermit's vector for spurious interrupts. It is replaced, because Hermit's handler would end the interrupted thread.
const SPURIOUS: u8 = 127;

/// Replaces the gates. Must be called only once, because all CPUs share the table. The gate of #NM remains that of
/// Hermit.
pub(super) fn install() {
    interrupts::without_interrupts(|| {
        let table = sidt().base.as_mut_ptr::<InterruptDescriptorTable>();
        // SAFETY: the table is a static of Hermit, and Hermit neither reads nor writes the table after boot. At this
        // time the APs only receive interrupts of Hermit, whose gates are not changed.
        let table = unsafe { &mut *table };
        chain(&mut table.divide_error, &stubs::DIVIDE_ERROR);
        chain(&mut table.debug, &stubs::DEBUG);
        chain(&mut table.non_maskable_interrupt, &stubs::NMI);
        chain(&mut table.breakpoint, &stubs::BREAKPOINT);
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
        chain(&mut table.machine_check, &stubs::MACHINE_CHECK);
        chain(&mut table.simd_floating_point, &stubs::SIMD);
        chain(&mut table.virtualization, &stubs::VIRTUALIZATION);
        chain(&mut table.cp_protection_exception, &stubs::CONTROL_PROTECTION);
        set(&mut table[vectors::TIMER], stubs::timer);
        set(&mut table[vectors::NETWORK], stubs::network);
        set(&mut table[vectors::FLUSH], stubs::flush);
        set(&mut table[vectors::WORK], stubs::work);
        set(&mut table[SPURIOUS], stubs::spurious);
    });
}

/// Sets a gate that can forward the exception to Hermit's handler, whose address is stored first.
fn chain<F>(entry: &mut Entry<F>, chained: &stubs::Chained) {
    chained.hermit.store(entry.handler_addr().as_u64(), Ordering::Relaxed);
    let options = set(entry, chained.stub);
    if let Some(slot) = chained.stack {
        // SAFETY: Hermit reserves the stack in this slot for this exception, and its handler would run there too.
        unsafe { options.set_stack_index(slot) };
    }
}

fn set<F>(entry: &mut Entry<F>, handler: extern "C" fn()) -> &mut EntryOptions {
    *entry = Entry::missing();
    // SAFETY: the stubs save every register, handle the error code of their vector, and return by `iretq` or jump to
    // a handler that does.
    unsafe { entry.set_handler_addr(VirtAddr::new(handler as usize as u64)) }
}
