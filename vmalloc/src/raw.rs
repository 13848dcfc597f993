//! Accesses the bytes of frames: slabs of records, clearing and copying. No other module of the
//! library does so directly.
#![expect(unsafe_code, reason = "records and frames live in memory that no Rust object owns")]

use core::fmt;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use crate::machine::{PhysicalMemory, zero_frame};
use crate::page::{Frame, PAGE_BYTES};

const WORDS: usize = 512;
const FRAME_BYTES: usize = WORDS * size_of::<u64>();

/// Clears a frame that the crate has taken for a table, or a frame of a region on behalf of the
/// region's owner.
pub(crate) fn clear<P: PhysicalMemory>(memory: &P, frame: Frame) {
    // SAFETY: the caller has the frame in a chain, or owns the region that the frame is mapped in.
    unsafe { memory.zero(frame) };
}

/// Clears a part of a frame of a region, on behalf of the region's owner.
pub(crate) fn clear_part<P: PhysicalMemory>(memory: &P, frame: Frame, part: core::ops::Range<u64>) {
    let base = memory.pointer(frame);
    for offset in part {
        let offset = usize::try_from(offset.min(PAGE_BYTES - 1)).unwrap_or(0);
        // SAFETY: the offset lies in the 4096 bytes of the frame.
        let byte = unsafe { base.add(offset) };
        // SAFETY: `PhysicalMemory::pointer` guarantees that the byte is writable. The store is
        // atomic, because another CPU may access the region during a resize.
        unsafe { byte.cast::<AtomicU8>().as_ref() }.store(0, Ordering::Relaxed);
    }
}

/// Types for which all-zero bytes are a valid value and which need no drop.
///
/// # Safety
///
/// An implementor guarantees both.
pub(crate) unsafe trait Zeroable {}

// SAFETY: a plain integer.
unsafe impl Zeroable for u8 {}
// SAFETY: a plain integer.
unsafe impl Zeroable for u32 {}

/// A fixed array of records, in frames that were taken when the window was set up and that are
/// never returned.
pub(crate) struct Slab<T> {
    base: NonNull<T>,
    length: usize,
}

// SAFETY: a slab owns its records as a boxed slice would.
unsafe impl<T: Send> Send for Slab<T> {}
// SAFETY: shared access gives `&T` only.
unsafe impl<T: Sync> Sync for Slab<T> {}

impl<T: Zeroable> Slab<T> {
    /// Returns the number of frames for `length` records.
    pub(crate) fn frames(length: usize) -> u64 {
        ((length * size_of::<T>()) as u64).div_ceil(PAGE_BYTES)
    }

    /// Creates a slab of zeroed records in the [`frames(length)`](Self::frames) frames from
    /// `first`, which the caller gives up.
    pub(crate) fn carve<P: PhysicalMemory>(memory: &P, first: Frame, length: usize) -> Self {
        assert!(align_of::<T>() as u64 <= PAGE_BYTES, "a record's alignment exceeds a frame's");
        let is_checked = cfg!(all(test, loom));
        assert!(!is_checked, "zeros are not a valid atomic of the model checker");
        let base = memory.pointer(first);
        for (offset, number) in (0..Self::frames(length)).enumerate() {
            let here = memory.pointer(first + number);
            let expected = base.as_ptr().wrapping_add(FRAME_BYTES * offset);
            assert_eq!(here.as_ptr(), expected, "adjacent frames must be adjacent in memory");
            zero_frame(here);
        }
        Self { base: base.cast(), length }
    }
}

impl<T> Slab<T> {
    /// Returns the number of frames for `length` records, for types that are not [`Zeroable`] too.
    pub(crate) fn frames_for(length: usize) -> u64 {
        ((length * size_of::<T>()) as u64).div_ceil(PAGE_BYTES)
    }

    /// Creates a slab as [`carve`](Self::carve) does, with records that `make` returns. For types
    /// for which zeros are not a valid value.
    pub(crate) fn carve_with<P: PhysicalMemory>(
        memory: &P,
        first: Frame,
        length: usize,
        make: impl Fn(usize) -> T,
    ) -> Self {
        let base = Slab::<u8>::carve(memory, first, length * size_of::<T>()).base.cast::<T>();
        assert!(align_of::<T>() as u64 <= PAGE_BYTES, "a record's alignment exceeds a frame's");
        for index in 0..length {
            // SAFETY: the carved bytes are enough for `length` records.
            let place = unsafe { base.add(index) };
            // SAFETY: the place is aligned and inside the slab, and no other code has a reference
            // to it yet.
            unsafe { place.write(make(index)) };
        }
        Self { base, length }
    }
}

#[cfg(all(test, loom))]
impl<T> From<std::vec::Vec<T>> for Slab<T> {
    fn from(records: std::vec::Vec<T>) -> Self {
        let length = records.len();
        Self { base: NonNull::from(records.leak()).cast(), length }
    }
}

#[cfg(all(test, loom))]
impl<T> Drop for Slab<T> {
    fn drop(&mut self) {
        let records = NonNull::slice_from_raw_parts(self.base, self.length);
        // SAFETY: `carve` refuses, so the records were leaked by `from`.
        drop(unsafe { std::boxed::Box::from_raw(records.as_ptr()) });
    }
}

impl<T> Deref for Slab<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `carve` owns the frames and has cleared them, and zeros are a valid `T`.
        unsafe { core::slice::from_raw_parts(self.base.as_ptr(), self.length) }
    }
}

impl<T> DerefMut for Slab<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above; `&mut self` makes the access exclusive.
        unsafe { core::slice::from_raw_parts_mut(self.base.as_ptr(), self.length) }
    }
}

impl<T> fmt::Debug for Slab<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slab({} records)", self.length)
    }
}

/// Returns the 512 words of a frame that is used as a page table. The MMU may write to them at any
/// time, so they are accessed only as atomics.
pub(crate) fn words<P: PhysicalMemory>(memory: &P, frame: Frame) -> &[AtomicU64; WORDS] {
    // SAFETY: `PhysicalMemory::pointer` guarantees 4096 readable and writable bytes, aligned, as
    // long as the machine lives; atomics allow concurrent reads and writes.
    unsafe { memory.pointer(frame).cast::<[AtomicU64; WORDS]>().as_ref() }
}

/// Returns the numbers in a frame that is used as an index: one for each page of a leaf table. They
/// take half of the frame.
pub(crate) fn numbers<P: PhysicalMemory>(memory: &P, frame: Frame) -> &[AtomicU32; WORDS] {
    // SAFETY: as in `words`; the array is half as long.
    unsafe { memory.pointer(frame).cast::<[AtomicU32; WORDS]>().as_ref() }
}

/// Returns the first `N` records in a frame that the crate uses for records. Every frame contained
/// zeros when it was taken for them.
pub(crate) fn records<T: Zeroable + Sync, const N: usize, P: PhysicalMemory>(
    memory: &P,
    frame: Frame,
) -> &[T; N] {
    assert!(N * size_of::<T>() <= FRAME_BYTES, "the records exceed a frame");
    // SAFETY: as in `words`; the records fit into the frame, and zeros are valid records.
    unsafe { memory.pointer(frame).cast::<[T; N]>().as_ref() }
}

/// Copies the contents of a frame that the caller may read to a frame that the crate has taken.
pub(crate) fn copy<P: PhysicalMemory>(memory: &P, from: Frame, to: Frame) {
    // SAFETY: the caller owns the region that `from` is mapped in, and has taken `to` for it.
    unsafe { memory.copy(from, to) };
}

/// Reports to the machine that a frame is free again, and whether it contains only zeros.
pub(crate) fn retire<P: PhysicalMemory>(memory: &P, frame: Frame, zeroed: bool) {
    // SAFETY: the caller has the frame in a chain of free frames, which exists only after the flush.
    unsafe { memory.retire(frame, zeroed) };
}

/// Makes a static string from its address and length.
///
/// # Safety
///
/// Both words come from the same `&'static str`.
pub(crate) unsafe fn static_str(address: usize, length: usize) -> &'static str {
    let bytes = core::ptr::with_exposed_provenance::<u8>(address);
    // SAFETY: the caller guarantees that address and length belong together.
    let bytes = unsafe { core::slice::from_raw_parts(bytes, length) };
    // SAFETY: the bytes were a `str`.
    unsafe { core::str::from_utf8_unchecked(bytes) }
}
