//! One workload on some CPUs at once.

use core::sync::atomic::{AtomicU32, Ordering};

use runtime_config::limits::CPUS_MAX;
use spin::Mutex;
use vmalloc::{Machine, Vmalloc};

use super::WORKLOADS;
use super::workloads::Work;

/// Does work on the first so many CPUs, the caller's among them, and returns when all have ended.
pub type Crew<M> = fn(vm: &'static Vmalloc<M>, cpus: u32, work: fn(&'static Vmalloc<M>, usize));

/// The crew of a machine that lends no CPU but the caller's.
pub fn alone<M: Machine>(
    vm: &'static Vmalloc<M>,
    _cpus: u32,
    work: fn(&'static Vmalloc<M>, usize),
) {
    work(vm, 0);
}

/// What is run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The workload's place in [`WORKLOADS`].
    pub workload: usize,
    /// How many CPUs run it at once.
    pub cpus: u32,
    /// How often each runs its loop.
    pub loops: u64,
    /// Pages of a region where the workload lets them be chosen.
    pub pages: u64,
    /// The longest that a loop goes on, in microseconds.
    pub us: u64,
    /// Microseconds now.
    pub clock: fn() -> u64,
}

/// What became of it on one CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How often the loop was run.
    pub loops: u64,
    /// How long that took.
    pub us: u64,
    /// Whether something was refused: the loop ended there.
    pub failed: bool,
    /// How much of what the workload holds beside its loop it held, in percent: less where memory is
    /// short.
    pub scale: u64,
}

/// The plan of the round that runs, and the frames that were free before it: all CPUs share them
/// alike, whoever comes first.
static PLAN: Mutex<Option<(Plan, u64)>> = Mutex::new(None);
/// CPUs that are ready to begin, so that all begin together.
static READY: AtomicU32 = AtomicU32::new(0);
static OUTCOMES: Mutex<[Outcome; CPUS_MAX]> = Mutex::new([Outcome::NONE; CPUS_MAX]);

/// The longest that a CPU waits for the others to begin: one that has not started never comes.
const READY_US: u64 = 1_000_000;

impl Outcome {
    const NONE: Self = Self { loops: 0, us: 0, failed: true, scale: 0 };
}

/// Runs a workload on a crew, and returns what became of it on each CPU. `None` while another round
/// runs.
pub fn run<M: Machine>(
    vm: &'static Vmalloc<M>,
    crew: Crew<M>,
    plan: Plan,
) -> Option<[Outcome; CPUS_MAX]> {
    {
        let mut place = PLAN.lock();
        if place.is_some() {
            return None;
        }
        *place = Some((plan, vm.stats().frames_free));
    }
    READY.store(0, Ordering::Relaxed);
    *OUTCOMES.lock() = [Outcome::NONE; CPUS_MAX];
    crew(vm, plan.cpus, take_part);
    let outcomes = *OUTCOMES.lock();
    *PLAN.lock() = None;
    Some(outcomes)
}

/// One CPU's part.
fn take_part<M: Machine>(vm: &'static Vmalloc<M>, cpu: usize) {
    let Some((plan, free)) = *PLAN.lock() else { return };
    let start_us = (plan.clock)();
    READY.fetch_add(1, Ordering::AcqRel);
    while READY.load(Ordering::Acquire) < plan.cpus && (plan.clock)() - start_us < READY_US {
        // Others may purge already.
        vm.acknowledge();
        core::hint::spin_loop();
    }
    let mut work = Work::new(vm, plan, free, cpu as u64);
    WORKLOADS[plan.workload].run(&mut work);
    OUTCOMES.lock()[cpu] = work.outcome;
}
