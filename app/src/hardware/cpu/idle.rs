//! Halts a CPU until an interrupt or a timeout.

use x86_64::instructions::interrupts;

use crate::hardware::cpu::{apic, clock};

/// Maximum duration of a sleep in microseconds.
const SLEEP_US_MAX: u64 = 1_000_000;

/// Halts this CPU until an interrupt arrives or `sleep_us` microseconds have passed, at most a second. Returns
/// immediately if `has_work` returns `true`.
///
/// Interrupts are enabled only during the halt. `sti` takes effect after the next instruction, `hlt`, so an interrupt
/// that arrives after the call of `has_work` still ends the halt.
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
