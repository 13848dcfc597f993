//! Replies with the bytes of a region. Many bytes are copied into the output piece by piece, as the
//! client reads.

use core::ops::Range;

use runtime_config::limits;
use vmalloc::{Access, RegionInfo};

use super::walk::AT_ONCE_BYTES_MAX;
use crate::service::call::{Begun, Call};
use crate::service::failure::Failure;
use crate::service::store::StreamedReply;

impl<M: Access> Call<'_, '_, M> {
    /// Replies with the bytes `range` of a region, which must lie in its requested size. If the
    /// reply would be too large, the error names the command in `hint`.
    pub(super) fn reply_bytes<S>(
        &mut self,
        info: &RegionInfo,
        range: Range<u64>,
        hint: &'static str,
    ) -> Result<Begun<S>, Failure> {
        let (start, bytes) = (range.start, range.end - range.start);
        let limit = self.parts.config.bulk_bytes;
        let length = usize::try_from(bytes).ok().filter(|length| *length <= limit);
        let length = length.ok_or(Failure::ReplyLimit(limit, hint))?;
        // In a transaction, replies are collected before they are sent, so they cannot be streamed.
        if length > AT_ONCE_BYTES_MAX && !self.session.is_executing() {
            return self.stream(info, start, bytes);
        }
        let store = &self.parts.store;
        self.reply.bulk_in_place(length, |bytes| store.read(info, start, bytes))?;
        Ok(Begun::Answered)
    }

    fn stream<S>(
        &mut self,
        info: &RegionInfo,
        start: u64,
        bytes: u64,
    ) -> Result<Begun<S>, Failure> {
        if self.session.is_suppressed() {
            return Ok(Begun::Answered);
        }
        // This read detects a region that refuses reads before the header is written; the header
        // promises the bytes.
        self.parts.store.read(info, start, &mut [0])?;
        if self.parts.store.readers.must_wait(self.session.owner, info.id) {
            return Ok(Begun::Wait(None));
        }
        self.parts.store.add_reader(info.id);
        self.parts.metrics.counters.replies_streamed += 1;
        let seconds = limits::REPLY_SECONDS_MIN + bytes / limits::REPLY_BYTES_PER_SECOND_MIN;
        self.session.streamed = Some(StreamedReply {
            id: info.id,
            start: info.range.address() + start,
            left: bytes,
            deadline_us: self.parts.store.clock.now_us + seconds * 1_000_000,
        });
        self.reply.bulk_header(bytes);
        Ok(Begun::Answered)
    }
}
