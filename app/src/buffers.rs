//! Allocates the large buffers of the network and of clients.
//!
//! In the image, a buffer is a region of the window; on the host, it is a vector. Buffers of one kind that exist as
//! long as the image are parts of one region, so that reports show one row for each kind.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

/// A source of zeroed byte buffers.
pub trait Buffers {
    /// A buffer. Its memory is freed when the buffer is dropped.
    type Buffer: AsMut<[u8]> + AsRef<[u8]> + 'static;

    /// Allocates a zeroed buffer of `bytes` bytes, or returns `None` if memory is short.
    ///
    /// `caller` is the name of the buffer in reports, such as `net/rx`.
    fn take(&self, caller: &'static str, bytes: usize) -> Option<Self::Buffer>;

    /// Grows a buffer and keeps its contents. The added bytes have arbitrary values. Returns `false` and leaves the
    /// buffer unchanged if memory is short.
    fn grow(&self, buffer: &mut Self::Buffer, bytes: usize) -> bool;
}

/// A buffer that could not be allocated at boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// The name of the buffer in reports.
    pub caller: &'static str,
    /// Size of the buffer in bytes.
    pub bytes: usize,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no memory for {} bytes of {}", self.bytes, self.caller)
    }
}

impl core::error::Error for Shortage {}

/// Allocates a buffer that is never freed.
///
/// # Errors
///
/// Memory is short.
pub fn take_forever<B: Buffers>(
    buffers: &B,
    caller: &'static str,
    bytes: usize,
) -> Result<&'static mut [u8], Shortage> {
    let buffer = buffers.take(caller, bytes).ok_or(Shortage { caller, bytes })?;
    Ok(Box::leak(Box::new(buffer)).as_mut())
}

/// Allocates `count` buffers of `bytes` bytes each, as parts of one buffer that is never freed.
///
/// # Errors
///
/// Memory is short.
pub fn share_out<B: Buffers>(
    buffers: &B,
    caller: &'static str,
    count: usize,
    bytes: usize,
) -> Result<impl Iterator<Item = &'static mut [u8]> + use<B>, Shortage> {
    let whole = count.saturating_mul(bytes);
    let all = take_forever(buffers, caller, whole)?;
    Ok(all.chunks_exact_mut(bytes))
}

/// Allocates buffers on the heap of the host.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeapBuffers;

impl Buffers for HeapBuffers {
    type Buffer = Vec<u8>;

    fn take(&self, _caller: &'static str, bytes: usize) -> Option<Vec<u8>> {
        // The zeroing constructor is used, because the kernel of the host then zeroes a page only when it is accessed.
        // Tests create hundreds of servers, each with buffers for hundreds of clients.
        Some(alloc::vec![0; bytes])
    }

    fn grow(&self, buffer: &mut Vec<u8>, bytes: usize) -> bool {
        let is_there = buffer.try_reserve_exact(bytes.saturating_sub(buffer.len())).is_ok();
        if is_there {
            buffer.resize(bytes, 0);
        }
        is_there
    }
}
