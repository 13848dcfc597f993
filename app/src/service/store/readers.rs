//! Readers: replies that are copied out of a region while they are sent.
//!
//! The header of a large reply is sent first and announces the bytes, so the bytes must follow even
//! if clients free or change the region. A region has a reader until the last byte is copied. Until
//! then, its name may be removed, but its pages are kept, and requests that would change it in
//! place are delayed.

use vmalloc::RegionId;
use x86_64::VirtAddr;

use crate::service::owner::Owner;

/// The line end after the data of a bulk string.
pub(in crate::service) const LINE_END: &[u8] = b"\r\n";

/// A streamed reply: one with bytes that are left to copy.
#[derive(Debug)]
pub(in crate::service) struct StreamedReply {
    /// The region that is read.
    pub(in crate::service) id: RegionId,
    /// The address of the next byte.
    pub(in crate::service) start: VirtAddr,
    /// The number of bytes that are left to copy.
    pub(in crate::service) left: u64,
    /// When the peer must have read the whole reply, in microseconds since boot.
    pub(in crate::service) deadline_us: u64,
}

/// A request that waits until a region has no reader. Until the request is served, further readers
/// of that region are delayed, so that a sequence of readers cannot delay the request for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WaitingWriter {
    pub(super) id: RegionId,
    pub(super) session: u64,
}

/// The readers of all regions together. The ledger counts the readers of each region.
#[derive(Debug, Default)]
pub(in crate::service) struct Readers {
    pub(super) count: usize,
    pub(super) writer: Option<WaitingWriter>,
    pub(super) has_ended: bool,
}

impl Readers {
    /// Returns whether any reply is being streamed.
    pub(in crate::service) fn are_any(&self) -> bool {
        self.count > 0
    }

    /// Returns whether a request waits for readers.
    #[inline]
    pub(in crate::service) fn have_writer(&self) -> bool {
        self.writer.is_some()
    }

    /// Returns whether a reader of the region must wait, because a request of another session waits
    /// until the region has no reader.
    pub(in crate::service) fn must_wait(&self, owner: Owner, id: RegionId) -> bool {
        self.writer.is_some_and(|writer| writer.id == id && writer.session != owner.number)
    }

    /// Removes the waiting request of a session, because the session serves another request or has
    /// ended.
    pub(in crate::service) fn forget_writer(&mut self, owner: Owner) {
        self.writer = self.writer.filter(|writer| writer.session != owner.number);
    }

    /// Returns whether a reader has ended since the last call, so that delayed requests can be
    /// retried.
    pub(in crate::service) fn take_ended(&mut self) -> bool {
        core::mem::take(&mut self.has_ended)
    }
}
