//! The image on bare hardware: the order of boot, and the loop.
//!
//! Everything runs in ring 0 in one address space; what keeps it apart is Rust's types, and page
//! tables that refuse writes to code and execution of data. Modules that must be unsafe say so in
//! their first line.

mod boot;
mod console;
mod cpu;
mod device;
mod machine;
mod memory;
mod selftest;
mod serve;

use core::fmt;
use core::panic::PanicInfo;

use runtime_config::cmdline::Config;
use runtime_config::verdict::{Exit, PANIC_PREFIX, REFUSAL_PREFIX};
use vmalloc::Vmalloc;

pub use boot::entry::StartInfo;
pub use machine::BareMachine;
pub use memory::buffers::{WindowBuffer, WindowBuffers};

use boot::info::BootInfo;
use cpu::{apic, backtrace, clock, control, local, others, segments, traps};
use device::{exit, serial};
use memory::{selfcheck, window};

/// Boots and never returns: the machine is powered off after the service's loop or the image's own tests.
pub fn run(start_info: StartInfo) -> ! {
    let (vm, config) = boot(start_info);
    // Both ways are compiled and checked in every build; the other one is left out when linking.
    if cfg!(feature = "selftest") {
        exit::leave(selftest::run(vm, &config))
    }
    serve::run(vm, &config);
    log::info!(target: "boot", "power off after {} us", clock::now_us());
    exit::leave(Exit::Success)
}

/// Brings the machine up to its window. Not inlined: its 10 KiB of stack are free again afterwards.
#[inline(never)]
fn boot(start_info: StartInfo) -> (&'static Vmalloc<BareMachine>, Config) {
    serial::init();
    // From here on a fault says what it is.
    local::load_boot();
    segments::load_boot();
    traps::load();
    let info = BootInfo::copy(start_info).unwrap_or_else(|error| refuse(error));
    let config = Config::parse_lenient(info.command_line(), |error| {
        console::raw(format_args!("WARN boot: {error}"));
    });
    console::init(config.log);
    let free = memory::init(&info.memory).unwrap_or_else(|error| refuse(error));
    selfcheck::run().unwrap_or_else(|error| refuse(error));
    apic::init().unwrap_or_else(|error| refuse(error));
    let (tsc, source) = clock::init().unwrap_or_else(|error| refuse(error));
    let vm = window::init(&free, &config, info.topology).unwrap_or_else(|error| refuse(error));
    let cpus = others::start(vm).unwrap_or_else(|error| refuse(error));
    log::info!(
        target: "boot",
        "{cpus} CPUs, {} nodes, {} KiB of memory, {} KiB for regions, TSC {tsc} by {source}, window {:?}",
        vm.nodes(),
        info.memory.bytes() >> 10,
        free.bytes() >> 10,
        vm.window(),
    );
    (vm, config)
}

/// Says why the machine cannot run the image, and leaves.
fn refuse(reason: impl fmt::Display) -> ! {
    console::raw(format_args!("{REFUSAL_PREFIX} {reason}"));
    exit::leave(Exit::Refused)
}

/// Prints what a panic says, on one line, and leaves.
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
