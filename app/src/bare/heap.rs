//! The heap for small things: one region of the window at boot, more when it runs dry.
//!
//! Nothing on the path of a request needs it: the buffers of the clients are regions of their own.

#![expect(unsafe_code, reason = "hands regions to the allocator behind `alloc`")]

use core::alloc::Layout;

use talc::TalcLock;
use talc::base::Talc;
use talc::base::binning::Binning;
use talc::source::Source;
use vmalloc::Request;

use crate::hardware::machine;

/// What the heap grows by: one region, so one line in the reports.
const STEP_BYTES: usize = 4 << 20;
/// What an allocation may need beyond its own bytes: the allocator's own records and alignment.
const OVERHEAD_BYTES: usize = 64 << 10;

#[global_allocator]
static HEAP: TalcLock<spin::Mutex<()>, WindowSource> = TalcLock::new(WindowSource);

/// Takes regions from the window. They stay until the image ends.
#[derive(Debug)]
struct WindowSource;

// SAFETY: the window allocates nothing from this heap.
unsafe impl Source for WindowSource {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        let bytes = layout.size().checked_add(layout.align() + OVERHEAD_BYTES).ok_or(())?;
        let request = Request::try_new(bytes.max(STEP_BYTES) as u64).map_err(drop)?;
        let window = machine::window().ok_or(())?;
        let region =
            window.allocate(&request.system().with_reserve().caller("heap")).map_err(drop)?;
        let start = region.address().as_mut_ptr();
        let bytes = usize::try_from(region.bytes()).map_err(drop)?;
        // The region is the heap's for good.
        let _ = region.into_raw();
        // SAFETY: the region is mapped writable, is nobody else's and is never freed.
        unsafe { talc.claim(start, bytes) }.map(drop).ok_or(())
    }
}
