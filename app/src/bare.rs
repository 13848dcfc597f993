//! The image on bare hardware, alone: every CPU, every trap and all memory are its own.
//!
//! Everything runs in ring 0 in one address space; what keeps it apart is Rust's types, and page
//! tables that refuse writes to code and execution of data. Modules that must be unsafe say so in
//! their first line.

#![expect(unsafe_code, reason = "gives the memory away")]

mod ap;
mod apic;
mod heap;
mod idt;
mod segments;
mod smp;
mod stacks;
mod stubs;
mod trampoline;
mod traps;

use runtime_config::cmdline::Config;

use crate::hardware::boot::entry::StartInfo;
use crate::hardware::boot::info::BootInfo;
use crate::hardware::cpu::clock;
use crate::hardware::cpu::frame::TrapFrame;
use crate::hardware::exit::refuse;
use crate::hardware::memory::{self, selfcheck, window};
use crate::hardware::serial;
use crate::runtime::{Booted, Runtime, Worker};

/// No kernel but the image itself.
#[derive(Debug)]
pub(crate) struct Bare;

impl Runtime for Bare {
    const HEAP_IS_IN_WINDOW: bool = true;

    fn enter(start_info: StartInfo, run: fn() -> !) -> ! {
        serial::init();
        // From here on a fault says what it is.
        smp::load_bsp_record();
        stacks::declare();
        segments::load_boot();
        idt::load();
        BootInfo::keep(start_info).unwrap_or_else(|error| refuse(error));
        run()
    }

    // Not inlined: its 10 KiB of stack are free again afterwards.
    #[inline(never)]
    fn boot(info: &BootInfo, config: &Config, worker: Worker) -> Booted {
        let free = memory::init(&info.memory).unwrap_or_else(|error| refuse(error));
        selfcheck::run().unwrap_or_else(|error| refuse(error));
        apic::init().unwrap_or_else(|error| refuse(error));
        let tsc = clock::init().unwrap_or_else(|error| refuse(error));
        // SAFETY: the memory map leaves out the image, its tables and all that the loader keeps.
        let vm = unsafe { window::init(&free, config, &info.topology) };
        let vm = vm.unwrap_or_else(|error| refuse(error));
        let cpus = smp::start(vm, worker).unwrap_or_else(|error| refuse(error));
        Booted { vm, cpus, tsc }
    }

    fn page_fault(frame: &mut TrapFrame) {
        traps::dispatch(frame);
    }
}
