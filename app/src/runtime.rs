//! The functions that the image asks of the kernel that it runs on.

use core::sync::atomic::AtomicBool;

use runtime_config::cmdline::Config;

use crate::hardware::boot::entry::StartInfo;
use crate::hardware::boot::info::BootInfo;
use crate::hardware::cpu::clock::Source;
use crate::hardware::cpu::frame::TrapFrame;
use crate::hardware::machine::Window;
use crate::platform::rate::Rate;

/// The loop of a CPU beside the boot CPU. It sets the flag as soon as it takes work.
pub(crate) type Worker = fn(&'static Window, &AtomicBool) -> !;

/// A machine that is up.
#[derive(Debug)]
pub(crate) struct Booted {
    /// The window, with all memory that the kernel leaves to the image.
    pub(crate) vm: &'static Window,
    /// CPUs that work.
    pub(crate) cpus: u32,
    /// The frequency of the TSC, and where it came from.
    pub(crate) tsc: (Rate, Source),
}

/// A kernel on which the image runs.
pub(crate) trait Runtime {
    /// Whether the heap behind `alloc` is made of regions of the window.
    const HEAP_IS_IN_WINDOW: bool;

    /// Takes the machine over from the loader, and calls `run` on the boot CPU.
    ///
    /// # Context
    ///
    /// First of all, on the tables of the entry code.
    fn enter(start_info: StartInfo, run: fn() -> !) -> !;

    /// Brings the machine up to its window. On return the caller is alone on CPU 0, with interrupts off,
    /// and every other CPU that runs is in `worker`.
    ///
    /// # Context
    ///
    /// Once, from `run`.
    fn boot(info: &BootInfo, config: &Config, worker: Worker) -> Booted;

    /// Does what the handler of a page fault does, and returns if the access goes on.
    fn page_fault(frame: &mut TrapFrame);
}
