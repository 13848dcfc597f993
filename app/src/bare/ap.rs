//! An AP: its records, and its first Rust code.

use core::sync::atomic::AtomicBool;

use crate::bare::segments::Segments;
use crate::bare::{apic, idt};
use crate::hardware::cpu::control;
use crate::hardware::cpu::local::Local;
use crate::hardware::exit::refuse;
use crate::hardware::machine;
use crate::hardware::memory::selfcheck;
use crate::runtime::Worker;

/// The records that an AP runs on. They exist before it starts and are never freed.
#[derive(Debug)]
pub(crate) struct Ap {
    pub(crate) local: Local,
    pub(crate) segments: Segments,
    pub(crate) worker: Worker,
    /// Set when the AP has entered its loop.
    pub(crate) is_up: AtomicBool,
}

/// Sets this AP up and enters its loop.
pub(crate) extern "C" fn main(ap: &'static Ap) -> ! {
    control::protect();
    ap.local.load();
    ap.segments.load();
    idt::load();
    let vm = machine::window().expect("the BSP sets up the window before it starts an AP");
    // Until here the AP has used its stack and its records only, which are never freed.
    vm.leave_idle();
    apic::init().unwrap_or_else(|error| refuse(error));
    selfcheck::run().unwrap_or_else(|error| refuse(error));
    (ap.worker)(vm, &ap.is_up)
}
