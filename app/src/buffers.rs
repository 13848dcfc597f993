//! Where large buffers come from.
//!
//! The image takes every one from its own window, so that it is its own first customer; on the
//! host they are vectors. Buffers of one kind that live as long as the image share one region, so
//! that a report shows a row for each kind.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

/// A source of zeroed byte buffers.
pub trait Buffers {
    /// A buffer; dropping it gives the memory back.
    type Buffer: AsMut<[u8]> + AsRef<[u8]> + 'static;

    /// Takes a buffer of exactly `bytes` bytes, all zero, or `None` where memory is short.
    ///
    /// `caller` names the use in reports, such as `net/rx`.
    fn take(&self, caller: &'static str, bytes: usize) -> Option<Self::Buffer>;

    /// Makes a buffer longer without changing what is in it; the bytes behind that may have any value.
    /// `false` where memory is short: then nothing has changed.
    fn grow(&self, buffer: &mut Self::Buffer, bytes: usize) -> bool;
}

/// Says which buffer could not be had at boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// What the buffer was for.
    pub caller: &'static str,
    /// How large it was to be.
    pub bytes: usize,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no memory for {} bytes of {}", self.bytes, self.caller)
    }
}

impl core::error::Error for Shortage {}

/// Takes a buffer that is never given back: what is taken at boot lives as long as the image.
///
/// # Errors
///
/// The buffer could not be had.
pub fn take_forever<B: Buffers>(
    buffers: &B,
    caller: &'static str,
    bytes: usize,
) -> Result<&'static mut [u8], Shortage> {
    let buffer = buffers.take(caller, bytes).ok_or(Shortage { caller, bytes })?;
    Ok(Box::leak(Box::new(buffer)).as_mut())
}

/// Takes `count` buffers of `bytes` bytes each, cut from one that is never given back.
///
/// # Errors
///
/// The whole could not be had.
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

/// Takes buffers from the global allocator. For the host.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeapBuffers;

impl Buffers for HeapBuffers {
    type Buffer = Vec<u8>;

    fn take(&self, _caller: &'static str, bytes: usize) -> Option<Vec<u8>> {
        // Zeroed by the host's kernel, page by page as they are touched: tests make hundreds of
        // servers, and each has buffers for hundreds of clients.
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
