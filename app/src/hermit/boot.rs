//! Boots the image from the PVH entry point to Hermit, and from Hermit to `main`.
//!
//! The image replaces Hermit's own loader: the PVH loader starts the image directly, and the image builds the records
//! that Hermit expects.

#![expect(unsafe_code, reason = "enters Hermit, and is entered by it")]

mod handover;
mod record;

use core::convert::Infallible;

use spin::Once;
use x86_64::instructions::interrupts;

use crate::hardware::boot::entry::StartInfo;
use crate::hardware::boot::info::BootInfo;
use crate::hardware::exit::refuse;
use crate::hardware::memory::{self, image};
use crate::hardware::serial;
use crate::platform::memory_map::MemoryMap;

/// The state that is stored while Hermit boots.
struct Image {
    run: fn() -> !,
    /// RAM that is given neither to Hermit nor to the image. It becomes the memory of the window.
    free: MemoryMap,
}

static IMAGE: Once<Image> = Once::new();

/// Reserves memory for Hermit, builds the page tables and Hermit's boot record, and enters Hermit.
pub(super) fn enter(start_info: StartInfo, run: fn() -> !) -> ! {
    serial::init();
    handover::declare_stacks();
    let info = BootInfo::keep(start_info).unwrap_or_else(|error| refuse(error));
    let mut free = memory::init(&info.memory).unwrap_or_else(|error| refuse(error));
    let share = handover::share(&mut free, info.topology.cpus().len())
        .unwrap_or_else(|error| refuse(error));
    IMAGE.call_once(|| Image { run, free });
    let Err(error): Result<Infallible, _> = handover::start(info, image::whole(), share);
    refuse(error)
}

/// Returns the RAM that has no owner, for the window.
///
/// # Panics
///
/// [`enter`] was not called.
pub(super) fn free_memory() -> &'static MemoryMap {
    &IMAGE.get().expect("Hermit was entered by the image").free
}

/// Entry point of the application. Hermit calls this function in a new thread after the boot of the kernel.
#[unsafe(no_mangle)]
extern "C" fn main(_: i32, _: *const *const u8, _: *const *const u8) {
    interrupts::disable();
    let image = IMAGE.get().expect("Hermit was entered by the image");
    (image.run)()
}
