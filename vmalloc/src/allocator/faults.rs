//! Classifies page faults in the window.
#![expect(unsafe_code, reason = "walks tables that may belong to other code")]

use x86_64::VirtAddr;

use super::locate::FaultSite;
use super::parts::Core;
use super::{locate, lookup};
use crate::machine::{AccessKind, Machine};
use crate::paging::Walk;
use crate::stats::Counters;

/// The result of [`Faults::on_fault`].
#[derive(Clone, Copy, Debug)]
pub enum FaultVerdict {
    /// The entries allow the access now. The CPU must retry the access.
    Spurious,
    /// The entries do not allow the access. The site describes the address.
    Refused(FaultSite),
}

/// The functions of a window for page-fault handlers: see
/// [`Vmalloc::faults`](crate::Vmalloc::faults).
#[derive(Debug)]
pub struct Faults<'v, M: Machine> {
    core: &'v Core<M>,
}

impl<'v, M: Machine> Faults<'v, M> {
    pub(super) fn new(core: &'v Core<M>) -> Self {
        Self { core }
    }

    /// Classifies a page fault. A handler calls this before it treats the fault as fatal.
    ///
    /// A CPU that has cached an older entry may fault although the current entry allows the access;
    /// then the access must be retried. Valid only for faults of ring 0 without the reserved bit in
    /// the error code, because only the present, writable and executable bits are checked.
    ///
    /// # Context
    ///
    /// Takes no lock and does not allocate: safe in fault handlers.
    ///
    /// # Complexity
    ///
    /// As [`locate`](crate::Vmalloc::locate).
    ///
    /// # Examples
    ///
    /// ```
    /// use vmalloc::{sim, AccessKind, FaultVerdict, SiteKind};
    ///
    /// let vm = sim::SimMachine::new(256, 1).set_up(sim::window(1024), 0, 0)?;
    /// let region = vm.vmalloc(4_096)?;
    /// let guard = region.address() + region.bytes();
    /// match vm.faults().on_fault(guard, AccessKind::Write) {
    ///     FaultVerdict::Spurious => unreachable!("the guard is unmapped"),
    ///     FaultVerdict::Refused(site) => assert_eq!(site.kind, SiteKind::Guard),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_fault(&self, address: VirtAddr, kind: AccessKind) -> FaultVerdict {
        if self.is_spurious(address, kind) {
            return FaultVerdict::Spurious;
        }
        FaultVerdict::Refused(locate::locate(self.core, address))
    }

    /// Returns whether the current entries allow an access that has faulted. This is the first half
    /// of [`on_fault`](Self::on_fault), for handlers that recover from most faults and do not need
    /// the site.
    ///
    /// # Context
    ///
    /// Takes no lock and does not allocate: safe in fault handlers.
    ///
    /// # Complexity
    ///
    /// O(1).
    pub fn is_spurious(&self, address: VirtAddr, kind: AccessKind) -> bool {
        let is_over =
            self.core.window.holds(address) && allows(&lookup::walk(self.core, address), kind);
        if is_over {
            Counters::add(&self.core.counters.faults_spurious, 1);
        }
        is_over
    }

    /// Walks the page tables as [`Vmalloc::walk`](crate::Vmalloc::walk) does, also for an address
    /// outside the window, for reports of any fault.
    ///
    /// # Safety
    ///
    /// If the address lies outside the window: during the call no table that the walk reads is
    /// freed, and [`PhysicalMemory::pointer`](crate::PhysicalMemory::pointer) accepts each of them.
    ///
    /// # Context
    ///
    /// Takes no lock and does not allocate: safe in fault handlers.
    ///
    /// # Complexity
    ///
    /// O(1).
    #[must_use]
    pub unsafe fn walk_unchecked(&self, address: VirtAddr) -> Walk {
        lookup::walk_unchecked(self.core, address)
    }

    /// Counts a fault from which the fault handler of the kernel has recovered: see
    /// [`Stats`](crate::Stats).
    ///
    /// # Context
    ///
    /// Takes no lock and does not allocate: safe in fault handlers.
    pub fn note_recovered(&self) {
        Counters::add(&self.core.counters.faults_recovered, 1);
    }
}

/// Returns whether the entries of a walk allow an access.
fn allows(walk: &Walk, kind: AccessKind) -> bool {
    let Some((_, leaf)) = walk.last().filter(|(_, entry)| entry.is_present()) else {
        return false;
    };
    match kind {
        AccessKind::Read => true,
        AccessKind::Write => leaf.is_writable(),
        AccessKind::Execute => leaf.is_executable(),
    }
}
