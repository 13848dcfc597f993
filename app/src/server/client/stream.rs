//! Large writes, which are served while their bytes arrive.

use vmalloc::Machine;

use super::{Client, Phase, Shared};
use crate::resp::{self, Discard, Parsed, Resume};
use crate::server::respond::respond;
use crate::service::{Failure, Flow};

impl<T: AsRef<[u8]> + AsMut<[u8]>> Client<T> {
    pub(super) fn stream<M: Machine, B>(
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
        respond(&mut self.output, &mut self.session, |session, reply| {
            flow = service.feed(session, bytes, has_options, reply);
        });
        let bulk_bytes = shared.limits.bulk_bytes;
        match flow {
            Flow::Taken(bytes) => {
                self.input.consume(bytes);
                return bytes > 0;
            }
            Flow::Ended(bytes) => {
                self.input.consume(bytes);
                self.phase = match following {
                    0 => Phase::Discard(Discard::rest_of(0, 0, bulk_bytes)),
                    _ => Phase::Options,
                };
                // Behind the line end of the data.
                self.resume = Resume::at_arguments(2, following);
            }
            Flow::Failed(remaining) => {
                self.phase = Phase::Discard(Discard::rest_of(remaining, following, bulk_bytes));
            }
        }
        true
    }

    /// Ends a large `SET` with the arguments behind its data.
    pub(super) fn options<M: Machine, B>(&mut self, shared: &mut Shared<'_, M, B>) -> bool {
        // The region that has the name cannot be freed yet.
        if self.is_restricted(shared) {
            return false;
        }
        let limits = self.limits(shared);
        match resp::parse(self.input.bytes(), &limits, shared.ranges, &mut self.resume) {
            Parsed::Request { consumed } => {
                let options = shared.ranges.within(self.input.bytes());
                let service = &mut *shared.service;
                respond(&mut self.output, &mut self.session, |session, reply| {
                    service.finish_stream(session, options, reply);
                });
                self.phase = Phase::Requests;
                self.finish(consumed);
            }
            Parsed::Oversize(rest) | Parsed::TooMany(rest) => {
                let service = &mut *shared.service;
                respond(&mut self.output, &mut self.session, |session, reply| {
                    service.refuse_stream(session, &Failure::Redis("syntax error"), reply);
                });
                self.skip(shared, &rest);
            }
            Parsed::Broken(error) => self.break_off(shared, error),
            Parsed::Incomplete | Parsed::Empty { .. } => return false,
        }
        true
    }
}
