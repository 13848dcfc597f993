//! Sleep until there is something to do.

use x86_64::instructions::interrupts;

use crate::hardware::cpu::{apic, clock};

/// Longest sleep, when nobody names a time.
const SLEEP_US_MAX: u64 = 1_000_000;

/// Halts this CPU until an interrupt comes or `sleep_us` microseconds have passed. Returns at once
/// when `has_work` says so.
///
/// Interrupts are on only inside the halt: `sti` takes effect after the next instruction, so one
/// that arrives after the check still ends it.
///
/// # Context
///
/// With interrupts off.
pub(crate) fn sleep(sleep_us: Option<u64>, has_work: impl FnOnce() -> bool) {
    debug_assert!(!interrupts::are_enabled(), "the loop runs with interrupts off");
    let sleep_us = sleep_us.unwrap_or(SLEEP_US_MAX).min(SLEEP_US_MAX);
    if sleep_us == 0 || has_work() {
        return;
    }
    apic::start_timer(clock::timer_ticks(sleep_us));
    interrupts::enable_and_hlt();
    interrupts::disable();
    apic::start_timer(0);
}
