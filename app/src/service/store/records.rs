//! An array of records of a fixed size. It lies in a buffer of the window, not in the heap.

use crate::buffers::{self, Buffers, Shortage};

/// An array of records of `SIZE` bytes. All bytes are 0 at first.
#[derive(Debug)]
pub(super) struct Records<const SIZE: usize> {
    records: &'static mut [[u8; SIZE]],
}

impl<const SIZE: usize> Records<SIZE> {
    /// Allocates room for `count` records.
    pub(super) fn try_new<B: Buffers>(
        buffers: &B,
        caller: &'static str,
        count: usize,
    ) -> Result<Self, Shortage> {
        let bytes = count.saturating_mul(SIZE);
        let bytes = buffers::take_forever(buffers, caller, bytes)?;
        Ok(Self { records: bytes.as_chunks_mut().0 })
    }

    /// Returns the record at `index`, which must be less than the number of records.
    pub(super) fn record(&self, index: usize) -> &[u8; SIZE] {
        self.records.get(index).unwrap_or(&[0; SIZE])
    }

    /// Returns the record at `index` mutably.
    ///
    /// # Panics
    ///
    /// `index` is not less than the number of records.
    pub(super) fn record_mut(&mut self, index: usize) -> &mut [u8; SIZE] {
        &mut self.records[index]
    }

    /// Reads four bytes of a record from `offset` on as a number.
    #[inline]
    pub(super) fn u32(&self, index: usize, offset: usize) -> u32 {
        let bytes = self.record(index)[offset..].first_chunk();
        u32::from_le_bytes(*bytes.unwrap_or(&[0; 4]))
    }

    /// Writes a number to four bytes of a record from `offset` on.
    #[inline]
    pub(super) fn set_u32(&mut self, index: usize, offset: usize, value: u32) {
        self.record_mut(index)[offset..][..4].copy_from_slice(&value.to_le_bytes());
    }

    /// Reads eight bytes of a record from `offset` on as a number.
    #[inline]
    pub(super) fn u64(&self, index: usize, offset: usize) -> u64 {
        let bytes = self.record(index)[offset..].first_chunk();
        u64::from_le_bytes(*bytes.unwrap_or(&[0; 8]))
    }

    /// Writes a number to eight bytes of a record from `offset` on.
    #[inline]
    pub(super) fn set_u64(&mut self, index: usize, offset: usize, value: u64) {
        self.record_mut(index)[offset..][..8].copy_from_slice(&value.to_le_bytes());
    }
}
