//! The verdict on a run of the guest's own tests.
//!
//! The guest announces `selftest: N tests`, prints one whole line `test NAME ... ok` or `test NAME ...
//! FAILED` when a test has ended, and closes with the footer `selftest: N passed, M failed`. Then it exits
//! through `isa-debug-exit`. A run has passed only if the exit code says so **and** the announced count,
//! the results and the footer agree: QEMU exits with code 0 on a triple fault, and a guest that stops
//! half-way prints no footer.

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
