//! The generations of all CPUs, and the shootdown that waits for them.

use core::fmt;

use super::cpu_state::{ABSENT, AWAKE, CpuState, HALTED};
use super::flush::FlushKind;
use super::plan::{Plan, Posted};
use crate::machine::{CpuId, Cpus, TlbControl};
use crate::raw::Slab;
use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering, fence, spin_loop};

/// The proof that everything unmapped before it was made is unreachable now, on every CPU.
#[derive(Debug)]
pub(crate) struct Flushed(());

/// A CPU that did not acknowledge in the time that the machine gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Laggard(pub(crate) CpuId);

/// The generations that the CPUs have seen.
pub(crate) struct Coherence {
    generation: AtomicU64,
    posted: Posted,
    states: Slab<CpuState>,
    /// Held by the CPU that runs a shootdown.
    shootdown: Mutex<()>,
    pub(crate) interrupts: AtomicU64,
    pub(crate) skipped: AtomicU64,
    pub(crate) laggards: AtomicU64,
    pub(crate) last_laggard: AtomicU64,
}

/// The right to begin a shootdown: there is one, so shootdowns are totally ordered.
pub(crate) struct ShootdownGuard<'c> {
    _guard: MutexGuard<'c, ()>,
}

/// Sums over all CPUs.
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
            shootdown: Mutex::new(()),
            interrupts: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            laggards: AtomicU64::new(0),
            last_laggard: AtomicU64::new(0),
        }
    }

    /// The shootdown that was begun last.
    pub(crate) fn current(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    fn state(&self, cpu: CpuId) -> &CpuState {
        &self.states[cpu.0 as usize]
    }

    /// Flushes what the calling CPU has not flushed yet.
    ///
    /// # Context
    ///
    /// Takes no lock: the handler of the interrupt calls it. It may interrupt itself.
    pub(crate) fn acknowledge<T: TlbControl>(&self, machine: &T, cpu: CpuId) -> FlushKind {
        let state = self.state(cpu);
        // Acquire: pairs with the Release in `begin`: the cleared entries and the plan are seen.
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
        // The value read before the flush, but never less than the value that an interrupt has
        // published since. Release: pairs with the Acquire in `shoot`.
        state.seen.fetch_max(generation, Ordering::Release);
        kind
    }

    /// Says that the CPU sleeps. It must look for work once more before it really does.
    pub(crate) fn halt(&self, cpu: CpuId) {
        // Release: pairs with the Acquire in `await_cpu`: the CPU has used for the last time what
        // is given away because it sleeps.
        self.state(cpu).activity.store(HALTED, Ordering::Release);
        // Pairs with the fence in `begin`: a shootdown that sees the CPU awake waits for it.
        fence(Ordering::SeqCst);
    }

    /// Says that the CPU is awake, or has started, and flushes what it has slept through.
    pub(crate) fn wake<T: TlbControl>(&self, machine: &T, cpu: CpuId) {
        self.state(cpu).activity.store(AWAKE, Ordering::Relaxed);
        // Pairs with the fence in `begin`: either the new generation is seen here, or the CPU is
        // seen awake there.
        fence(Ordering::SeqCst);
        self.acknowledge(machine, cpu);
    }

    /// Makes the flushes that the current CPU has missed. The CPU is read on every call, because a
    /// kernel may have moved the caller to another CPU.
    fn answer<M: TlbControl + Cpus>(&self, machine: &M) {
        machine.without_interrupts(|| {
            self.acknowledge(machine, machine.current());
        });
    }

    /// Takes the right to begin a shootdown, if no CPU has it.
    pub(crate) fn try_lock(&self) -> Option<ShootdownGuard<'_>> {
        self.shootdown.try_lock().map(|guard| ShootdownGuard { _guard: guard })
    }

    /// Waits for the right to begin a shootdown, and answers the flushes of other shootdowns while
    /// it waits.
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

    /// Begins a generation. A CPU that reads the new generation sees entries that were cleared
    /// before it.
    fn begin(&self, plan: &Plan) -> u64 {
        let generation = self.generation.load(Ordering::Relaxed) + 1;
        self.posted.post(generation, plan);
        // The cleared entries are in memory before any CPU can read the new generation.
        fence(Ordering::SeqCst);
        // Release: pairs with the Acquire in `acknowledge`.
        self.generation.store(generation, Ordering::Release);
        // Pairs with the fences in `halt` and `wake`: a CPU seen halted below has not read an older
        // generation after it woke.
        fence(Ordering::SeqCst);
        generation
    }

    /// Drops on every CPU the translations that were made from entries as they stood before the
    /// call. With `everyone`, halted CPUs do it now: tables are about to be freed.
    ///
    /// # Errors
    ///
    /// The first CPU that did not acknowledge in time. No frame may be released then.
    pub(crate) fn shoot<M: TlbControl + Cpus>(
        &self,
        machine: &M,
        _turn: &ShootdownGuard<'_>,
        plan: &Plan,
        everyone: bool,
    ) -> Result<Flushed, Laggard> {
        let generation = self.begin(plan);
        self.answer(machine);
        for cpu in (0..machine.count()).map(CpuId) {
            self.await_cpu(machine, cpu, generation, everyone)?;
        }
        Ok(Flushed(()))
    }

    /// Waits until a CPU has seen the generation or sleeps.
    ///
    /// Bound: the machine's patience, in [`Cpus::wait`].
    fn await_cpu<M: TlbControl + Cpus>(
        &self,
        machine: &M,
        cpu: CpuId,
        generation: u64,
        everyone: bool,
    ) -> Result<(), Laggard> {
        let state = self.state(cpu);
        let handler = || {
            self.acknowledge(machine, machine.current());
        };
        for tries in 0.. {
            // Acquire: pairs with the Release in `acknowledge`: the flush has happened.
            if state.seen.load(Ordering::Acquire) >= generation {
                return Ok(());
            }
            // Acquire: pairs with the Release in `halt`. That the value is new enough is due to the
            // fence in `begin`.
            match state.activity.load(Ordering::Acquire) {
                ABSENT => return Ok(()),
                HALTED if !everyone => {
                    self.skipped.fetch_add(1, Ordering::Relaxed);
                    return Ok(());
                }
                _ => {}
            }
            // One interrupt is enough for all that has been asked since it was sent.
            if state.asked.fetch_max(generation, Ordering::Relaxed) < generation {
                self.interrupts.fetch_add(1, Ordering::Relaxed);
                machine.interrupt(cpu);
            }
            if !machine.wait(cpu, tries, &handler) {
                self.laggards.fetch_add(1, Ordering::Relaxed);
                self.last_laggard.store(u64::from(cpu.0), Ordering::Relaxed);
                return Err(Laggard(cpu));
            }
            // Two CPUs that wait for each other must both answer.
            self.answer(machine);
        }
        unreachable!("the tries do not end")
    }

    /// Flushes of all CPUs since set-up.
    pub(crate) fn local(&self) -> LocalFlushes {
        let mut sum = LocalFlushes::default();
        for state in self.states.iter() {
            sum.full += state.flushes_full.load(Ordering::Relaxed);
            sum.by_page += state.flushes_pages.load(Ordering::Relaxed);
            sum.pages += state.pages.load(Ordering::Relaxed);
        }
        sum
    }

    /// The generation that a CPU claims to have seen.
    #[cfg(all(test, loom))]
    pub(crate) fn seen(&self, cpu: CpuId) -> u64 {
        self.state(cpu).seen.load(Ordering::Relaxed)
    }

    /// Whether no CPU claims to have seen what has not begun.
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
