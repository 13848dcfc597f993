//! Large writes, which are served while their bytes arrive.

use vmalloc::Access;

use super::request::SPILL_SLACK_BYTES;
use super::{Client, Phase, Shared};
use crate::buffers::Buffers;
use crate::resp::{self, Discard, Parsed, Resume};
use crate::server::output::Written;
use crate::server::respond::{respond, respond_spilled};
use crate::service::{Connection, Failure, Flow};

impl<T: AsRef<[u8]> + AsMut<[u8]>> Client<T> {
    /// Passes received bytes of a large write to the service. Returns whether any work was done.
    pub(super) fn stream<M: Access, B>(
        &mut self,
        shared: &mut Shared<'_, M, B>,
        following: usize,
    ) -> bool {
        let bytes = self.input.bytes();
        if bytes.is_empty() {
            return false;
        }
        let service = &mut *shared.service;
        let mut flow = Flow::Taken(0);
        let has_options = following > 0;
        respond(&mut self.output, &mut self.connection, |connection, reply| {
            flow = service.upload(connection).feed(bytes, has_options, reply);
        });
        let limits = shared.limits;
        match flow {
            Flow::Taken(bytes) => {
                self.input.consume(bytes);
                return bytes > 0;
            }
            Flow::Ended(bytes) => {
                self.input.consume(bytes);
                self.phase = match following {
                    0 => Phase::Discard(Discard::rest_of(0, 0, limits)),
                    _ => Phase::Options,
                };
                // Parsing continues behind the line end of the data.
                self.resume = Resume::at_arguments(2, following);
            }
            Flow::Failed(remaining) => {
                self.phase = Phase::Discard(Discard::rest_of(remaining, following, limits));
            }
        }
        true
    }

    /// Completes a large `SET` with the arguments behind its data.
    pub(super) fn options<M: Access, B: Buffers<Buffer = T>>(
        &mut self,
        shared: &mut Shared<'_, M, B>,
    ) -> bool {
        // The region that already has the name cannot be freed yet, so the `SET` waits.
        if self.is_restricted(shared)
            || shared.service.upload(&mut self.connection).delays_options()
        {
            return false;
        }
        let limits = self.limits(shared);
        match resp::parse(self.input.bytes(), &limits, shared.ranges, &mut self.resume) {
            Parsed::Request { consumed } => {
                let options = shared.ranges.within(self.input.bytes());
                let service = &mut *shared.service;
                let written =
                    respond(&mut self.output, &mut self.connection, |connection, reply| {
                        service.upload(connection).finish(options, reply);
                    });
                if let Written::TooLarge(needed, ()) = written {
                    if self.output.will_have_room(needed) {
                        return false;
                    }
                    self.answer_options(shared, needed);
                }
                self.phase = Phase::Requests;
                self.finish(consumed);
            }
            Parsed::Oversize(rest) | Parsed::TooMany(rest) => {
                let service = &mut *shared.service;
                respond(&mut self.output, &mut self.connection, |connection, reply| {
                    service.upload(connection).abort(&Failure::Redis("syntax error"), reply);
                });
                self.skip(shared, &rest);
            }
            Parsed::Broken(error) => self.break_off(shared, error),
            Parsed::Incomplete | Parsed::Empty { .. } => return false,
        }
        true
    }

    /// Completes a large `SET` whose reply, the old value, needs a buffer of `needed` bytes.
    fn answer_options<M: Access, B: Buffers<Buffer = T>>(
        &mut self,
        shared: &mut Shared<'_, M, B>,
        needed: usize,
    ) {
        let options = shared.ranges.within(self.input.bytes());
        let service = &mut *shared.service;
        let Some(buffer) = shared.buffers.take("net/out", needed + SPILL_SLACK_BYTES) else {
            respond(&mut self.output, &mut self.connection, |connection, reply| {
                service.upload(connection).abort(&Failure::ReplyMemory(needed), reply);
            });
            return;
        };
        let again = |connection: &mut Connection, reply: &mut resp::Reply<'_>| {
            service.upload(connection).finish(options, reply);
        };
        // The reply fits, because the length of the same old value was measured when the first try
        // failed.
        let is_written = respond_spilled(&mut self.output, buffer, &mut self.connection, again);
        debug_assert!(is_written, "the old value has not changed");
    }
}
