//! Runs one workload on several CPUs at once.

use core::sync::atomic::{AtomicU32, Ordering};

use runtime_config::limits::CPUS_MAX;
use spin::Mutex;
use vmalloc::{Machine, Vmalloc};

use super::cpu_run::CpuRun;
use super::plan::{CpuResult, Plan};
use super::workloads::WORKLOADS;

/// Runs a function on the first `cpus` CPUs, including the caller's, and returns when all have
/// returned.
pub type RunOnAll<M> = fn(vm: &'static Vmalloc<M>, cpus: u32, work: fn(&'static Vmalloc<M>, usize));

/// The [`RunOnAll`] of a machine that has the caller's CPU only.
pub fn alone<M: Machine>(
    vm: &'static Vmalloc<M>,
    _cpus: u32,
    work: fn(&'static Vmalloc<M>, usize),
) {
    work(vm, 0);
}

/// The plan of the running round, and the frames that were free before the round. All CPUs use the
/// same number, so that each gets the same share.
static PLAN: Mutex<Option<(Plan, u64)>> = Mutex::new(None);
/// CPUs that have arrived at the start barrier.
static READY: AtomicU32 = AtomicU32::new(0);
static RESULTS: Mutex<[CpuResult; CPUS_MAX]> = Mutex::new([CpuResult::NONE; CPUS_MAX]);

/// Timeout of the start barrier: a CPU that does not run never arrives.
const READY_US: u64 = 1_000_000;

/// Runs a workload on all CPUs of the plan, and returns the result of each CPU. Returns `None` while
/// another round runs.
pub fn run<M: Machine>(
    vm: &'static Vmalloc<M>,
    run_on_all: RunOnAll<M>,
    plan: Plan,
) -> Option<[CpuResult; CPUS_MAX]> {
    {
        let mut current = PLAN.lock();
        if current.is_some() {
            return None;
        }
        *current = Some((plan, vm.stats().frames_free));
    }
    READY.store(0, Ordering::Relaxed);
    *RESULTS.lock() = [CpuResult::NONE; CPUS_MAX];
    run_on_all(vm, plan.cpus, run_on_cpu);
    let results = *RESULTS.lock();
    *PLAN.lock() = None;
    Some(results)
}

/// Waits for the remaining CPUs of the round and runs the workload on this one.
fn run_on_cpu<M: Machine>(vm: &'static Vmalloc<M>, cpu: usize) {
    let Some((plan, free)) = *PLAN.lock() else { return };
    let start_us = (plan.clock)();
    READY.fetch_add(1, Ordering::AcqRel);
    while READY.load(Ordering::Acquire) < plan.cpus && (plan.clock)() - start_us < READY_US {
        // A CPU that has started may purge.
        vm.acknowledge();
        core::hint::spin_loop();
    }
    let mut run = CpuRun::new(vm, plan, free, cpu as u64);
    WORKLOADS[plan.workload].run(&mut run);
    RESULTS.lock()[cpu] = run.result;
}
