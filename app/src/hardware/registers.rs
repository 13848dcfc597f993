//! Mapped device registers with volatile, bounds-checked access.

#![expect(unsafe_code, reason = "reads and writes device registers")]

use crate::hardware::memory::{direct, tables};
use crate::platform::span::Span;

mod sealed {
    pub(crate) trait Width: Copy {}
    impl Width for u8 {}
    impl Width for u16 {}
    impl Width for u32 {}
}

/// Consecutive registers of one device, mapped uncached.
///
/// A value proves that the bytes are mapped and are not RAM.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registers {
    span: Span,
}

impl Registers {
    /// Maps the pages that hold `span`.
    ///
    /// # Errors
    ///
    /// See [`MapError`](tables::MapError).
    pub(crate) fn map(span: Span) -> Result<Self, tables::MapError> {
        tables::map_device(span)?;
        Ok(Self { span })
    }

    /// Returns a part of the registers.
    ///
    /// # Panics
    ///
    /// The part is not within the registers. Offsets that a device supplies are checked before.
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
    /// The driver is responsible for the memory accesses that the device makes as a result.
    ///
    /// # Panics
    ///
    /// The register is out of bounds or not aligned.
    pub(crate) fn write<T: sealed::Width>(self, offset: u64, value: T) {
        // SAFETY: as in `read`.
        unsafe { self.pointer::<T>(offset).write_volatile(value) };
    }
}
