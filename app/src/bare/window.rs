//! The window of the image on bare hardware.

#![expect(unsafe_code, reason = "gives the memory away")]

use runtime_config::cmdline::Config;
use spin::Once;
use vmalloc::{SetupError, Vmalloc};

use crate::bare::machine::BareMachine;
use crate::hardware::memory::window;
use crate::platform::memory_map::MemoryMap;
use crate::platform::topology::Topology;

static WINDOW: Once<Vmalloc<BareMachine>> = Once::new();

/// Hands all of `memory` to the window.
///
/// # Errors
///
/// See [`SetupError`].
pub(super) fn init(
    memory: &MemoryMap,
    config: &Config,
    topology: &Topology,
) -> Result<&'static Vmalloc<BareMachine>, SetupError> {
    let machine = || BareMachine::new(topology.clone());
    // SAFETY: the memory map leaves out the image, its tables and all that the loader keeps, and
    // this runs once.
    WINDOW.try_call_once(|| unsafe { window::create(machine(), memory, config, topology) })
}

/// The window, `None` before [`init`].
///
/// # Context
///
/// Anywhere: takes no lock.
pub(super) fn get() -> Option<&'static Vmalloc<BareMachine>> {
    WINDOW.get()
}
