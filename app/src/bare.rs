//! The runtime without a kernel: the image owns every CPU, every trap and all memory.
//!
//! All code runs in ring 0 in one address space. Isolation comes from Rust's types, and from page tables that refuse
//! writes to code and execution of data. Modules with unsafe code begin with an `expect(unsafe_code)` attribute.

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

/// The runtime without a kernel.
#[derive(Debug)]
pub(crate) struct Bare;

impl Runtime for Bare {
    const HEAP_IS_IN_WINDOW: bool = true;

    fn enter(start_info: StartInfo, run: fn() -> !) -> ! {
        serial::init();
        // As soon as the IDT is loaded, a fault is reported instead of resetting the machine.
        smp::load_bsp_record();
        stacks::declare();
        segments::load_boot();
        idt::load();
        BootInfo::keep(start_info).unwrap_or_else(|error| refuse(error));
        run()
    }

    // Not inlined, so that the 10 KiB of stack that this function uses are free again after its return.
    #[inline(never)]
    fn boot(info: &BootInfo, config: &Config, worker: Worker) -> Booted {
        let free = memory::init(&info.memory).unwrap_or_else(|error| refuse(error));
        selfcheck::run().unwrap_or_else(|error| refuse(error));
        apic::init().unwrap_or_else(|error| refuse(error));
        let tsc = clock::init().unwrap_or_else(|error| refuse(error));
        // SAFETY: the memory map excludes the image, its page tables and the memory of the loader.
        let vm = unsafe { window::init(&free, config, &info.topology) };
        let vm = vm.unwrap_or_else(|error| refuse(error));
        let cpus = smp::start(vm, worker).unwrap_or_else(|error| refuse(error));
        Booted { vm, cpus, tsc }
    }

    fn page_fault(frame: &mut TrapFrame) {
        traps::dispatch(frame);
    }
}
