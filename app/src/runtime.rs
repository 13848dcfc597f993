//! The interface between the image and the kernel that it runs on.

use core::sync::atomic::AtomicBool;

use runtime_config::cmdline::Config;

use crate::hardware::boot::entry::StartInfo;
use crate::hardware::boot::info::BootInfo;
use crate::hardware::cpu::clock::Source;
use crate::hardware::cpu::frame::TrapFrame;
use crate::hardware::machine::Window;
use crate::platform::rate::Rate;

/// The loop of an AP. It sets the flag when it is ready for work.
pub(crate) type Worker = fn(&'static Window, &AtomicBool) -> !;

/// A booted machine.
#[derive(Debug)]
pub(crate) struct Booted {
    /// The window, with all memory that the kernel does not use.
    pub(crate) vm: &'static Window,
    /// Number of running CPUs.
    pub(crate) cpus: u32,
    /// The frequency of the TSC and its source.
    pub(crate) tsc: (Rate, Source),
}

/// A kernel on which the image runs.
pub(crate) trait Runtime {
    /// Whether the heap of `alloc` consists of regions of the window.
    const HEAP_IS_IN_WINDOW: bool;

    /// Takes over the machine from the loader, and calls `run` on the BSP.
    ///
    /// # Context
    ///
    /// At the start, on the page tables of the entry code.
    fn enter(start_info: StartInfo, run: fn() -> !) -> !;

    /// Boots the machine up to the set-up of the window. On return the caller runs on CPU 0 with interrupts off, and
    /// every AP that runs is in `worker`.
    ///
    /// # Context
    ///
    /// Once, from `run`.
    fn boot(info: &BootInfo, config: &Config, worker: Worker) -> Booted;

    /// Handles a page fault. Returns if the access is retried or returns an error.
    fn page_fault(frame: &mut TrapFrame);
}
