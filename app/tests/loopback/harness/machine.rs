//! A simulated machine with its window, which end with the test that made them: hundreds of tests
//! would otherwise hold 20 GB.
#![expect(unsafe_code, reason = "a server needs a window for ever, a test has it for a while")]

use std::ptr::NonNull;

use app::switches;
use runtime_config::cmdline::Config;
use vmalloc::Vmalloc;
use vmalloc::sim::{self, SimMachine};

const WINDOW_PAGES: u64 = 1 << 20;

/// The owner of a window. It must be dropped after the server that uses the window.
pub(super) struct Machine(NonNull<Vmalloc<SimMachine>>);

impl Machine {
    pub(super) fn new(config: &Config, frames: u64, cpus: u32) -> Self {
        let regions = u32::try_from(config.regions).unwrap();
        let vm = SimMachine::new(frames, cpus).set_up(sim::window(WINDOW_PAGES), regions, 0);
        let machine = Self(NonNull::from(Box::leak(Box::new(vm.unwrap()))));
        switches::apply(machine.vm(), config);
        machine
    }

    /// The window, for the harness alone: the reference must not outlive `self`.
    pub(super) fn forever(&self) -> &'static Vmalloc<SimMachine> {
        // SAFETY: the window lives until `self` is dropped. The harness gives the reference to its server,
        // which is dropped before `self`, and lends it to errands, which end before they return.
        unsafe { self.0.as_ref() }
    }

    pub(super) fn vm(&self) -> &Vmalloc<SimMachine> {
        self.forever()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // SAFETY: the pointer is of a box that was leaked, and nobody has a reference any more: see
        // `forever`.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}
