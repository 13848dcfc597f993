//! Memory that a device reads and writes: physically contiguous, from the window's frames.

use vmalloc::FrameRange;

use crate::hardware::machine;

/// Takes `frames` zeroed frames in a row. `None` where no such run is free.
///
/// The run is the device's for good: it may go on writing to it after the driver is gone.
pub(crate) fn take(frames: u64) -> Option<FrameRange> {
    machine::window()?.take_run(frames)
}
