//! The records of an AP, and the first Rust code that an AP runs.

use core::sync::atomic::AtomicBool;

use crate::bare::segments::Segments;
use crate::bare::{apic, idt};
use crate::hardware::cpu::control;
use crate::hardware::cpu::local::Local;
use crate::hardware::exit::refuse;
use crate::hardware::machine;
use crate::hardware::memory::selfcheck;
use crate::runtime::Worker;

/// The records of an AP. They are created before the AP starts, and are never freed.
#[derive(Debug)]
pub(crate) struct Ap {
    pub(crate) local: Local,
    pub(crate) segments: Segments,
    pub(crate) worker: Worker,
    /// Set by the AP when it has entered its loop.
    pub(crate) is_up: AtomicBool,
}

/// Sets up the calling AP and enters its loop.
pub(crate) extern "C" fn main(ap: &'static Ap) -> ! {
    control::protect();
    ap.local.load();
    ap.segments.load();
    idt::load();
    let vm = machine::window().expect("the BSP sets up the window before it starts an AP");
    // Until here, TLB flushes have skipped this AP. That was safe, because the AP has only used its stack and its
    // records, which are never freed.
    vm.leave_idle();
    apic::init().unwrap_or_else(|error| refuse(error));
    selfcheck::run().unwrap_or_else(|error| refuse(error));
    (ap.worker)(vm, &ap.is_up)
}
