//! Counts the generations of flushes, and runs the shootdown that waits for all CPUs.

use core::fmt;

use super::backoff::{Backoff, FailedShootdown};
use super::cpu_state::{ABSENT, AWAKE, CpuState, HALTED};
use super::flush::FlushKind;
use super::plan::{Plan, Posted};
use crate::machine::{CpuId, CpuSet, Cpus, TlbControl};
use crate::raw::Slab;
use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering, fence, spin_loop};

/// The proof that all pages that were unmapped before its shootdown began are unreachable on every
/// CPU.
#[derive(Debug)]
pub(crate) struct Flushed(());

/// The CPUs that did not acknowledge a shootdown in the time that the machine allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Laggards(pub(crate) CpuSet);

/// The current generation, and the generation that each CPU has seen.
pub(crate) struct Coherence {
    generation: AtomicU64,
    posted: Posted,
    states: Slab<CpuState>,
    /// The lock that a CPU holds while it runs a shootdown.
    shootdown: Mutex<Backoff>,
    /// The CPUs that did not acknowledge the last shootdown, as [`CpuSet::bits`].
    overdue: AtomicU64,
    pub(crate) interrupts: AtomicU64,
    pub(crate) skipped: AtomicU64,
    pub(crate) laggards: AtomicU64,
    pub(crate) last_laggard: AtomicU64,
}

/// The right to begin a shootdown. Only one exists, so shootdowns run one after the other.
pub(crate) struct ShootdownGuard<'c> {
    backoff: MutexGuard<'c, Backoff>,
}

/// The numbers of local flushes, summed over all CPUs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LocalFlushes {
    pub(crate) full: u64,
    pub(crate) by_page: u64,
    pub(crate) pages: u64,
}

impl Coherence {
    pub(crate) fn new(states: Slab<CpuState>) -> Self {
        Self {
            generation: AtomicU64::new(0),
            posted: Posted::new(),
            states,
            shootdown: Mutex::new(Backoff::default()),
            overdue: AtomicU64::new(0),
            interrupts: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            laggards: AtomicU64::new(0),
            last_laggard: AtomicU64::new(0),
        }
    }

    /// Returns the generation of the shootdown that was begun last.
    pub(crate) fn current(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    fn state(&self, cpu: CpuId) -> &CpuState {
        &self.states[cpu.0 as usize]
    }

    /// Flushes everything that the calling CPU has not flushed yet, and publishes the generation.
    ///
    /// # Context
    ///
    /// Takes no lock, because the IPI handler calls it. The handler may interrupt a call of this
    /// function on the same CPU.
    pub(crate) fn acknowledge<T: TlbControl>(&self, machine: &T, cpu: CpuId) -> FlushKind {
        let state = self.state(cpu);
        // Acquire: pairs with the Release in `begin`, so the cleared entries and the plan are seen.
        let generation = self.generation.load(Ordering::Acquire);
        let seen = state.seen.load(Ordering::Relaxed);
        if seen >= generation {
            return FlushKind::None;
        }
        let plan = if seen + 1 == generation { self.posted.read(generation) } else { None };
        let kind = match plan {
            Some(pages) => {
                let count = pages.map(|page| machine.flush_page(page)).count();
                state.flushes_pages.fetch_add(1, Ordering::Relaxed);
                state.pages.fetch_add(count as u64, Ordering::Relaxed);
                FlushKind::Pages
            }
            None => {
                machine.flush_all();
                state.flushes_full.fetch_add(1, Ordering::Relaxed);
                FlushKind::Full
            }
        };
        // The value that was read before the flush. The maximum, because the IPI handler may have
        // published a newer value in between. Release: pairs with the Acquire in `must_answer`.
        state.seen.fetch_max(generation, Ordering::Release);
        kind
    }

    /// Publishes that the CPU halts. The caller must look for work once more before it halts.
    pub(crate) fn halt(&self, cpu: CpuId) {
        // Release: pairs with the Acquire in `must_answer`. All earlier accesses of this CPU to the
        // window are complete before a shootdown reuses memory because this CPU is halted.
        self.state(cpu).activity.store(HALTED, Ordering::Release);
        // Pairs with the fence in `begin`: a shootdown either sees this store, or waits for the
        // CPU.
        fence(Ordering::SeqCst);
    }

    /// Publishes that the CPU has woken or started, and flushes what it has missed.
    pub(crate) fn wake<T: TlbControl>(&self, machine: &T, cpu: CpuId) {
        self.state(cpu).activity.store(AWAKE, Ordering::Relaxed);
        // Pairs with the fence in `begin`: either this CPU reads the new generation, or the
        // initiator sees that the CPU is awake and waits for it.
        fence(Ordering::SeqCst);
        self.acknowledge(machine, cpu);
    }

    /// Publishes that a CPU is off line.
    pub(crate) fn leave(&self, cpu: CpuId) {
        // Release: pairs with the Acquire in `must_answer`. All earlier accesses of that CPU to the
        // window are complete before a shootdown reuses memory because the CPU is absent.
        self.state(cpu).activity.store(ABSENT, Ordering::Release);
    }

    /// Flushes what the current CPU has missed. The CPU number is read on every call, because a
    /// kernel may have moved the thread to another CPU.
    fn answer<M: TlbControl + Cpus>(&self, machine: &M) {
        machine.without_interrupts(|| {
            self.acknowledge(machine, machine.current());
        });
    }

    /// Takes the right to begin a shootdown. Returns `None` if another CPU has it.
    pub(crate) fn try_lock(&self) -> Option<ShootdownGuard<'_>> {
        self.shootdown.try_lock().map(|guard| ShootdownGuard { backoff: guard })
    }

    /// Takes the right to begin a shootdown. While another CPU has it, acknowledges the shootdowns
    /// of that CPU.
    ///
    /// Bound: every shootdown ends, because it waits for each CPU only as long as the machine
    /// allows.
    pub(crate) fn lock<M: TlbControl + Cpus>(&self, machine: &M) -> ShootdownGuard<'_> {
        loop {
            if let Some(guard) = self.try_lock() {
                return guard;
            }
            self.answer(machine);
            spin_loop();
        }
    }

    /// Begins a generation. A CPU that reads the new generation also reads the entries that were
    /// cleared before.
    fn begin(&self, plan: &Plan) -> u64 {
        let generation = self.generation.load(Ordering::Relaxed) + 1;
        self.posted.post(generation, plan);
        // The cleared entries are visible before any CPU can read the new generation.
        fence(Ordering::SeqCst);
        // Release: pairs with the Acquire in `acknowledge`.
        self.generation.store(generation, Ordering::Release);
        // Pairs with the fences in `halt` and `wake`: a CPU that is seen halted after this fence
        // reads this generation when it wakes.
        fence(Ordering::SeqCst);
        generation
    }

    /// Runs a shootdown: every CPU drops the translations of entries that were changed before the
    /// call. If `everyone` is set, halted CPUs are woken for it too, because tables are about to be
    /// freed.
    ///
    /// All CPUs are interrupted before the first wait, so that they flush at the same time.
    ///
    /// Bound: the machine limits the waiting time in [`Cpus::wait`].
    ///
    /// # Errors
    ///
    /// The CPUs that did not acknowledge in time. The caller must then release no frame.
    pub(crate) fn shoot<M: TlbControl + Cpus>(
        &self,
        machine: &M,
        guard: &mut ShootdownGuard<'_>,
        plan: &Plan,
        everyone: bool,
    ) -> Result<Flushed, Laggards> {
        let generation = self.begin(plan);
        self.answer(machine);
        let all: CpuSet = (0..machine.count()).map(CpuId).collect();
        let mut waiting = self.waiting(all, generation, everyone);
        if !waiting.is_empty() {
            self.interrupts.fetch_add(u64::from(waiting.len()), Ordering::Relaxed);
            machine.interrupt(waiting);
        }
        let handler = || {
            self.acknowledge(machine, machine.current());
        };
        for turn in 0.. {
            waiting = self.waiting(waiting, generation, everyone);
            if waiting.is_empty() {
                break;
            }
            if !machine.wait(waiting, turn, &handler) {
                let failed = FailedShootdown { cpus: waiting, generation, everyone };
                self.record_failure(guard, failed);
                return Err(Laggards(waiting));
            }
            // If one of those CPUs waits for this one in a shootdown of its own, both must
            // acknowledge to make progress.
            self.answer(machine);
        }
        self.end_backoff(guard);
        Ok(Flushed(()))
    }

    /// Returns whether a free attempts no shootdown, because the last one has failed and its CPUs
    /// have not answered yet. Counts the free.
    pub(crate) fn backs_off(&self, guard: &mut ShootdownGuard<'_>) -> bool {
        let Some(FailedShootdown { cpus, generation, everyone }) = guard.backoff.failed() else {
            return false;
        };
        if self.waiting(cpus, generation, everyone).is_empty() {
            self.end_backoff(guard);
        }
        guard.backoff.skips()
    }

    /// Returns whether the last shootdown has failed.
    pub(crate) fn is_overdue(&self) -> bool {
        self.overdue.load(Ordering::Relaxed) != 0
    }

    fn end_backoff(&self, guard: &mut ShootdownGuard<'_>) {
        guard.backoff.end();
        self.overdue.store(0, Ordering::Relaxed);
    }

    /// Returns the CPUs among `cpus` that have not seen the generation and, unless `everyone` is
    /// set, are not halted. A CPU that was left out once need not be waited for later: if it wakes,
    /// it reads the generation and flushes before it accesses the window.
    fn waiting(&self, cpus: CpuSet, generation: u64, everyone: bool) -> CpuSet {
        cpus.iter().filter(|cpu| self.must_answer(*cpu, generation, everyone)).collect()
    }

    fn must_answer(&self, cpu: CpuId, generation: u64, everyone: bool) -> bool {
        let state = self.state(cpu);
        // Acquire: pairs with the Release in `acknowledge`: the flush of that CPU is complete.
        if state.seen.load(Ordering::Acquire) >= generation {
            return false;
        }
        // Acquire: pairs with the Release in `halt`. The fence in `begin` ensures that the value is
        // not older than the generation.
        match state.activity.load(Ordering::Acquire) {
            ABSENT => false,
            HALTED if !everyone => {
                self.skipped.fetch_add(1, Ordering::Relaxed);
                false
            }
            _ => true,
        }
    }

    fn record_failure(&self, guard: &mut ShootdownGuard<'_>, failed: FailedShootdown) {
        let cpus = failed.cpus;
        guard.backoff.fail(failed);
        self.overdue.store(cpus.bits(), Ordering::Relaxed);
        self.laggards.fetch_add(u64::from(cpus.len()), Ordering::Relaxed);
        let last = cpus.first().map_or(0, |cpu| u64::from(cpu.0));
        self.last_laggard.store(last, Ordering::Relaxed);
    }

    /// Returns the numbers of local flushes of all CPUs since set-up.
    pub(crate) fn local(&self) -> LocalFlushes {
        let mut sum = LocalFlushes::default();
        for state in self.states.iter() {
            sum.full += state.flushes_full.load(Ordering::Relaxed);
            sum.by_page += state.flushes_pages.load(Ordering::Relaxed);
            sum.pages += state.pages.load(Ordering::Relaxed);
        }
        sum
    }

    /// Returns the generation that a CPU has published as seen.
    #[cfg(all(test, loom))]
    pub(crate) fn seen(&self, cpu: CpuId) -> u64 {
        self.state(cpu).seen.load(Ordering::Relaxed)
    }

    /// Checks that no CPU has published a generation that has not begun.
    pub(crate) fn audit(&self) -> Result<(), &'static str> {
        let current = self.current();
        let ahead = self.states.iter().any(|state| state.seen.load(Ordering::Relaxed) > current);
        if ahead { Err("a CPU has seen a flush that has not begun") } else { Ok(()) }
    }
}

impl fmt::Debug for Coherence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Coherence({})", self.current())
    }
}

impl fmt::Debug for ShootdownGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShootdownGuard")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::SimMachine;

    #[test]
    fn the_audit_sees_a_cpu_that_is_ahead() {
        let machine = SimMachine::new(16, 2);
        let first = machine.memory()[0].start;
        let states = Slab::carve_with(&machine, first, 2, |_| CpuState::new(true));
        let coherence = Coherence::new(states);
        assert_eq!(coherence.audit(), Ok(()));
        coherence.state(CpuId(1)).seen.store(1, Ordering::Relaxed);
        assert_eq!(coherence.audit(), Err("a CPU has seen a flush that has not begun"));
        coherence.begin(&Plan::full());
        assert_eq!(coherence.audit(), Ok(()));
    }
}
