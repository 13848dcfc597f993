//! Judges a run of the guest's own tests.
//!
//! The guest announces `selftest: N tests`. When a test has ended, it prints one whole line `test NAME ...
//! ok` or `test NAME ... FAILED`. After the last test it prints the footer `selftest: N passed, M failed`,
//! and exits through `isa-debug-exit`. A run has passed only if the exit code states success **and** the
//! announced number, the results and the footer agree. The exit code alone is not enough: QEMU exits with
//! code 0 after a triple fault. A guest that stops half-way prints no footer.

mod exit;
mod guest_end;
mod judge;
mod lines;

pub use exit::Exit;
pub use guest_end::{GuestEnd, KernelExit, kernel_stop};
pub use judge::{Break, Verdict};
pub use lines::{
    Announcement, BACKTRACE_PREFIX, FAULT_PREFIX, Footer, PANIC_PREFIX, REFUSAL_PREFIX,
    SELFTEST_PREFIX, TestLine, test_lines,
};

#[cfg(test)]
mod tests;
