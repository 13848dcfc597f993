//! Where the ends of long names lie: parts of a fixed size, chained, out of a pool that never grows.

use crate::buffers::{Buffers, Shortage};
use crate::service::store::records::Records;

/// The next part of the same name, or the next free part; 0 is none.
const NEXT: usize = 0;
const BYTES: usize = 4;
const RECORD_BYTES: usize = 64;

/// Bytes of a name in one part.
pub(super) const PART_BYTES: usize = RECORD_BYTES - BYTES;

/// The pool of parts. Part 0 stands for "none".
#[derive(Debug)]
pub(super) struct NameParts {
    records: Records<RECORD_BYTES>,
    /// The first part that was given back; 0 where there is none.
    free: u32,
    /// NameParts below it have been used.
    fresh: u32,
    used: usize,
    /// NameParts for names of requests in flight.
    reserved: usize,
    limit: usize,
}

impl NameParts {
    /// Takes room for `limit` parts.
    pub(super) fn try_new<B: Buffers>(buffers: &B, limit: usize) -> Result<Self, Shortage> {
        let records = Records::try_new(buffers, "service/names", limit + 1)?;
        Ok(Self { records, free: 0, fresh: 1, used: 0, reserved: 0, limit })
    }

    /// Whether `bytes` more bytes of one name fit, beside those that are reserved.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        Self::of(bytes) <= self.left()
    }

    /// NameParts for so many bytes of one name.
    pub(super) fn of(bytes: usize) -> usize {
        bytes.div_ceil(PART_BYTES)
    }

    /// NameParts that are free and not reserved.
    pub(super) fn left(&self) -> usize {
        self.limit - self.used - self.reserved
    }

    /// Keeps room for as many bytes of one name.
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.reserved += bytes.div_ceil(PART_BYTES);
    }

    /// Gives up room that was kept.
    pub(super) fn unreserve(&mut self, bytes: usize) {
        self.reserved -= bytes.div_ceil(PART_BYTES);
    }

    /// Bytes that all parts hold.
    pub(super) fn capacity(&self) -> usize {
        self.limit * PART_BYTES
    }

    /// Keeps bytes for which there [is room](Self::has_room). Returns the first part; 0 where there
    /// are no bytes.
    pub(super) fn store(&mut self, bytes: &[u8]) -> u32 {
        let mut first = 0;
        // Backwards, so that each part knows the next one.
        for piece in bytes.chunks(PART_BYTES).rev() {
            let part = self.take();
            self.records.set_u32(part as usize, NEXT, first);
            self.records.record_mut(part as usize)[BYTES..][..piece.len()].copy_from_slice(piece);
            first = part;
        }
        first
    }

    /// Gives the parts of a name back.
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

    /// The bytes of a name from its first part on, of which `left` are in parts.
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
