//! Methods for the CPUs of a kernel: flushes, idle states, CPUs that start and leave, and page
//! faults.
#![expect(unsafe_code, reason = "a CPU that no flush waits for must stay away from the window")]

use crate::allocator::faults::Faults;
use crate::allocator::parts::Vmalloc;
use crate::machine::{CpuId, Machine};

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
    /// O(1): no flush, a flush of at most
    /// [`TlbControl::PAGES_MAX`](crate::TlbControl::PAGES_MAX) pages, or a full flush.
    pub fn acknowledge(&self) {
        self.core.machine.without_interrupts(|| {
            self.core.tlb.acknowledge(&self.core.machine, self.core.machine.current());
        });
    }

    /// Marks the calling CPU as about to halt. From then on flushes do not wait for this CPU,
    /// except those that free page tables. After this call the CPU must look for work once more
    /// before it halts.
    ///
    /// # Safety
    ///
    /// From this call until the CPU calls [`leave_idle`](Self::leave_idle), no code that runs on
    /// this CPU, interrupt handlers included, accesses a page of the window that another CPU maps,
    /// moves, unmaps or changes the rights of in that time. Stale translations of such pages stay
    /// in the TLB of this CPU, and lead to frames that may have a new owner. Pages that were mapped
    /// before and stay as they are, for example those of the stack, may be used.
    ///
    /// No thread is moved to this CPU or away from it in that time, unless the same holds for the
    /// thread.
    ///
    /// # Context
    ///
    /// With interrupts off; they must stay off until the CPU halts. Takes no lock.
    ///
    /// # Examples
    ///
    /// Safe code cannot make this call:
    ///
    /// ```compile_fail,E0133
    /// # let vm = vmalloc::sim::SimMachine::new(256, 1).set_up(vmalloc::sim::window(64), 0, 0).unwrap();
    /// vm.enter_idle();
    /// ```
    pub unsafe fn enter_idle(&self) {
        self.core.tlb.halt(self.core.machine.current());
    }

    /// Marks the calling CPU as awake, and flushes what the CPU has missed. A CPU that starts, for
    /// the first time or after [`leave_cpu`](Self::leave_cpu), calls this before it loads tables
    /// that contain the window, because no flush waits for the CPU before this call.
    ///
    /// # Context
    ///
    /// Takes no lock, and runs in
    /// [`Cpus::without_interrupts`](crate::Cpus::without_interrupts).
    pub fn leave_idle(&self) {
        self.core.machine.without_interrupts(|| {
            self.core.tlb.wake(&self.core.machine, self.core.machine.current());
        });
    }

    /// Marks a CPU as off line. No flush waits for the CPU any more, not even one that frees page
    /// tables, until the CPU calls [`leave_idle`](Self::leave_idle). A flush that waits for the CPU
    /// ends its wait.
    ///
    /// The CPU itself makes this call after it has loaded a root without the window. Another CPU
    /// makes it when the CPU is off or was reset, also for a CPU that does not answer. The memory
    /// in the lists of the CPU is not lost: the next purge or reclaim releases it.
    ///
    /// # Safety
    ///
    /// From this call until `cpu` calls [`leave_idle`](Self::leave_idle), the following holds:
    ///
    /// 1. No code that runs on `cpu`, interrupt handlers included, accesses memory of the window or
    ///    calls another method of this value. The stack is not in the window.
    /// 2. `cpu` walks no table of the window, not even speculatively: it is off, or its root has no
    ///    level-4 entry of the window. When the CPU is back on a root that has one, its TLB has only
    ///    translations that it had cached before this call.
    ///
    /// If another CPU makes the call, all accesses of `cpu` to the window happen before the call.
    ///
    /// # Panics
    ///
    /// If there is no such CPU.
    ///
    /// # Context
    ///
    /// Takes no lock and does not wait.
    pub unsafe fn leave_cpu(&self, cpu: CpuId) {
        self.core.tlb.leave(cpu);
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
