//! Maps device registers, and accesses them by volatile loads and stores with bounds checks.

#![expect(unsafe_code, reason = "reads and writes device registers")]

use crate::hardware::memory::{direct, tables};
use crate::platform::span::Span;

mod sealed {
    pub(crate) trait Width: Copy {}
    impl Width for u8 {}
    impl Width for u16 {}
    impl Width for u32 {}
}

/// A range of registers of one device, mapped uncached.
///
/// A value proves that the range is mapped and is not RAM.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registers {
    span: Span,
}

impl Registers {
    /// Maps the pages that contain the physical addresses `span`.
    ///
    /// # Errors
    ///
    /// See [`MapError`](tables::MapError).
    pub(crate) fn map(span: Span) -> Result<Self, tables::MapError> {
        tables::map_device(span)?;
        Ok(Self { span })
    }

    /// Returns the part of the range that begins at `offset` and has `bytes` bytes.
    ///
    /// # Panics
    ///
    /// The part is not within the range. The caller must check offsets that a device supplies.
    pub(crate) fn part(self, offset: u64, bytes: u64) -> Self {
        let part = Span::from_bytes(self.span.start + offset, bytes);
        assert_eq!(part.intersection(self.span), part, "{part:?} leaves {:?}", self.span);
        Self { span: part }
    }

    fn pointer<T: sealed::Width>(self, offset: u64) -> *mut T {
        let bytes = size_of::<T>() as u64;
        let address = self.span.start + offset;
        assert!(
            offset + bytes <= self.span.bytes() && address.is_multiple_of(bytes),
            "register {offset:#x} of {:?}",
            self.span
        );
        direct::pointer(address)
    }

    /// Reads the register at `offset`.
    ///
    /// # Panics
    ///
    /// The register is out of bounds or not aligned.
    pub(crate) fn read<T: sealed::Width>(self, offset: u64) -> T {
        // SAFETY: `pointer` has checked bounds and alignment, and `map` has mapped the bytes.
        unsafe { self.pointer::<T>(offset).read_volatile() }
    }

    /// Writes the register at `offset`.
    ///
    /// The write may start a DMA transfer of the device. The driver is responsible for the memory that the device then
    /// accesses.
    ///
    /// # Panics
    ///
    /// The register is out of bounds or not aligned.
    pub(crate) fn write<T: sealed::Width>(self, offset: u64, value: T) {
        // SAFETY: as in `read`.
        unsafe { self.pointer::<T>(offset).write_volatile(value) };
    }
}
