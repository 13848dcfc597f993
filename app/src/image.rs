//! The main function of the image. It boots the machine, serves clients or runs the self-tests, and powers the machine
//! off.

use core::panic::PanicInfo;

use runtime_config::cmdline::Config;
use runtime_config::verdict::{Exit, PANIC_PREFIX};

use vmalloc::PAGE_BYTES;

use crate::Kernel;
use crate::hardware::boot::info::BootInfo;
use crate::hardware::cpu::{backtrace, clock, control};
use crate::hardware::{console, exit};
use crate::runtime::{Booted, Runtime};
use crate::selftest;
use crate::serve::{self, mailbox};
use crate::switches;

pub use crate::hardware::boot::entry::StartInfo;

/// Starts the image. `start_info` is the address of the loader's records. Never returns.
pub fn enter(start_info: StartInfo) -> ! {
    Kernel::enter(start_info, run)
}

fn run() -> ! {
    let info = BootInfo::get();
    let config = Config::parse_lenient(info.command_line(), |error| {
        console::raw(format_args!("WARN boot: {error}"));
    });
    console::init(config.log);
    let booted = Kernel::boot(info, &config, mailbox::run);
    switches::apply(booted.vm, &config);
    announce(info, &booted);
    let vm = booted.vm;
    // Both branches are compiled in each build, so that both are checked. The linker removes the unused one.
    if cfg!(feature = "selftest") {
        exit::leave(selftest::run(vm, &config))
    }
    serve::run(vm, &config);
    log::info!(target: "boot", "power off after {} us", clock::now_us());
    exit::leave(Exit::Success)
}

/// Logs the properties of the machine.
fn announce(info: &BootInfo, booted: &Booted) {
    let Booted { vm, cpus, tsc: (tsc, source) } = booted;
    log::info!(
        target: "boot",
        "{cpus} CPUs, {} nodes, {} KiB of memory, {} KiB for regions, TSC {tsc} by {source}, window {:?}",
        vm.nodes(),
        info.memory.bytes() >> 10,
        (vm.stats().frames_total * PAGE_BYTES) >> 10,
        vm.window(),
    );
    let (rsdp, line) = (info.rsdp.unwrap_or(0), info.command_line());
    log::debug!(target: "boot", "ACPI tables at {rsdp:#x}, command line {line:?}");
}

/// Prints the message of a panic on one line and a backtrace, and powers the machine off.
pub fn panic(info: &PanicInfo<'_>) -> ! {
    match info.location() {
        Some(place) => console::raw(format_args!(
            "{PANIC_PREFIX} {}:{}: {}",
            place.file(),
            place.line(),
            info.message()
        )),
        None => console::raw(format_args!("{PANIC_PREFIX} {}", info.message())),
    }
    backtrace::print(None, control::stack_pointer());
    exit::leave(Exit::Panic)
}
