//! Allocates the buffers of the network and of clients as regions of the window.

#![expect(unsafe_code, reason = "makes slices of regions that it owns")]

use core::fmt;
use core::slice;

use vmalloc::{Region, Request, Resize};

use crate::buffers::Buffers;
use crate::hardware::machine::{self, PcMachine};

/// Allocates buffers in the window.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WindowBuffers;

impl Buffers for WindowBuffers {
    type Buffer = WindowBuffer;

    fn take(&self, caller: &'static str, bytes: usize) -> Option<WindowBuffer> {
        let request = Request::try_new(bytes as u64).ok()?.zeroed().system().caller(caller);
        let region = machine::window()?.allocate(&request).ok()?;
        Some(WindowBuffer { region, bytes })
    }

    fn grow(&self, buffer: &mut WindowBuffer, bytes: usize) -> bool {
        // A buffer is grown by remapping its pages, without copying bytes. The added bytes are not zeroed, because
        // zeroing megabytes would make the turn of the server loop too long.
        let is_grown = buffer.region.resize(&Resize::to(bytes as u64).unzeroed()).is_ok();
        if is_grown {
            buffer.bytes = bytes;
        }
        is_grown
    }
}

/// A region that is used as a byte buffer. The region is freed when the buffer is dropped.
pub(crate) struct WindowBuffer {
    region: Region<'static, PcMachine>,
    bytes: usize,
}

impl AsRef<[u8]> for WindowBuffer {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: 1. the region is mapped readable as long as `self` lives. 2. The region was zeroed, and frames that
        // `grow` adds are RAM, so every byte has a value. 3. The region has no other owner.
        unsafe { slice::from_raw_parts(self.region.address().as_ptr(), self.bytes) }
    }
}

impl AsMut<[u8]> for WindowBuffer {
    fn as_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `as_ref`, and the region is writable.
        unsafe { slice::from_raw_parts_mut(self.region.address().as_mut_ptr(), self.bytes) }
    }
}

impl fmt::Debug for WindowBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WindowBuffer({:#x}, {} bytes)", self.region.address(), self.bytes)
    }
}
