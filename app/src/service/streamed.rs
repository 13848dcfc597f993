//! Large replies: the bytes of a region, copied into the output piece by piece as it drains.
//!
//! The header is written at once, so the announced bytes must follow, whatever happens to the
//! region. Until the last one was copied the region has a reader: its name may be taken away, but
//! its pages are kept, and requests that would change it in place are delayed.

use core::ops::Range;

use runtime_config::limits;
use vmalloc::{Machine, RegionId, RegionInfo};
use x86_64::VirtAddr;

use super::Service;
use super::call::Call;
use super::failure::Failure;
use super::ledger::State;
use super::session::Session;

/// Replies up to this size are written at once: they fit into an output that is empty.
pub(super) const AT_ONCE_BYTES_MAX: usize = 32 << 10;

/// The end of a bulk string.
pub(super) const LINE_END: &[u8] = b"\r\n";

/// A reply whose bytes are still to be copied.
#[derive(Debug)]
pub(super) struct Streamed {
    id: RegionId,
    start: VirtAddr,
    left: u64,
    /// When the client must have taken all of it.
    deadline_us: u64,
}

/// A request that waits until a region has no reader. New readers of that region are delayed
/// until it was served, so that readers that come again and again cannot keep it waiting for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Writer {
    id: RegionId,
    session: u64,
}

impl Session {
    /// Whether bytes of the last reply are still to be copied.
    #[must_use]
    pub fn is_streaming(&self) -> bool {
        self.streamed.is_some()
    }

    /// When the client must have taken the reply that is being streamed.
    #[must_use]
    pub fn stream_deadline_us(&self) -> Option<u64> {
        self.streamed.as_ref().map(|streamed| streamed.deadline_us)
    }
}

impl<M: Machine> Call<'_, '_, M> {
    /// Replies with bytes of a region, which lie in what was requested; `hint` says what to use
    /// where there are too many.
    pub(super) fn reply_bytes(
        &mut self,
        info: &RegionInfo,
        range: Range<u64>,
        hint: &'static str,
    ) -> Result<(), Failure> {
        let (start, bytes) = (range.start, range.end - range.start);
        let limit = self.service.config.bulk_bytes;
        let length = usize::try_from(bytes).ok().filter(|length| *length <= limit);
        let length = length.ok_or(Failure::ReplyLimit(limit, hint))?;
        // The replies of a transaction are collected before they are sent.
        if length > AT_ONCE_BYTES_MAX && !self.session.is_executing() {
            return self.stream(info, start, bytes);
        }
        let service = &*self.service;
        self.reply.bulk_in_place(length, |bytes| service.read(info, start, bytes))
    }

    fn stream(&mut self, info: &RegionInfo, start: u64, bytes: u64) -> Result<(), Failure> {
        if self.session.is_suppressed() {
            return Ok(());
        }
        // A region that refuses reads says so now, not after the header.
        self.service.read(info, start, &mut [0])?;
        let (service, session) = (&mut *self.service, &mut *self.session);
        let is_others = |writer: &Writer| writer.id == info.id && writer.session != session.number;
        if service.writer.as_ref().is_some_and(is_others) {
            service.put_off(session);
            return Ok(());
        }
        service.ledger.add_reader(info.id);
        service.streams += 1;
        service.counters.replies_streamed += 1;
        let seconds = limits::REPLY_SECONDS_MIN + bytes / limits::REPLY_BYTES_PER_SECOND_MIN;
        session.streamed = Some(Streamed {
            id: info.id,
            start: info.range.address() + start,
            left: bytes,
            deadline_us: service.now_us + seconds * 1_000_000,
        });
        self.reply.bulk_header(bytes);
        Ok(())
    }

    /// Whether the region is being sent to a client, so that nothing may change it now. Then the
    /// request has been put off, and is served again.
    pub(super) fn waits_for_readers(&mut self, id: RegionId) -> bool {
        let waits = self.service.is_read(self.session, id);
        if waits {
            self.service.put_off(self.session);
        }
        waits
    }
}

impl<M: Machine> Service<M> {
    /// Copies what comes next of the session's reply to the front of `room`. Returns how many bytes
    /// that is, or `None` where the announced bytes cannot follow and the connection must end.
    pub fn stream_on(&mut self, session: &mut Session, room: &mut [u8]) -> Option<usize> {
        let streamed = session.streamed.as_mut()?;
        let room_for_bytes = room.len().checked_sub(LINE_END.len())?;
        let length =
            usize::try_from(streamed.left).map_or(room_for_bytes, |left| left.min(room_for_bytes));
        self.vm.machine().read(streamed.start, &mut room[..length]).ok()?;
        streamed.start += length as u64;
        streamed.left -= length as u64;
        if streamed.left > 0 {
            return Some(length);
        }
        room[length..][..LINE_END.len()].copy_from_slice(LINE_END);
        self.end_streamed(session);
        Some(length + LINE_END.len())
    }

    /// Ends the session's reply, whole or not: the region has a reader less.
    pub(super) fn end_streamed(&mut self, session: &mut Session) {
        let Some(Streamed { id, .. }) = session.streamed.take() else { return };
        self.streams -= 1;
        self.readers_left = true;
        let is_last = self.ledger.remove_reader(id);
        if is_last && self.ledger.state(id) == Some(State::Fresh) {
            // It was given up meanwhile.
            self.ledger.move_to(self.ledger.orphans(), id);
        }
    }

    /// Whether a session's write must wait because the region is being sent to a client; notes that
    /// it waits, or that it no longer does.
    pub(super) fn is_read(&mut self, session: &Session, id: RegionId) -> bool {
        let writer = Writer { id, session: session.number };
        let is_read = self.ledger.has_readers(id);
        if is_read {
            self.writer.get_or_insert(writer);
        } else if self.writer == Some(writer) {
            self.writer = None;
        }
        is_read
    }

    /// Forgets that a session waits for readers to end: it asks something else, or has gone.
    pub(super) fn forget_writer(&mut self, session: &Session) {
        self.writer = self.writer.filter(|writer| writer.session != session.number);
    }

    /// Whether a reader has ended since the last call: writes that were delayed may go on.
    pub fn take_readers_left(&mut self) -> bool {
        core::mem::take(&mut self.readers_left)
    }

    /// Whether any reply is being streamed.
    #[must_use]
    pub fn is_streaming(&self) -> bool {
        self.streams > 0
    }
}
