//! The other CPUs, put to work by a test, and how long they work.

use core::sync::atomic::{AtomicU64, Ordering};

use vmalloc::{CpuId, Cpus};

use crate::hardware::cpu::clock;
use crate::hardware::machine::Window;
use crate::selftest::Bench;
use crate::selftest::failure::{Failure, ensure};
use crate::serve::worker::{self, Work};

/// The longest that a piece of work may go on after it was told to end.
const PATIENCE_US: u64 = 5_000_000;

/// How often something is tried.
pub(super) struct Rounds {
    /// So often, and not more.
    pub(super) most: u64,
    /// At least so often, however long it takes.
    pub(super) least: u64,
    /// And no longer than this: on a host that is busy, or has fewer processors, one CPU waits for the
    /// other's turn on it, milliseconds each time.
    pub(super) us: u64,
}

impl Rounds {
    /// Runs the rounds, up to the first that fails.
    pub(super) fn run(self, mut round: impl FnMut() -> Result<(), Failure>) -> Result<(), Failure> {
        let start_us = clock::now_us();
        let mut done = 0;
        while done < self.most {
            if done >= self.least && clock::now_us() - start_us > self.us {
                break;
            }
            round()?;
            done += 1;
        }
        log::info!(target: "selftest", "{done} rounds in {} ms", (clock::now_us() - start_us) / 1000);
        Ok(())
    }
}

/// The numbers of the CPUs beside the boot CPU.
pub(super) fn others(bench: Bench) -> impl Iterator<Item = CpuId> {
    (1..bench.vm.machine().count()).map(CpuId)
}

/// Has every other CPU work while something is done here. They end, whatever comes of it, when `stop`
/// is 0.
pub(super) fn during(
    bench: Bench,
    run: fn(&'static Window, usize),
    stop: &AtomicU64,
    work: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let outcome = begin(bench, run).and_then(|()| work());
    stop.store(0, Ordering::Release);
    let ended = end(bench);
    // The first failure says more.
    outcome.and(ended)
}

/// Has one other CPU do something, and waits until it has.
pub(super) fn leave(
    bench: Bench,
    cpu: CpuId,
    run: fn(&'static Window, usize),
) -> Result<(), Failure> {
    ensure(worker::leave(bench.vm, cpu, Work { run, argument: 0 }), "a CPU is at work already")?;
    let is_done = wait(bench, PATIENCE_US, || worker::desk(cpu).is_clear());
    ensure(is_done, "a CPU does not come to an end")
}

/// Leaves the same work for every other CPU; its argument is the CPU's number.
pub(super) fn begin(bench: Bench, run: fn(&'static Window, usize)) -> Result<(), Failure> {
    for cpu in others(bench) {
        let work = Work { run, argument: cpu.0 as usize };
        ensure(worker::leave(bench.vm, cpu, work), "a CPU is at work already")?;
    }
    Ok(())
}

/// Waits until every other CPU has done its work.
pub(super) fn end(bench: Bench) -> Result<(), Failure> {
    for cpu in others(bench) {
        let is_done = wait(bench, PATIENCE_US, || worker::desk(cpu).is_clear());
        ensure(is_done, "a CPU does not come to an end")?;
    }
    Ok(())
}

/// As [`clock::wait`], and answers the flushes of others meanwhile: interrupts are off here.
pub(super) fn wait(bench: Bench, us: u64, has_happened: impl Fn() -> bool) -> bool {
    clock::wait(us, || {
        bench.vm.acknowledge();
        has_happened()
    })
}
