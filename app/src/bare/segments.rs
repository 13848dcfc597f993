//! Creates and loads the GDT, with flat segments, and the TSS, with the stacks of the traps that need a separate stack.

#![expect(unsafe_code, reason = "loads segment registers and the task register")]

use spin::Once;
use x86_64::VirtAddr;
use x86_64::instructions::tables::load_tss;
use x86_64::registers::segmentation::{CS, DS, ES, SS, Segment};
use x86_64::structures::gdt::{Descriptor, GlobalDescriptorTable, SegmentSelector};
use x86_64::structures::tss::TaskStateSegment;

use crate::bare::stacks;

/// Slot of the interrupt stack table for #DF.
pub(crate) const DOUBLE_FAULT_SLOT: u16 = 0;
/// Slot of the interrupt stack table for NMI.
pub(crate) const NMI_SLOT: u16 = 1;
/// Slot of the interrupt stack table for #MC.
pub(crate) const MACHINE_CHECK_SLOT: u16 = 2;

/// The segment descriptors of one CPU.
#[derive(Debug)]
pub(crate) struct Segments {
    table: GlobalDescriptorTable,
    code: SegmentSelector,
    data: SegmentSelector,
    task: SegmentSelector,
}

// The TSS and the descriptors of the BSP. Each CPU has its own, because a TSS contains the stacks of one CPU.
static TASK: Once<TaskStateSegment> = Once::new();
static SEGMENTS: Once<Segments> = Once::new();

/// Creates a TSS with the stacks of #DF, NMI and #MC.
pub(crate) fn task(stacks: [VirtAddr; 3]) -> TaskStateSegment {
    let mut task = TaskStateSegment::new();
    // The table is copied, because a reference to a field of the packed structure is not allowed.
    let mut table = task.interrupt_stack_table;
    table[..3].copy_from_slice(&stacks);
    task.interrupt_stack_table = table;
    task
}

/// Loads the segments of the BSP.
pub(crate) fn load_boot() {
    let task = TASK.call_once(|| task(stacks::tops()));
    SEGMENTS.call_once(|| Segments::new(task)).load();
}

impl Segments {
    /// Creates the descriptors of flat segments and of the TSS `task`.
    pub(crate) fn new(task: &'static TaskStateSegment) -> Self {
        let mut table = GlobalDescriptorTable::new();
        let code = table.append(Descriptor::kernel_code_segment());
        let data = table.append(Descriptor::kernel_data_segment());
        let task = table.append(Descriptor::tss_segment(task));
        Self { table, code, data, task }
    }

    /// Loads the segments on this CPU. Must be called only once, because the processor marks a loaded TSS as busy and
    /// refuses to load a busy TSS.
    pub(crate) fn load(&'static self) {
        self.table.load();
        // SAFETY: the selector names the 64-bit code segment of the table just loaded.
        unsafe { CS::set_reg(self.code) };
        // SAFETY: the selector names the flat data segment of that table.
        unsafe { SS::set_reg(self.data) };
        // SAFETY: as above.
        unsafe { DS::set_reg(self.data) };
        // SAFETY: as above.
        unsafe { ES::set_reg(self.data) };
        // SAFETY: the selector names the TSS, which is static and loaded once.
        unsafe { load_tss(self.task) };
    }
}
