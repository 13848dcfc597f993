//! Requests of a connection, and their replies.

use runtime_config::limits;
use vmalloc::Access;

use super::execute::QueuedStep;
use super::{Client, Shared};
use crate::buffers::Buffers;
use crate::resp::{self, Parsed};
use crate::server::output::Written;
use crate::server::respond::{respond, respond_spilled};
use crate::service::{Connection, Failure, Served};

/// Spare bytes in the larger buffer for a reply that did not fit into the output. The request is retried with
/// this buffer, and its reply can be longer than the measured length: the buffer is a region itself, so a reply
/// that lists regions has one more entry, and counters may have more digits.
pub(super) const SPILL_SLACK_BYTES: usize = 4096;

impl<T: AsRef<[u8]> + AsMut<[u8]>> Client<T> {
    /// Serves the next request in the input. Returns whether any work was done; `false` means that the request
    /// is incomplete or must wait.
    pub(super) fn request<M: Access, B: Buffers<Buffer = T>>(
        &mut self,
        shared: &mut Shared<'_, M, B>,
    ) -> bool {
        let limits = self.limits(shared);
        match resp::parse(self.input.bytes(), &limits, shared.ranges, &mut self.resume) {
            Parsed::Incomplete => return wait_for_more(self, shared),
            Parsed::Empty { consumed } => self.finish(consumed),
            Parsed::Request { consumed } => {
                if !answer(self, shared) || self.connection.is_waiting() {
                    return false;
                }
                shared.service.counters_mut().commands += 1;
                self.finish(consumed);
            }
            // An oversize request may allocate, which an audit or the transaction of another
            // session forbids.
            Parsed::Oversize(_) if self.is_restricted(shared) => return false,
            Parsed::Oversize(oversize) => return self.oversize(shared, &oversize),
            Parsed::TooMany(rest) => {
                let failure = match rest.following {
                    0 => Failure::TooManyWords(limits.arguments.min(limits::INLINE_WORDS)),
                    count => Failure::TooManyArguments(count, limits.arguments),
                };
                self.refuse_oversize(shared, &failure, &rest);
            }
            Parsed::Broken(error) => self.break_off(shared, error),
        }
        true
    }
}

/// Ensures that the larger buffer of an incomplete request has space for more bytes. Returns
/// whether any work was done.
fn wait_for_more<T: AsRef<[u8]> + AsMut<[u8]>, M: Access, B: Buffers<Buffer = T>>(
    client: &mut Client<T>,
    shared: &mut Shared<'_, M, B>,
) -> bool {
    if client.input.is_larger() && client.input.is_full() {
        let rest = client.resume.rest();
        return client.hold(shared, &rest);
    }
    client.input.want_more();
    false
}

/// Answers the parsed request. A reply that does not fit into the output gets a larger buffer.
/// Returns `false` if the request must wait until earlier replies are sent.
fn answer<T: AsRef<[u8]> + AsMut<[u8]>, M: Access, B: Buffers<Buffer = T>>(
    client: &mut Client<T>,
    shared: &mut Shared<'_, M, B>,
) -> bool {
    let is_queuing = client.connection.session().is_queuing();
    if is_queuing {
        match client.queue(shared) {
            QueuedStep::Answered => return true,
            QueuedStep::Wait => return false,
            QueuedStep::Serve => {}
        }
    }
    let is_whole = answer_now(client, shared);
    if is_queuing {
        client.after_immediate();
    }
    is_whole
}

/// Answers the parsed request immediately, without queueing the request for a transaction.
fn answer_now<T: AsRef<[u8]> + AsMut<[u8]>, M: Access, B: Buffers<Buffer = T>>(
    client: &mut Client<T>,
    shared: &mut Shared<'_, M, B>,
) -> bool {
    let arguments = shared.ranges.within(client.input.bytes());
    let (service, connection) = (&mut *shared.service, &mut client.connection);
    let mut is_long = false;
    let written = respond(&mut client.output, connection, |connection, reply| {
        let served = service.serve(connection, arguments, reply);
        is_long = !served.hint.is_empty();
        served
    });
    client.was_long = is_long;
    let Written::TooLarge(needed, Served { hint }) = written else { return true };
    if client.output.will_have_room(needed) {
        return false;
    }

    let too_large = service.reply_limit(hint);
    if needed > service.reply_bytes_max() {
        client.refuse(shared, &too_large);
        return true;
    }
    if service.is_checking() {
        connection.delay();
        return false;
    }
    let Some(buffer) = shared.buffers.take("net/out", needed + SPILL_SLACK_BYTES) else {
        client.refuse(shared, &Failure::ReplyMemory(needed));
        return true;
    };
    let again = |connection: &mut Connection, reply: &mut resp::Reply<'_>| {
        service.serve(connection, arguments, reply)
    };
    if respond_spilled(&mut client.output, buffer, connection, again) {
        shared.service.counters_mut().replies_spilled += 1;
    } else {
        client.refuse(shared, &too_large);
    }
    true
}
