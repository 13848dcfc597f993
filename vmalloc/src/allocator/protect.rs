//! Changes of rights, and what a fault means after them.

use x86_64::VirtAddr;

use crate::allocator::{Region, Vmalloc};
use crate::error::RegionError;
use crate::fault::FaultSite;
use crate::id::RegionId;
use crate::machine::{AccessKind, Machine};
use crate::paging::{Entry, Walk};
use crate::region::extent::Traits;
use crate::region::stage::Stage;
use crate::request::Protection;
use crate::stats::Counters;
use crate::tlb::{FlushReason, Plan};

/// What a page fault in the window means: [`Vmalloc::on_fault`].
#[derive(Clone, Copy, Debug)]
pub enum FaultVerdict {
    /// The entries allow the access by now: it is to be tried again.
    Spurious,
    /// The access is refused, and this is what lies there.
    Refused(FaultSite),
}

impl<M: Machine> Vmalloc<M> {
    /// Changes what the pages of a region that [`Region::into_raw`] let go may be used for. When it
    /// returns, every CPU obeys.
    ///
    /// W^X holds by type: no [`Protection`] is both writable and executable. The contents stay, under
    /// [`Protection::None`] too.
    ///
    /// # Errors
    ///
    /// [`RegionError`] as for [`vfree`](Self::vfree), and nothing has changed.
    ///
    /// # Panics
    ///
    /// If another CPU does not answer for 30 times the machine's patience.
    ///
    /// # Context
    ///
    /// Waits for other CPUs and interrupts them, unless the rights stay as they are: for threads with
    /// interrupts on.
    ///
    /// # Complexity
    ///
    /// O(pages), and a shootdown.
    ///
    /// # Source
    ///
    /// Linux's `set_memory_ro`, `set_memory_rw`, `set_memory_x`, `set_memory_np`. Intel SDM volume 3,
    /// "Propagation of Paging-Structure Changes to Multiple Processors".
    pub fn protect(&self, id: RegionId, protection: Protection) -> Result<(), RegionError> {
        self.protect_from(id, Stage::Loose, protection)
    }

    /// Changes the rights of a region in a stage that says who may.
    pub(crate) fn protect_from(
        &self,
        id: RegionId,
        stage: Stage,
        protection: Protection,
    ) -> Result<(), RegionError> {
        self.slots().step(id, stage, stage.changing())?;
        let record = self.slots().slot(id.slot());
        let (range, traits) = (record.range(), record.traits());
        if protection != traits.protection {
            let rights = Entry::rights(protection);
            let (machine, buddy) = (&self.machine, &self.frames.buddy);
            if traits.large {
                self.tables.protect_large(machine, buddy, range, rights);
            } else {
                self.tables.protect(machine, buddy, range, rights);
            }
            let now = Traits { protection, ..traits };
            record.rebuild(record.requested(), range, now, record.leaf(), stage.changing());
            let mut plan = Plan::new();
            plan.add(range);
            self.flush_now(&plan, FlushReason::Protection);
        }
        let is_back = record.step(id.generation(), stage.changing(), stage);
        assert!(is_back, "region {id} was taken from who changes it");
        Ok(())
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
    /// match vm.on_fault(guard, AccessKind::Write) {
    ///     FaultVerdict::Spurious => unreachable!("nothing is mapped there"),
    ///     FaultVerdict::Refused(site) => assert_eq!(site.kind, SiteKind::Guard),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_fault(&self, address: VirtAddr, kind: AccessKind) -> FaultVerdict {
        if self.is_spurious(address, kind) {
            return FaultVerdict::Spurious;
        }
        FaultVerdict::Refused(self.locate(address))
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
        let is_over = self.window.holds(address) && allows(&self.walk(address), kind);
        if is_over {
            Counters::add(&self.counters.faults_spurious, 1);
        }
        is_over
    }
}

impl<M: Machine> Vmalloc<M> {
    /// Counts a fault that its access survives: for the kernel's handler, so that
    /// [`Stats`](crate::Stats) tells of it.
    ///
    /// # Context
    ///
    /// Takes no lock and allocates nothing: for fault handlers.
    pub fn note_recovered(&self) {
        Counters::add(&self.counters.faults_recovered, 1);
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

impl<M: Machine> Region<'_, M> {
    /// Changes what the pages may be used for. When it returns, every CPU obeys.
    ///
    /// # Errors
    ///
    /// [`RegionError::Changing`]: another thread changes the rights of the same region right now.
    ///
    /// # Panics
    ///
    /// As [`Vmalloc::protect`].
    ///
    /// # Context
    ///
    /// As [`Vmalloc::protect`].
    pub fn protect(&self, protection: Protection) -> Result<(), RegionError> {
        self.vmalloc().protect_from(self.id(), Stage::Owned, protection)
    }
}
