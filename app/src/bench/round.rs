//! Runs one workload on several CPUs at the same time. Such a run is a round.

use core::sync::atomic::{AtomicU32, Ordering};

use runtime_config::limits::CPUS_MAX;
use spin::Mutex;
use vmalloc::{Access, Vmalloc};

use super::cpu_run::CpuRun;
use super::plan::{CpuResult, Plan};
use super::workloads::WORKLOADS;

/// A function that calls `work` on the first `cpus` CPUs, including the calling one, with the number of the CPU as an
/// argument, and returns when all calls have returned.
pub type RunOnAll<M> = fn(vm: &'static Vmalloc<M>, cpus: u32, work: fn(&'static Vmalloc<M>, usize));

/// The [`RunOnAll`] for a machine with a single CPU.
pub fn alone<M: Access>(vm: &'static Vmalloc<M>, _cpus: u32, work: fn(&'static Vmalloc<M>, usize)) {
    work(vm, 0);
}

/// The plan of the current round, and the number of frames that were free before the round. All CPUs use the same
/// number, so that each CPU computes the same share of the memory.
static PLAN: Mutex<Option<(Plan, u64)>> = Mutex::new(None);
/// Number of CPUs that have arrived at the start barrier.
static READY: AtomicU32 = AtomicU32::new(0);
static RESULTS: Mutex<[CpuResult; CPUS_MAX]> = Mutex::new([CpuResult::NONE; CPUS_MAX]);

/// Timeout of the start barrier in microseconds. A CPU that does not run never arrives.
const READY_US: u64 = 1_000_000;

/// Runs the workload of `plan` on its CPUs, and returns the result of each CPU. Returns `None` if another round is
/// running.
pub fn run<M: Access>(
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

/// Waits until all CPUs of the round have arrived, and then runs the workload on this CPU.
fn run_on_cpu<M: Access>(vm: &'static Vmalloc<M>, cpu: usize) {
    let Some((plan, free)) = *PLAN.lock() else { return };
    let start_us = (plan.clock)();
    READY.fetch_add(1, Ordering::AcqRel);
    while READY.load(Ordering::Acquire) < plan.cpus && (plan.clock)() - start_us < READY_US {
        // A CPU that has already started the workload may request TLB flushes, which must be acknowledged during the
        // wait.
        vm.acknowledge();
        core::hint::spin_loop();
    }
    let mut run = CpuRun::new(vm, plan, free, cpu as u64);
    WORKLOADS[plan.workload].run(&mut run);
    RESULTS.lock()[cpu] = run.result;
}
