//! The order of an image's life: it takes the machine over, boots, serves or runs its own tests, and
//! powers the machine off.

use core::panic::PanicInfo;

use runtime_config::verdict::{Exit, PANIC_PREFIX};

use crate::Kernel;
use crate::hardware::cpu::{backtrace, clock, control};
use crate::hardware::{console, exit};
use crate::runtime::Runtime;
use crate::selftest;
use crate::serve::{self, worker};

pub use crate::hardware::boot::entry::StartInfo;

/// Begins with the loader's records, and never returns.
pub fn enter(start_info: StartInfo) -> ! {
    Kernel::enter(start_info, run)
}

fn run() -> ! {
    let (vm, config) = Kernel::boot(worker::run);
    // Both ways are compiled and checked in every build; the other one is left out when linking.
    if cfg!(feature = "selftest") {
        exit::leave(selftest::run(vm, &config))
    }
    serve::run(vm, &config);
    log::info!(target: "boot", "power off after {} us", clock::now_us());
    exit::leave(Exit::Success)
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
