//! The heap of the image. It consists of regions of the window: one is allocated at the first use of the heap, and
//! another one whenever the heap is full.
//!
//! Requests of clients use no heap memory, because the buffers of clients are separate regions.

#![expect(unsafe_code, reason = "hands regions to the allocator behind `alloc`")]

use core::alloc::Layout;

use talc::TalcLock;
use talc::base::Talc;
use talc::base::binning::Binning;
use talc::source::Source;
use vmalloc::Request;

use crate::hardware::machine;

/// Minimum size of a region of the heap.
const STEP_BYTES: usize = 4 << 20;
/// Maximum number of bytes that an allocation needs in addition to its size and alignment, for the records of the
/// allocator.
const OVERHEAD_BYTES: usize = 64 << 10;

#[global_allocator]
static HEAP: TalcLock<spin::Mutex<()>, WindowSource> = TalcLock::new(WindowSource);

/// Allocates regions of the window for the heap. These regions are never freed.
#[derive(Debug)]
struct WindowSource;

// SAFETY: the window does not allocate from this heap.
unsafe impl Source for WindowSource {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        let bytes = layout.size().checked_add(layout.align() + OVERHEAD_BYTES).ok_or(())?;
        let request = Request::try_new(bytes.max(STEP_BYTES) as u64).map_err(drop)?;
        let window = machine::window().ok_or(())?;
        let region =
            window.allocate(&request.system().with_reserve().caller("heap")).map_err(drop)?;
        let start = region.address().as_mut_ptr();
        let bytes = usize::try_from(region.bytes()).map_err(drop)?;
        // The heap owns the region from now on.
        let _ = region.into_raw();
        // SAFETY: the region is mapped writable, has no other owner and is never freed.
        unsafe { talc.claim(start, bytes) }.map(drop).ok_or(())
    }
}
