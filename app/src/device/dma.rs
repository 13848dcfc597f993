//! Allocates physically contiguous memory for devices from the frames of the window.

use vmalloc::FrameRange;

use crate::hardware::machine;

/// Takes `frames` contiguous frames, which are zeroed. Returns `None` if no such range is free.
///
/// The frames are never freed, because a device may write to them after its driver has gone.
pub(crate) fn take(frames: u64) -> Option<FrameRange> {
    machine::window()?.take_run(frames)
}
