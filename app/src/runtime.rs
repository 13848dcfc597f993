//! What the image asks of the kernel that it runs on.

use core::fmt;
use core::sync::atomic::AtomicBool;

use runtime_config::cmdline::Config;
use vmalloc::{CpuId, Vmalloc};

use crate::hardware::boot::entry::StartInfo;
use crate::hardware::cpu::frame::TrapFrame;
use crate::platform::topology::Topology;

/// The machine of the kernel that the image is built for.
pub(crate) type Machine = <crate::Kernel as Runtime>::Machine;

/// The window of the kernel that the image is built for.
pub(crate) type Window = Vmalloc<Machine>;

/// The loop of a CPU beside the boot CPU. It sets the flag as soon as it takes work.
pub(crate) type Worker<M> = fn(&'static Vmalloc<M>, &AtomicBool) -> !;

/// A kernel on which the image runs.
pub(crate) trait Runtime {
    /// Its side of the `vmalloc` crate.
    type Machine: vmalloc::Machine + vmalloc::collections::Direct + Interprocessor + fmt::Debug;

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
    fn boot(worker: Worker<Self::Machine>) -> (&'static Vmalloc<Self::Machine>, Config);

    /// The window, `None` before [`boot`](Self::boot).
    ///
    /// # Context
    ///
    /// Anywhere: takes no lock.
    fn window() -> Option<&'static Vmalloc<Self::Machine>>;

    /// Does what the handler of a trap does, and returns if the access goes on.
    fn trap(frame: &mut TrapFrame);
}

/// A machine whose CPUs can interrupt each other.
pub(crate) trait Interprocessor {
    /// Its CPUs.
    fn topology(&self) -> &Topology;

    /// Interrupts a CPU. All that was stored before is seen by its handler.
    fn send(&self, cpu: CpuId, vector: u8);
}
