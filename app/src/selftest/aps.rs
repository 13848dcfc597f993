//! Runs parts of a test on the APs, and repeats a round for a limited time.

use core::sync::atomic::{AtomicU64, Ordering};

use vmalloc::{CpuId, Cpus};

use crate::hardware::cpu::clock;
use crate::hardware::machine::Window;
use crate::selftest::failed_check::ensure;
use crate::selftest::fixture::{Fixture, TestResult};
use crate::serve::mailbox::{self, WorkItem};

/// Maximum time in microseconds from the request to stop until an AP has returned.
const TIMEOUT_US: u64 = 5_000_000;

/// Limits for the number of rounds.
pub(super) struct Rounds {
    /// Maximum number of rounds.
    pub(super) most: u64,
    /// Minimum number of rounds, even if they take longer than the time limit.
    pub(super) least: u64,
    /// Time after which no further round begins, if `least` rounds are done. A limit is needed, because a busy host, or
    /// one with fewer processors than the image, delays each round by milliseconds.
    pub(super) us: u64,
}

impl Rounds {
    /// Runs the rounds until one fails.
    pub(super) fn run(self, mut round: impl FnMut() -> TestResult) -> TestResult {
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

/// Returns the numbers of all APs.
pub(super) fn numbers(fixture: Fixture) -> impl Iterator<Item = CpuId> {
    (1..fixture.vm.machine().count()).map(CpuId)
}

/// Runs `run` on all APs while the BSP runs `work`. Then sets `stop` to 0 and waits until the APs have returned, even
/// if `work` fails.
pub(super) fn while_running(
    fixture: Fixture,
    run: fn(&'static Window, usize),
    stop: &AtomicU64,
    work: impl FnOnce() -> TestResult,
) -> TestResult {
    let result = start_all(fixture, run).and_then(|()| work());
    stop.store(0, Ordering::Release);
    let ended = await_all(fixture);
    // If both fail, the failure of `work` is returned, because it is usually the cause of the other.
    result.and(ended)
}

/// Runs `run` on one AP and waits until it has returned.
pub(super) fn run_on(fixture: Fixture, cpu: CpuId, run: fn(&'static Window, usize)) -> TestResult {
    let is_submitted = mailbox::submit(fixture.vm, cpu, WorkItem { run, argument: 0 });
    ensure(is_submitted, "a CPU is at work already")?;
    let is_done = wait(fixture, TIMEOUT_US, || mailbox::of(cpu).is_idle());
    ensure(is_done, "a CPU does not come to an end")
}

/// Starts `run` on every AP, with the number of the AP as its argument.
pub(super) fn start_all(fixture: Fixture, run: fn(&'static Window, usize)) -> TestResult {
    for cpu in numbers(fixture) {
        let work = WorkItem { run, argument: cpu.0 as usize };
        ensure(mailbox::submit(fixture.vm, cpu, work), "a CPU is at work already")?;
    }
    Ok(())
}

/// Waits until every AP is idle.
pub(super) fn await_all(fixture: Fixture) -> TestResult {
    for cpu in numbers(fixture) {
        let is_done = wait(fixture, TIMEOUT_US, || mailbox::of(cpu).is_idle());
        ensure(is_done, "a CPU does not come to an end")?;
    }
    Ok(())
}

/// Waits like [`clock::wait`]. Acknowledges flushes during the wait, because interrupts are off.
pub(super) fn wait(fixture: Fixture, us: u64, has_happened: impl Fn() -> bool) -> bool {
    clock::wait(us, || {
        fixture.vm.acknowledge();
        has_happened()
    })
}
