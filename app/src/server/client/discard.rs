//! The rest of a refused request, and bytes that break the protocol.

use vmalloc::Machine;

use super::{Client, Phase, Shared};
use crate::resp::{Discard, DiscardProgress, Oversize, ProtocolError, Resume};
use crate::server::respond::respond;

impl<T: AsRef<[u8]> + AsMut<[u8]>> Client<T> {
    /// Throws the rest of the request away.
    pub(super) fn skip<M: Machine, B>(&mut self, shared: &Shared<'_, M, B>, rest: &Oversize) {
        self.phase = Phase::Discard(Discard::new(rest, &self.limits(shared)));
        self.resume = Resume::default();
        self.input.consume(rest.consumed);
    }

    pub(super) fn discard<M: Machine, B>(&mut self, shared: &mut Shared<'_, M, B>) -> bool {
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

    /// Says what is wrong with the bytes, and asks for the end.
    pub(super) fn break_off<M: Machine, B>(
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
