//! Creates the records of the CPUs, and sets FS to them in the threads of the image.
//!
//! Hermit uses GS for itself, and saves and restores FS when it switches threads. FS of a new thread is undefined. The
//! threads of the image are pinned to their CPUs, so each thread sets FS once at its start. If an interrupt occurs
//! while a thread of Hermit runs, FS does not point to a record. The record is then found by the identifier of the
//! local APIC.

#![expect(unsafe_code, reason = "restores the FS base of a thread that was interrupted")]

use alloc::boxed::Box;

use spin::Once;
use x86_64::VirtAddr;
use x86_64::registers::segmentation::{FS, Segment64};

use crate::hardware::cpu::apic;
use crate::hardware::cpu::local::Local;
use crate::platform::span::Span;
use crate::platform::topology::Topology;

static RECORDS: Once<CpuRecords> = Once::new();

struct CpuRecords {
    /// The record of each CPU, by the number of the CPU.
    locals: Box<[Local]>,
    /// The APIC identifier of each CPU, by the number of the CPU.
    identifiers: Box<[u32]>,
}

/// Creates a record for every CPU.
pub(super) fn make(topology: &Topology) {
    RECORDS.call_once(|| CpuRecords {
        // Hermit allocates the stacks of threads, so their addresses are not known here.
        locals: (0..).zip(topology.cpus()).map(|(n, _)| Local::new(n, Span::new(0, 0))).collect(),
        identifiers: topology.cpus().iter().map(|cpu| cpu.identifier).collect(),
    });
}

/// Sets FS of the calling thread to the record of its CPU.
///
/// # Panics
///
/// The ACPI tables do not list the CPU.
pub(super) fn load() {
    own().expect("a CPU that Hermit found is one that the firmware names").load();
}

/// Calls `work` while FS points to the record of this CPU, and restores FS afterwards. On a CPU without a record,
/// `work` is not called.
///
/// # Context
///
/// With interrupts off, after [`make`].
pub(super) fn with_own(work: impl FnOnce()) {
    let before = FS::read_base();
    if is_record(before) {
        return work();
    }
    let Some(own) = own() else { return };
    own.load();
    work();
    // SAFETY: restores the base of the interrupted thread.
    unsafe { FS::write_base(before) };
}

fn is_record(base: VirtAddr) -> bool {
    let locals = &RECORDS.get().expect("the records are made before the gates").locals;
    let bytes = size_of_val::<[Local]>(locals) as u64;
    Span::from_bytes(locals.as_ptr().addr() as u64, bytes).holds(base.as_u64())
}

fn own() -> Option<&'static Local> {
    let records = RECORDS.get()?;
    let identifier = apic::id();
    let number = records.identifiers.iter().position(|known| *known == identifier)?;
    records.locals.get(number)
}
