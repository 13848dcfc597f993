//! Requests that do not fit into the fixed input of a connection, and bytes that break the
//! protocol.

use vmalloc::Access;

use super::{Client, Phase, Shared, held_bytes_max};
use crate::buffers::Buffers;
use crate::resp::{Discard, DiscardProgress, Oversize, ProtocolError, Resume};
use crate::server::request_buffer::Refusal;
use crate::server::respond::respond;
use crate::service::{self, Failure};

impl<T: AsRef<[u8]> + AsMut<[u8]>> Client<T> {
    /// Begins a request that does not fit into the fixed input: a large write is served while its
    /// bytes arrive, any other request is held in a larger buffer. Returns whether any work was
    /// done.
    pub(super) fn oversize<M: Access, B: Buffers<Buffer = T>>(
        &mut self,
        shared: &mut Shared<'_, M, B>,
        oversize: &Oversize,
    ) -> bool {
        let is_streamed = !(self.input.is_larger() || self.connection.session().is_queuing());
        let Some(length) = oversize.length.filter(|_| is_streamed) else {
            return self.hold(shared, oversize);
        };
        let arguments = shared.ranges.within(self.input.bytes());
        let (service, following) = (&mut *shared.service, oversize.following);
        let mut opened = None;
        respond(&mut self.output, &mut self.connection, |connection, reply| {
            opened = service.upload(connection).open(arguments, [length, following], reply);
        });
        let Some(is_open) = opened else { return self.hold(shared, oversize) };
        shared.service.counters_mut().commands += 1;
        self.skip(shared, oversize);
        if is_open {
            self.phase = Phase::Stream(following);
        }
        true
    }

    /// Allocates a larger buffer for the request at the front of the input; `rest` tells how much
    /// of the request is missing. Refuses the request if no buffer can be allocated. Returns
    /// whether any work was done.
    pub(super) fn hold<M: Access, B: Buffers<Buffer = T>>(
        &mut self,
        shared: &mut Shared<'_, M, B>,
        rest: &Oversize,
    ) -> bool {
        if shared.service.is_checking() {
            return false;
        }
        let limit = held_bytes_max(shared);
        let least = rest.consumed + rest.length.unwrap_or(0);
        let refusal = if !shared.service.is_admitted(self.connection.session()) {
            service::NOT_ADMITTED
        } else if self.input.capacity() >= limit || least > limit {
            Failure::RequestLimit(least.max(self.input.capacity()), limit)
        } else {
            match self.input.grow(shared.buffers, limit, shared.allowance) {
                Ok(()) => return true,
                Err(Refusal::Allowance) => {
                    Failure::RequestsLimit(shared.allowance.used(), shared.allowance.limit())
                }
                Err(Refusal::Memory) => Failure::RequestMemory(2 * self.input.capacity()),
            }
        };
        self.refuse_oversize(shared, &refusal, rest);
        true
    }

    /// Refuses a request that has not arrived completely.
    pub(super) fn refuse_oversize<M: Access, B>(
        &mut self,
        shared: &mut Shared<'_, M, B>,
        failure: &Failure,
        rest: &Oversize,
    ) {
        shared.service.counters_mut().commands += 1;
        self.refuse(shared, failure);
        self.skip(shared, rest);
    }

    /// Discards the request that `rest` describes: the parsed bytes immediately, the remaining
    /// bytes as they arrive.
    pub(super) fn skip<M: Access, B>(&mut self, shared: &Shared<'_, M, B>, rest: &Oversize) {
        self.phase = Phase::Discard(Discard::new(rest, &self.limits(shared)));
        self.resume = Resume::default();
        self.input.consume(rest.consumed);
    }

    /// Consumes bytes of a request that is being discarded. Returns whether any work was done.
    pub(super) fn discard<M: Access, B>(&mut self, shared: &mut Shared<'_, M, B>) -> bool {
        let Phase::Discard(discard) = &mut self.phase else { return false };
        match discard.step(self.input.bytes()) {
            DiscardProgress::Pending { consumed } => {
                self.input.consume(consumed);
                consumed > 0
            }
            DiscardProgress::Done { consumed } => {
                self.input.consume(consumed);
                self.phase = Phase::Requests;
                self.resume = Resume::default();
                self.connection.session_mut().end_request();
                true
            }
            DiscardProgress::Broken(error) => {
                self.break_off(shared, error);
                true
            }
        }
    }

    /// Replies with the protocol error, and requests the end of the connection.
    pub(super) fn break_off<M: Access, B>(
        &mut self,
        shared: &mut Shared<'_, M, B>,
        error: ProtocolError,
    ) {
        shared.service.counters_mut().protocol_errors += 1;
        self.is_malformed = true;
        respond(&mut self.output, &mut self.connection, |_, reply| error.reply(reply));
        self.connection.session_mut().close();
    }
}
