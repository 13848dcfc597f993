//! The runtime on the Hermit kernel. The kernel is linked into the image.
//!
//! Hermit boots the processors, schedules threads, and provides the heap, the console and the panic handler. The code
//! of this crate owns the window and its frames, handles traps first, and drives the network device and the service.
//! The folder `app/hermit` builds this image.

#![expect(unsafe_code, reason = "gives the memory away")]

mod abi;
mod boot;
mod gates;
mod records;
mod stubs;
mod threads;
mod traps;

use runtime_config::cmdline::Config;

use crate::hardware::boot::entry::StartInfo;
use crate::hardware::boot::info::BootInfo;
use crate::hardware::cpu::frame::TrapFrame;
use crate::hardware::cpu::{apic, clock, control};
use crate::hardware::exit::refuse;
use crate::hardware::memory::{selfcheck, window};
use crate::hardware::serial;
use crate::runtime::{Booted, Runtime, Worker};

/// The Hermit kernel.
#[derive(Debug)]
pub(crate) struct Hermit;

impl Runtime for Hermit {
    const HEAP_IS_IN_WINDOW: bool = false;

    fn enter(start_info: StartInfo, run: fn() -> !) -> ! {
        boot::enter(start_info, run)
    }

    // Not inlined, so that the stack that this function uses is free again after its return.
    #[inline(never)]
    fn boot(info: &BootInfo, config: &Config, worker: Worker) -> Booted {
        control::protect();
        apic::attach().unwrap_or_else(|error| refuse(error));
        records::make(&info.topology);
        records::load();
        gates::install();
        // Turns off the receive interrupt of COM1, because Hermit enables it and stores received bytes that it never
        // frees.
        serial::init();
        selfcheck::run().unwrap_or_else(|error| refuse(error));
        let tsc = clock::init().unwrap_or_else(|error| refuse(error));
        // SAFETY: Hermit's device tree does not contain this memory, and the memory map excludes the image and its page
        // tables.
        let vm = unsafe { window::init(boot::free_memory(), config, &info.topology) };
        let vm = vm.unwrap_or_else(|error| refuse(error));
        let cpus = threads::start(vm, worker);
        Booted { vm, cpus, tsc }
    }

    fn page_fault(frame: &mut TrapFrame) {
        let goes_on = traps::resolve(frame);
        assert!(goes_on, "a page fault that is Hermit's");
    }
}
