//! Tests of the clock, the timer and the heap.

use alloc::vec::Vec;

use vmalloc::{CpuSet, Cpus, TlbControl};
use x86_64::instructions::interrupts;

use crate::Kernel;
use crate::hardware::cpu::{clock, idle, local};
use crate::runtime::Runtime;
use crate::selftest::failed_check::{FailedCheck, ensure, value};
use crate::selftest::fixture::{Fixture, TestResult};

/// Number of readings of the clock after which the test fails.
const READS_MAX: u32 = 10_000_000;

pub(super) fn the_clock_runs(_fixture: Fixture) -> TestResult {
    let start = clock::now_us();
    let mut last = start;
    for _ in 0..READS_MAX {
        let now = clock::now_us();
        ensure(now >= last, "the clock never falls")?;
        last = now;
        if now > start + 1000 {
            return Ok(());
        }
    }
    Err(FailedCheck::new("the clock stands still", [start, last]))
}

pub(super) fn the_timer_ends_a_sleep(_fixture: Fixture) -> TestResult {
    ensure(!interrupts::are_enabled(), "interrupts are off but in a sleep")?;
    for sleep_us in [100, 2_000, 20_000] {
        let start = clock::now_us();
        idle::sleep(Some(sleep_us), || false);
        let slept = clock::now_us() - start;
        // Only the lower bound is guaranteed. The upper bound is large enough for a busy host, and detects a wrong
        // unit.
        let is_right = slept >= sleep_us * 9 / 10 && slept < sleep_us + 2_000_000;
        if !is_right {
            return Err(FailedCheck::new("a sleep", [slept, sleep_us]));
        }
    }
    Ok(())
}

pub(super) fn work_prevents_a_sleep(_fixture: Fixture) -> TestResult {
    let start = clock::now_us();
    idle::sleep(None, || true);
    idle::sleep(Some(0), || false);
    ensure(clock::now_us() - start < 500_000, "a CPU with work does not sleep")
}

/// A flush that is requested during `without_interrupts`, also in nested calls, must be deferred and made afterwards.
/// The CPU sends the request to itself.
pub(super) fn flushes_wait(fixture: Fixture) -> TestResult {
    let machine = fixture.vm.machine();
    let ask = || {
        machine.interrupt(CpuSet::only(machine.current()));
        // This wait is long enough for the delivery of an IPI from this CPU to itself.
        clock::wait(1_000, || false);
    };
    interrupts::enable();
    let inside = machine.without_interrupts(|| {
        ask();
        machine.without_interrupts(|| ());
        local::is_asked()
    });
    let behind = local::is_asked();
    ask();
    let outside = local::is_asked();
    interrupts::disable();
    ensure(inside, "a flush waits")?;
    ensure(!behind, "a flush that waited is made")?;
    ensure(!outside, "other flushes are made at once")
}

pub(super) fn the_heap_grows(fixture: Fixture) -> TestResult {
    let before = fixture.vm.stats().areas_system;
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    for index in 0..20_u8 {
        let mut block = Vec::new();
        value(block.try_reserve_exact(1 << 20), "a MiB of heap")?;
        block.resize(1 << 20, index);
        blocks.push(block);
    }
    let are_whole =
        blocks.iter().zip(0..).all(|(block, index)| block.iter().all(|byte| *byte == index));
    ensure(are_whole, "blocks keep their bytes")?;
    let took_region = fixture.vm.stats().areas_system > before;
    ensure(took_region == Kernel::HEAP_IS_IN_WINDOW, "where the heap takes its memory")?;
    drop(blocks);
    let mut huge = Vec::<u8>::new();
    ensure(huge.try_reserve_exact(1 << 45).is_err(), "an impossible size is refused")
}
