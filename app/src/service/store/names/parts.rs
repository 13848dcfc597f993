//! Stores the rest of long names in chained parts of a fixed size. The number of parts is fixed.

use crate::buffers::{Buffers, Shortage};
use crate::service::store::records::Records;

/// The next part of the same name, or the next free part. 0 ends the chain.
const NEXT: usize = 0;
const BYTES: usize = 4;
const RECORD_BYTES: usize = 64;

/// Number of bytes of a name in one part.
pub(super) const PART_BYTES: usize = RECORD_BYTES - BYTES;

/// The pool of parts. Number 0 stands for no part.
#[derive(Debug)]
pub(super) struct NameParts {
    records: Records<RECORD_BYTES>,
    /// The first free part among those that were used before, or 0 if there is none.
    free: u32,
    /// The number of the first part that was never used.
    fresh: u32,
    used: usize,
    /// The number of parts reserved for names of requests in flight.
    reserved: usize,
    limit: usize,
}

impl NameParts {
    /// Allocates room for `limit` parts.
    pub(super) fn try_new<B: Buffers>(buffers: &B, limit: usize) -> Result<Self, Shortage> {
        let records = Records::try_new(buffers, "service/names", limit + 1)?;
        Ok(Self { records, free: 0, fresh: 1, used: 0, reserved: 0, limit })
    }

    /// Returns whether `bytes` more bytes of one name fit. Reserved parts are not available.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        Self::of(bytes) <= self.left()
    }

    /// Returns the number of parts in which `bytes` bytes of one name are stored.
    pub(super) fn of(bytes: usize) -> usize {
        bytes.div_ceil(PART_BYTES)
    }

    /// Returns how many parts are free and not reserved.
    pub(super) fn left(&self) -> usize {
        self.limit - self.used - self.reserved
    }

    /// Reserves the parts for `bytes` bytes of one name.
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.reserved += bytes.div_ceil(PART_BYTES);
    }

    /// Releases the reserved parts for `bytes` bytes of one name.
    pub(super) fn unreserve(&mut self, bytes: usize) {
        self.reserved -= bytes.div_ceil(PART_BYTES);
    }

    /// Returns the total capacity of all parts in bytes.
    pub(super) fn capacity(&self) -> usize {
        self.limit * PART_BYTES
    }

    /// Stores bytes, for which there must be [enough parts](Self::has_room). Returns the number of
    /// the first part, or 0 if there are no bytes.
    pub(super) fn store(&mut self, bytes: &[u8]) -> u32 {
        let mut first = 0;
        // The last part is taken first, because each part stores the number of the part after it.
        for piece in bytes.chunks(PART_BYTES).rev() {
            let part = self.take();
            self.records.set_u32(part as usize, NEXT, first);
            self.records.record_mut(part as usize)[BYTES..][..piece.len()].copy_from_slice(piece);
            first = part;
        }
        first
    }

    /// Frees the parts of a name.
    pub(super) fn release(&mut self, first: u32) {
        let mut part = first;
        while part != 0 {
            let next = self.records.u32(part as usize, NEXT);
            *self.records.record_mut(part as usize) = [0; RECORD_BYTES];
            self.records.set_u32(part as usize, NEXT, self.free);
            self.free = part;
            self.used -= 1;
            part = next;
        }
    }

    /// Returns the pieces of a name from part `first` on, which have `left` bytes in total.
    pub(super) fn pieces(&self, first: u32, left: usize) -> impl Iterator<Item = &[u8]> {
        let (mut part, mut left) = (first, left);
        core::iter::from_fn(move || {
            if part == 0 {
                return None;
            }
            let record = self.records.record(part as usize);
            part = self.records.u32(part as usize, NEXT);
            let bytes = left.min(PART_BYTES);
            left -= bytes;
            record[BYTES..].get(..bytes)
        })
    }

    fn take(&mut self) -> u32 {
        self.used += 1;
        if self.free == 0 {
            self.fresh += 1;
            return self.fresh - 1;
        }
        let part = self.free;
        self.free = self.records.u32(part as usize, NEXT);
        part
    }
}
