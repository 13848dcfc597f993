//! Clock, timer and heap.

use alloc::vec::Vec;

use vmalloc::Cpus;
use x86_64::instructions::interrupts;

use crate::bare::cpu::{clock, idle};
use crate::bare::selftest::failure::{Failure, ensure, value};
use crate::bare::selftest::{Bench, Outcome};

/// Readings of the clock before it counts as stopped.
const READS_MAX: u32 = 10_000_000;

pub(super) fn the_clock_runs(_bench: Bench) -> Outcome {
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
    Err(Failure::new("the clock stands still", [start, last]))
}

pub(super) fn the_timer_ends_a_sleep(_bench: Bench) -> Outcome {
    for sleep_us in [100, 2_000, 20_000] {
        let start = clock::now_us();
        idle::sleep(Some(sleep_us), || false);
        let slept = clock::now_us() - start;
        // Only the lower bound is a promise; the upper one tells a wrong unit from a busy host.
        let is_right = slept >= sleep_us * 9 / 10 && slept < sleep_us + 2_000_000;
        if !is_right {
            return Err(Failure::new("a sleep", [slept, sleep_us]));
        }
    }
    Ok(())
}

pub(super) fn work_prevents_a_sleep(_bench: Bench) -> Outcome {
    let start = clock::now_us();
    idle::sleep(None, || true);
    idle::sleep(Some(0), || false);
    ensure(clock::now_us() - start < 500_000, "a CPU with work does not sleep")
}

/// The seam leaves the interrupt flag as it finds it, and clear in between.
pub(super) fn interrupts_wait(bench: Bench) -> Outcome {
    let are_on = || bench.vm.machine().without_interrupts(interrupts::are_enabled);
    ensure(!are_on() && !interrupts::are_enabled(), "interrupts that are off stay off")?;
    interrupts::enable();
    let (inside, behind) = (are_on(), interrupts::are_enabled());
    interrupts::disable();
    ensure(!inside && behind, "interrupts that are on come back")
}

pub(super) fn the_heap_grows(bench: Bench) -> Outcome {
    let before = bench.vm.stats().areas_system;
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
    ensure(bench.vm.stats().areas_system > before, "the heap took a region")?;
    drop(blocks);
    let mut huge = Vec::<u8>::new();
    ensure(huge.try_reserve_exact(1 << 45).is_err(), "what cannot be had is refused")
}
