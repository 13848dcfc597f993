//! Transactions of a connection: requests are queued, then `EXEC` serves them in order.

use vmalloc::Access;

use super::{Client, OUTPUT_BYTES, Phase, Shared};
use crate::buffers::Buffers;
use crate::resp::{self, Arguments, Parsed, Resume};
use crate::server::output::Written;
use crate::server::queue;
use crate::server::request_buffer::Refusal;
use crate::server::respond::respond;
use crate::service::{self, Failure, Queued};

/// Maximum bytes of the header of the reply to `EXEC`.
const HEADER_BYTES: usize = 32;

/// The outcome of a request that belongs to a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QueuedStep {
    /// The request has its reply (for example `QUEUED`).
    Answered,
    /// The caller must serve the request immediately, as outside a transaction.
    Serve,
    /// The request stays in the input and is retried in a later turn.
    Wait,
}

impl<T: AsRef<[u8]> + AsMut<[u8]>> Client<T> {
    /// Queues the parsed request, or returns [`QueuedStep::Serve`] if it is to be served
    /// immediately.
    #[cold]
    pub(super) fn queue<M: Access, B: Buffers<Buffer = T>>(
        &mut self,
        shared: &mut Shared<'_, M, B>,
    ) -> QueuedStep {
        // Queueing may allocate memory, which is forbidden during an audit.
        if shared.service.is_checking() {
            return QueuedStep::Wait;
        }
        let arguments = shared.ranges.within(self.input.bytes());
        let service = &mut *shared.service;
        let mut queued = Queued::Refused;
        respond(&mut self.output, &mut self.connection, |connection, reply| {
            queued = service.check_queued(connection.session_mut(), arguments, reply);
        });
        match queued {
            Queued::Serve => return QueuedStep::Serve,
            Queued::Execute => return self.prepare_replies(shared),
            Queued::Refused => return QueuedStep::Answered,
            Queued::Queue => {}
        }
        match self.queue.push(arguments, shared.buffers, shared.allowance) {
            Ok(()) => {
                self.connection.session_mut().note_queued();
                respond(&mut self.output, &mut self.connection, |_, reply| reply.status("QUEUED"));
            }
            Err(refusal) => {
                let failure = match refusal {
                    Refusal::Allowance => {
                        Failure::RequestsLimit(shared.allowance.used(), shared.allowance.limit())
                    }
                    Refusal::Memory => Failure::RequestMemory(self.queue.bytes().len()),
                };
                self.connection.session_mut().fail_transaction();
                self.refuse(shared, &failure);
            }
        }
        QueuedStep::Answered
    }

    /// Reserves output space for the smallest possible replies to all queued requests. A request
    /// that was executed must be answered, so `EXEC` must not start without that space.
    fn prepare_replies<M: Access, B: Buffers<Buffer = T>>(
        &mut self,
        shared: &mut Shared<'_, M, B>,
    ) -> QueuedStep {
        // `EXEC` is retried after it has waited for APs. Its output space is then already reserved.
        if self.output.is_collecting() {
            return QueuedStep::Serve;
        }
        if self.output.will_have_room(OUTPUT_BYTES) {
            return QueuedStep::Wait;
        }
        let least = HEADER_BYTES + self.queue.reply_bytes();
        let mut buffer = None;
        if least > OUTPUT_BYTES {
            let bytes = least + shared.service.reply_bytes_max();
            buffer = shared.buffers.take("net/out", bytes);
            if buffer.is_none() {
                shared.service.discard_transaction(self.connection.session_mut());
                self.queue.clear();
                self.refuse(shared, &Failure::ReplyMemory(bytes));
                return QueuedStep::Answered;
            }
        }
        self.output.collect(buffer, self.queue.reply_bytes());
        QueuedStep::Serve
    }

    /// Continues after a request of a transaction that was served immediately.
    #[cold]
    pub(super) fn after_immediate(&mut self) {
        if self.connection.session().is_executing() {
            self.phase = Phase::Execute;
        } else if !self.connection.is_waiting() {
            self.output.stop_collecting();
            if !self.connection.session().is_queuing() {
                self.queue.clear();
            }
        }
    }

    /// Serves the next queued request, or ends the transaction. Returns whether any work was done.
    pub(super) fn execute<M: Access, B: Buffers<Buffer = T>>(
        &mut self,
        shared: &mut Shared<'_, M, B>,
    ) -> bool {
        let parsed =
            resp::parse(self.queue.bytes(), &queue::LIMITS, shared.ranges, &mut self.queue_resume);
        let Parsed::Request { consumed } = parsed else {
            self.finish_execution(shared);
            return true;
        };
        let arguments = shared.ranges.within(self.queue.bytes());
        let least = service::reply_bytes(arguments);
        self.output.keep(self.queue.reply_bytes() - least);
        let service = &mut *shared.service;
        self.connection.session_mut().begin_queued();
        let written = respond(&mut self.output, &mut self.connection, |connection, reply| {
            service.serve(connection, arguments, reply)
        });
        if let Written::TooLarge(needed, served) = written
            && !self.answer_largely(shared, needed, served.hint)
        {
            return false;
        }
        if self.connection.is_waiting() {
            return false;
        }
        shared.service.counters_mut().commands += 1;
        self.queue.consume(consumed, least);
        self.queue_resume = Resume::default();
        true
    }

    /// Retries a queued request whose reply of `needed` bytes did not fit, with a larger buffer.
    /// Replies with an error if no buffer can be allocated. Returns `false` if the request must
    /// wait.
    fn answer_largely<M: Access, B: Buffers<Buffer = T>>(
        &mut self,
        shared: &mut Shared<'_, M, B>,
        needed: usize,
        hint: &'static str,
    ) -> bool {
        let too_large = shared.service.reply_limit(hint);
        if needed > shared.service.reply_bytes_max() || self.output.holds_memory() {
            self.refuse(shared, &too_large);
            return true;
        }
        if shared.service.is_checking() {
            self.connection.delay();
            return false;
        }
        let bytes = self.queue.reply_bytes() + shared.service.reply_bytes_max();
        let Some(buffer) = shared.buffers.take("net/out", bytes) else {
            self.refuse(shared, &Failure::ReplyMemory(needed));
            return true;
        };
        self.output.collect(Some(buffer), self.queue.reply_bytes());
        let arguments: Arguments<'_> = shared.ranges.within(self.queue.bytes());
        self.output.keep(self.queue.reply_bytes() - service::reply_bytes(arguments));
        let service = &mut *shared.service;
        let again = respond(&mut self.output, &mut self.connection, |connection, reply| {
            service.serve(connection, arguments, reply)
        });
        if matches!(again, Written::TooLarge(..)) {
            self.refuse(shared, &too_large);
        }
        true
    }

    fn finish_execution<M: Access, B>(&mut self, shared: &mut Shared<'_, M, B>) {
        shared.service.discard_transaction(self.connection.session_mut());
        self.output.stop_collecting();
        self.queue.clear();
        self.queue_resume = Resume::default();
        self.phase = Phase::Requests;
        self.connection.session_mut().end_request();
    }
}
