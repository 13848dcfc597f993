//! Methods for the CPUs of a kernel: flushes, idle states, and page faults.

use crate::allocator::faults::Faults;
use crate::allocator::parts::Vmalloc;
use crate::machine::Machine;

impl<M: Machine> Vmalloc<M> {
    /// Flushes what other CPUs have asked the calling CPU to flush. The handler of
    /// [`TlbControl::interrupt`](crate::TlbControl::interrupt) calls this. A CPU that also calls
    /// this regularly in a loop needs fewer IPIs.
    ///
    /// # Context
    ///
    /// Anywhere, also inside itself in an interrupt handler: takes no lock, and runs in
    /// [`Cpus::without_interrupts`](crate::Cpus::without_interrupts).
    ///
    /// # Complexity
    ///
    /// O(1): no flush, a flush of at most 33 pages, or a full flush.
    pub fn acknowledge(&self) {
        self.core.machine.without_interrupts(|| {
            self.core.tlb.acknowledge(&self.core.machine, self.core.machine.current());
        });
    }

    /// Marks the calling CPU as about to halt. From then on flushes do not wait for this CPU,
    /// except those that free page tables.
    ///
    /// Until [`leave_idle`](Self::leave_idle), neither the CPU nor its interrupt handlers access
    /// window memory that may be unmapped or changed. After this call the CPU must look for work
    /// once more before it halts.
    ///
    /// # Context
    ///
    /// With interrupts off; they must stay off until the CPU halts. Takes no lock.
    pub fn enter_idle(&self) {
        self.core.tlb.halt(self.core.machine.current());
    }

    /// Marks the calling CPU as awake, and flushes what the CPU has missed. A CPU that starts calls
    /// this before it loads tables that contain the window, because no flush waits for the CPU
    /// before this call.
    ///
    /// # Context
    ///
    /// Takes no lock. The thread must not be moved to another CPU during the call.
    pub fn leave_idle(&self) {
        self.core.tlb.wake(&self.core.machine, self.core.machine.current());
    }

    /// Returns the functions for page-fault handlers.
    ///
    /// # Context
    ///
    /// Takes no lock and does not allocate: safe in fault handlers.
    #[must_use]
    pub fn faults(&self) -> Faults<'_, M> {
        Faults::new(&self.core)
    }
}
