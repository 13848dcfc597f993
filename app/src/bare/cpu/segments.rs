//! GDT and TSS: flat segments, and the stacks of the traps that must not use the current one.

#![expect(unsafe_code, reason = "loads segment registers and the task register")]

use spin::Once;
use x86_64::instructions::tables::load_tss;
use x86_64::registers::segmentation::{CS, DS, ES, SS, Segment};
use x86_64::structures::gdt::{Descriptor, GlobalDescriptorTable, SegmentSelector};
use x86_64::structures::tss::TaskStateSegment;

use crate::bare::memory::stacks::{DOUBLE_FAULT_STACK, MACHINE_CHECK_STACK, NMI_STACK};

/// Slot of the interrupt stack table for #DF.
pub(crate) const DOUBLE_FAULT_SLOT: u16 = 0;
/// Slot of the interrupt stack table for NMI.
pub(crate) const NMI_SLOT: u16 = 1;
/// Slot of the interrupt stack table for #MC.
pub(crate) const MACHINE_CHECK_SLOT: u16 = 2;

struct Segments {
    table: GlobalDescriptorTable,
    code: SegmentSelector,
    data: SegmentSelector,
    task: SegmentSelector,
}

// One set per CPU, because a TSS holds that CPU's stacks: these are the boot CPU's.
static TASK: Once<TaskStateSegment> = Once::new();
static SEGMENTS: Once<Segments> = Once::new();

fn task() -> TaskStateSegment {
    let mut task = TaskStateSegment::new();
    // By value: the structure is packed.
    let mut stacks = task.interrupt_stack_table;
    stacks[usize::from(DOUBLE_FAULT_SLOT)] = DOUBLE_FAULT_STACK.top();
    stacks[usize::from(NMI_SLOT)] = NMI_STACK.top();
    stacks[usize::from(MACHINE_CHECK_SLOT)] = MACHINE_CHECK_STACK.top();
    task.interrupt_stack_table = stacks;
    task
}

fn segments() -> Segments {
    let mut table = GlobalDescriptorTable::new();
    let code = table.append(Descriptor::kernel_code_segment());
    let data = table.append(Descriptor::kernel_data_segment());
    let task = table.append(Descriptor::tss_segment(TASK.call_once(task)));
    Segments { table, code, data, task }
}

/// Loads the boot CPU's segments.
pub(crate) fn load() {
    let segments = SEGMENTS.call_once(segments);
    segments.table.load();
    // SAFETY: the selector names the 64-bit code segment of the table just loaded.
    unsafe { CS::set_reg(segments.code) };
    // SAFETY: the selector names the flat data segment of that table.
    unsafe { SS::set_reg(segments.data) };
    // SAFETY: as above.
    unsafe { DS::set_reg(segments.data) };
    // SAFETY: as above.
    unsafe { ES::set_reg(segments.data) };
    // SAFETY: the selector names the TSS, which is static and is loaded once.
    unsafe { load_tss(segments.task) };
}
