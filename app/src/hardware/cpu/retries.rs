//! Page faults that the entries do not explain any more: another CPU has allowed meanwhile what this
//! one remembers as refused. The access is tried again.

use core::sync::atomic::{AtomicU64, Ordering};

use vmalloc::{AccessKind, Machine, Vmalloc};
use x86_64::VirtAddr;

use crate::hardware::cpu::clock;
use crate::hardware::cpu::frame::TrapFrame;

// In the error code of a page fault.
const ERROR_WRITE: u64 = 1 << 1;
/// An entry has a bit that must be 0: no try again helps.
const ERROR_RESERVED: u64 = 1 << 3;
const ERROR_FETCH: u64 = 1 << 4;

/// Tries in a row of one access before it counts as refused, whatever the entries say.
const TRIES: u64 = 100;
/// Two faults are in a row if no more time lies between them.
const ROW_US: u64 = 1_000;

/// What one CPU has tried again.
#[derive(Debug)]
pub(crate) struct Retries {
    address: AtomicU64,
    at_us: AtomicU64,
    count: AtomicU64,
}

impl Retries {
    /// Nothing yet.
    pub(crate) const fn new() -> Self {
        Self { address: AtomicU64::new(0), at_us: AtomicU64::new(0), count: AtomicU64::new(0) }
    }

    /// Counts one more of an address; false if it is one too many.
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

/// Whether the access is to be tried again, by what `retries` says of this CPU.
///
/// # Context
///
/// The handler of page faults, with interrupts off: takes no lock.
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
    vm.is_spurious(place, kind) && retries.may_retry(address)
}
