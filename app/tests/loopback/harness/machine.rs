//! A simulated machine with its window, freed at the end of its test. Otherwise hundreds of tests would hold 20 GB.
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
        // As in the image: without a choice of the user, a slot for each frame.
        let regions = if config.regions == 0 { frames } else { config.regions as u64 };
        let regions = u32::try_from(regions).unwrap();
        let vm = SimMachine::new(frames, cpus).set_up(sim::window(WINDOW_PAGES), regions, 0);
        let machine = Self(NonNull::from(Box::leak(Box::new(vm.unwrap()))));
        switches::apply(machine.vm(), config);
        machine
    }

    /// Returns the window, for the harness only. The reference must not outlive `self`.
    pub(super) fn forever(&self) -> &'static Vmalloc<SimMachine> {
        // SAFETY: the window lives until `self` is dropped. The harness passes the reference to its server, which is dropped
        // before `self`, and to offloaded work, which ends before the call returns.
        unsafe { self.0.as_ref() }
    }

    pub(super) fn vm(&self) -> &Vmalloc<SimMachine> {
        self.forever()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // SAFETY: the pointer comes from a leaked box, and no reference exists any more: see `forever`.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}
