//! Page faults in the window: what the handler asks, and what it says.

use x86_64::VirtAddr;

use super::locate::FaultSite;
use super::parts::Core;
use super::{locate, lookup};
use crate::machine::{AccessKind, Machine};
use crate::paging::Walk;
use crate::stats::Counters;

/// What a page fault in the window means: [`Vmalloc::on_fault`].
#[derive(Clone, Copy, Debug)]
pub enum FaultVerdict {
    /// The entries allow the access by now: it is to be tried again.
    Spurious,
    /// The access is refused, and this is what lies there.
    Refused(FaultSite),
}

/// What a fault handler asks of a window: [`Vmalloc::faults`](crate::Vmalloc::faults).
#[derive(Debug)]
pub struct Faults<'v, M: Machine> {
    core: &'v Core<M>,
}

impl<'v, M: Machine> Faults<'v, M> {
    pub(super) fn new(core: &'v Core<M>) -> Self {
        Self { core }
    }

    /// Says what a page fault means: what the handler asks before it gives up.
    ///
    /// A CPU may fault on an entry that allows the access by now, because it remembered an older
    /// one: then the access is to be tried again. Only for faults of ring 0 whose error code has no
    /// reserved bit: this looks at present, writable and executable, and at nothing else.
    ///
    /// # Context
    ///
    /// Takes no lock and allocates nothing: for fault handlers.
    ///
    /// # Complexity
    ///
    /// As [`locate`](Self::locate).
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
    ///     FaultVerdict::Spurious => unreachable!("nothing is mapped there"),
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

    /// Whether the entries allow by now what a page fault has refused: the first half of
    /// [`on_fault`](Self::on_fault), for handlers that survive many faults and name few.
    ///
    /// # Context
    ///
    /// Takes no lock and allocates nothing: for fault handlers.
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

    /// Counts a fault that its access survives: for the kernel's handler, so that
    /// [`Stats`](crate::Stats) tells of it.
    ///
    /// # Context
    ///
    /// Takes no lock and allocates nothing: for fault handlers.
    pub fn note_recovered(&self) {
        Counters::add(&self.core.counters.faults_recovered, 1);
    }
}

/// Whether the entries allow an access.
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
