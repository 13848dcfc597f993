//! The interface between the image and its runtime, which is either the image's own code without a kernel, or a
//! kernel that is linked into the image.

use core::sync::atomic::AtomicBool;

use runtime_config::cmdline::Config;

use crate::hardware::boot::entry::StartInfo;
use crate::hardware::boot::info::BootInfo;
use crate::hardware::cpu::clock::Source;
use crate::hardware::cpu::frame::TrapFrame;
use crate::hardware::machine::Window;
use crate::platform::rate::Rate;

/// The function with the endless loop of an AP. It sets the flag when the AP is ready for work.
pub(crate) type Worker = fn(&'static Window, &AtomicBool) -> !;

/// The result of booting the machine.
#[derive(Debug)]
pub(crate) struct Booted {
    /// The window. It owns all memory that the runtime does not use.
    pub(crate) vm: &'static Window,
    /// Number of running CPUs.
    pub(crate) cpus: u32,
    /// The frequency of the TSC and its source.
    pub(crate) tsc: (Rate, Source),
}

/// A runtime on which the image can run.
pub(crate) trait Runtime {
    /// Whether the heap of `alloc` consists of regions of the window.
    const HEAP_IS_IN_WINDOW: bool;

    /// Takes control of the machine from the loader, and calls `run` on the BSP.
    ///
    /// # Context
    ///
    /// At the start, while the page tables of the entry code are loaded.
    fn enter(start_info: StartInfo, run: fn() -> !) -> !;

    /// Boots the machine: sets up memory, traps, the clock, the window and the APs. On return the caller runs on CPU 0
    /// with interrupts off, and each AP that has started executes `worker`.
    ///
    /// # Context
    ///
    /// Once, from `run`.
    fn boot(info: &BootInfo, config: &Config, worker: Worker) -> Booted;

    /// Handles a page fault. Returns if execution can resume at `frame.rip`, because the access is retried or returns
    /// an error. Otherwise the image ends.
    fn page_fault(frame: &mut TrapFrame);
}
