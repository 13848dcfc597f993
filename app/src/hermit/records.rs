//! The records of the CPUs, to which FS points.
//!
//! Hermit uses GS, and saves and restores FS at each switch of threads. The threads of the image are pinned
//! to their CPUs, so each sets FS once at its start; the FS of a new thread is undefined. An interrupt during
//! a thread of Hermit finds another FS. The record is then found by the identifier of the local APIC.

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
    /// The records in the order of the CPUs' numbers.
    locals: Box<[Local]>,
    /// The APIC identifiers in the same order.
    identifiers: Box<[u32]>,
}

/// Creates a record for every CPU.
pub(super) fn make(topology: &Topology) {
    RECORDS.call_once(|| CpuRecords {
        // The stacks of threads belong to Hermit and are not known here.
        locals: (0..).zip(topology.cpus()).map(|(n, _)| Local::new(n, Span::new(0, 0))).collect(),
        identifiers: topology.cpus().iter().map(|cpu| cpu.identifier).collect(),
    });
}

/// Sets FS of the calling thread to the record of its CPU.
///
/// # Panics
///
/// The firmware's tables do not list the CPU.
pub(super) fn load() {
    own().expect("a CPU that Hermit found is one that the firmware names").load();
}

/// Calls `work` with FS on the record of this CPU, whichever thread was interrupted. On a CPU without a record
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
