//! Handles spurious page faults: the page tables allow the access, because another CPU has changed an entry, but the
//! TLB of this CPU contains the old entry. The access is then retried.

use core::sync::atomic::{AtomicU64, Ordering};

use vmalloc::{AccessKind, Machine, Vmalloc};
use x86_64::VirtAddr;

use crate::hardware::cpu::clock;
use crate::hardware::cpu::frame::TrapFrame;

// Bits of the error code of a page fault.
const ERROR_WRITE: u64 = 1 << 1;
/// Bit that is set if a reserved bit of a page-table entry is set. A retry then cannot succeed.
const ERROR_RESERVED: u64 = 1 << 3;
const ERROR_FETCH: u64 = 1 << 4;

/// Maximum number of consecutive retries at one address. Above it, the fault is fatal, so that the CPU does not retry
/// forever.
const TRIES: u64 = 100;
/// Maximum time in microseconds between two faults that count as consecutive.
const ROW_US: u64 = 1_000;

/// The last spurious fault of one CPU, and the number of its retries.
#[derive(Debug)]
pub(crate) struct Retries {
    address: AtomicU64,
    at_us: AtomicU64,
    count: AtomicU64,
}

impl Retries {
    /// Creates a record without faults.
    pub(crate) const fn new() -> Self {
        Self { address: AtomicU64::new(0), at_us: AtomicU64::new(0), count: AtomicU64::new(0) }
    }

    /// Counts a fault at `address`. Returns whether the access may be retried, that is, the maximum of consecutive
    /// retries is not exceeded.
    fn may_retry(&self, address: u64) -> bool {
        let now_us = clock::now_us();
        let last_us = self.at_us.swap(now_us, Ordering::Relaxed);
        let is_same = self.address.swap(address, Ordering::Relaxed) == address;
        let is_in_a_row = is_same && now_us.saturating_sub(last_us) <= ROW_US;
        let count = if is_in_a_row { self.count.load(Ordering::Relaxed) + 1 } else { 1 };
        self.count.store(count, Ordering::Relaxed);
        count <= TRIES
    }
}

/// Returns whether a page fault at `address` is spurious and the access must be retried. `retries` is the record of
/// this CPU.
///
/// # Context
///
/// The handler of page faults, with interrupts off. Takes no lock.
pub(crate) fn is_over<M: Machine>(
    vm: &Vmalloc<M>,
    retries: &Retries,
    frame: &TrapFrame,
    address: u64,
) -> bool {
    let Ok(place) = VirtAddr::try_new(address) else { return false };
    if frame.error & ERROR_RESERVED != 0 {
        return false;
    }
    let kind = if frame.error & ERROR_FETCH != 0 {
        AccessKind::Execute
    } else if frame.error & ERROR_WRITE != 0 {
        AccessKind::Write
    } else {
        AccessKind::Read
    };
    vm.faults().is_spurious(place, kind) && retries.may_retry(address)
}
