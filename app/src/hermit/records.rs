//! The records of the CPUs, behind FS.
//!
//! Hermit keeps GS for itself, and saves and restores FS whenever it switches threads. The image's threads
//! stay on their CPUs, so each sets FS once, first of all: a new thread has whatever was there before. An interrupt
//! that comes while one of Hermit's own threads runs finds another FS: the local APIC says then whose record it is.

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
    /// In the order of the CPUs' numbers.
    locals: Box<[Local]>,
    /// The identifiers on the interrupt bus, in the same order.
    identifiers: Box<[u32]>,
}

/// Makes a record for every CPU.
pub(super) fn make(topology: &Topology) {
    RECORDS.call_once(|| CpuRecords {
        // Where a thread's stack ends is Hermit's matter.
        locals: (0..).zip(topology.cpus()).map(|(n, _)| Local::new(n, Span::new(0, 0))).collect(),
        identifiers: topology.cpus().iter().map(|cpu| cpu.identifier).collect(),
    });
}

/// Makes the calling thread that of its CPU.
///
/// # Panics
///
/// The firmware does not name the CPU.
pub(super) fn load() {
    own().expect("a CPU that Hermit found is one that the firmware names").load();
}

/// Does something with FS on this CPU's record, whichever thread was interrupted. On a CPU without a record it does
/// not happen.
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
    // SAFETY: it is the base that the interrupted thread had.
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
