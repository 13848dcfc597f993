//! A client: a place in the client list, with the connection that is assigned to the place and the
//! buffers of that connection.
//!
//! The child modules are the steps of a client's turn. `turn` receives and sends bytes, and calls
//! the step of the current [phase](Phase). `request` serves a request. `oversize` allocates a
//! larger buffer for a large request, or discards the request. `stream` serves a large write while
//! its bytes arrive. `execute` serves a transaction.

mod execute;
mod oversize;
mod request;
mod stream;
mod turn;

use alloc::vec::Vec;

use runtime_config::limits;
use vmalloc::Access;

use super::later::Class;
use super::output::Output;
use super::queue::RequestQueue;
use super::request_buffer::{Allowance, RequestBuffer};
use super::respond::respond;
use crate::buffers::{self, Buffers, Shortage};
use crate::net::{ConnectionId, Sockets};
use crate::resp::{Discard, Limits, Ranges, Resume};
use crate::service::{ClientBuffers, Connection, Ending, Failure, Service, Session};

/// Bytes of unsent replies that are kept for a peer that reads slowly. While more bytes than this
/// are unsent, the server receives no further requests from that peer.
pub(super) const OUTPUT_BYTES: usize = 64 << 10;

/// Tells how the server must interpret the next received bytes of a connection.
#[derive(Debug)]
enum Phase {
    /// The next bytes begin a request.
    Requests,
    /// The next bytes are the rest of a request that is too large to hold, and are discarded.
    Discard(Discard),
    /// The next bytes are the data of a large write. The field is the number of arguments after the
    /// data.
    Stream(usize),
    /// The next bytes are the arguments after the data of a large `SET`.
    Options,
    /// Received bytes wait: the queued requests of a transaction are served first.
    Execute,
}

/// A place in the client list, with its buffers. The place is free while `socket` is `None`.
#[derive(Debug)]
pub(super) struct Client<T> {
    socket: Option<ConnectionId>,
    connection: Connection,
    input: RequestBuffer<T>,
    output: Output<T>,
    phase: Phase,
    /// Queued requests of a transaction.
    queue: RequestQueue<T>,
    /// How far the request at the front of the queue was parsed.
    queue_resume: Resume,
    /// How far the request at the front of the input was parsed.
    resume: Resume,
    /// Whether the peer has closed its direction of the connection, so that no more bytes arrive.
    is_finished: bool,
    /// Whether the bytes of the peer break the protocol.
    is_malformed: bool,
    /// Since when finished replies are held back to be sent together, in microseconds since boot.
    held_since_us: Option<u64>,
    /// Whether the server can skip the client until its connection has an event (received bytes,
    /// free space in the send buffer, or a close).
    rests: bool,
    /// Whether the client sent more requests than its share of the last turn, or its peer does not
    /// read the replies.
    has_backlog: bool,
    /// Whether the client used up its share of the turn while the input may contain further
    /// requests.
    is_cut_short: bool,
    /// Whether the last receive took all bytes that had arrived, and the stream had not ended.
    has_drained: bool,
    /// Whether the last request was of a kind that may take long, so that the clock is read after
    /// it.
    was_long: bool,
}

/// The parts of the server that all clients share.
#[derive(Debug)]
pub(super) struct Shared<'a, M: Access + 'static, B> {
    pub(super) service: &'a mut Service<M>,
    pub(super) sockets: &'a mut Sockets,
    pub(super) buffers: &'a B,
    pub(super) ranges: &'a mut Ranges,
    pub(super) allowance: &'a mut Allowance,
    pub(super) limits: &'a Limits,
}

/// The outcome of a client's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TurnOutcome {
    /// No work was done.
    Idle,
    /// Work was done, and there may be more.
    Busy,
    /// All replies were sent, and the connection is to be closed.
    Closed,
    /// The connection was reset or has timed out.
    Lost,
}

impl<T: AsRef<[u8]> + AsMut<[u8]>> Client<T> {
    /// Allocates `count` places for clients, with the buffers of each.
    ///
    /// # Errors
    ///
    /// A buffer could not be allocated.
    pub(super) fn places<B: Buffers>(
        buffers: &B,
        count: usize,
        limits: &Limits,
    ) -> Result<Vec<Self>, Shortage> {
        let inputs = buffers::share_out(buffers, "net/in", count, limits.held_bytes)?;
        let outputs = buffers::share_out(buffers, "net/out", count, OUTPUT_BYTES)?;
        let places = (0..).zip(inputs.zip(outputs));
        Ok(places.map(|(place, (input, output))| Self::new(place, input, output)).collect())
    }

    fn new(place: u32, input: &'static mut [u8], output: &'static mut [u8]) -> Self {
        Self {
            socket: None,
            connection: Connection::new(place),
            input: RequestBuffer::new(input),
            output: Output::new(output),
            phase: Phase::Requests,
            queue: RequestQueue::new(),
            queue_resume: Resume::default(),
            resume: Resume::default(),
            is_finished: false,
            is_malformed: false,
            held_since_us: None,
            rests: false,
            has_backlog: false,
            is_cut_short: false,
            has_drained: false,
            was_long: false,
        }
    }

    /// Returns the connection that is assigned to this place, or `None` if the place is free.
    pub(super) fn socket(&self) -> Option<ConnectionId> {
        self.socket
    }

    /// Assigns the connection `socket` to this free place.
    pub(super) fn begin(&mut self, socket: ConnectionId, number: u64) {
        self.socket = Some(socket);
        self.connection.begin(number);
        self.phase = Phase::Requests;
        self.resume = Resume::default();
        self.queue_resume = Resume::default();
        self.is_finished = false;
        self.is_malformed = false;
        self.held_since_us = None;
        self.rests = false;
        self.has_backlog = false;
        self.is_cut_short = false;
    }

    /// Returns the reason for which the connection ends, for the counters and the log. `fate` is
    /// the outcome of the client's last turn.
    pub(super) fn ending<M: Access>(
        &self,
        fate: TurnOutcome,
        service: &Service<M>,
        sockets: &Sockets,
    ) -> Ending {
        let has_timed_out = self.socket.is_some_and(|socket| sockets.has_timed_out(socket));
        match fate {
            TurnOutcome::Lost if has_timed_out => Ending::TimedOut,
            TurnOutcome::Lost => Ending::Reset,
            _ if service.is_killed(self.connection.session()) => Ending::Killed,
            _ if self.is_malformed => Ending::ProtocolError,
            _ if self.is_finished => Ending::PeerClosed,
            _ => Ending::Quit,
        }
    }

    /// Returns whether the server can skip the client until its connection has an event.
    pub(super) fn rests<M: Access>(&self, service: &Service<M>) -> bool {
        let is_called = self.connection.is_busy() || service.is_killed(self.connection.session());
        self.rests && !is_called && !self.is_too_slow(service)
    }

    /// Schedules the client for the next turn.
    pub(super) fn call(&mut self) {
        self.rests = false;
    }

    /// Returns whether the client has more requests than its share, or does not read its replies.
    pub(super) fn has_backlog(&self) -> bool {
        self.has_backlog
    }

    /// Returns the class in which a client is served after the clients that are served first.
    #[cold]
    pub(super) fn class<M: Access>(&self, service: &Service<M>) -> Class {
        match (service.is_admitted(self.connection.session()), self.has_backlog) {
            (true, _) => Class::Backlog,
            (false, false) => Class::Stranger,
            (false, true) => Class::StrangerBacklog,
        }
    }

    /// Returns the deadline by which the peer must have read its streamed reply, in microseconds
    /// since boot, or `None` if no reply is streamed.
    pub(super) fn deadline_us(&self) -> Option<u64> {
        self.connection.session().stream_deadline_us()
    }

    /// Returns whether the deadline of the client's streamed reply has passed. The client is then
    /// closed, because requests of other clients may wait for the end of a streamed reply.
    fn is_too_slow<M: Access>(&self, service: &Service<M>) -> bool {
        self.deadline_us().is_some_and(|deadline_us| service.now_us() >= deadline_us)
    }

    /// Returns the session of the connection.
    pub(super) fn session(&self) -> &Session {
        self.connection.session()
    }

    /// Returns whether ending the connection would free memory immediately, rather than at a later
    /// purge.
    pub(super) fn holds_memory(&self) -> bool {
        self.output.holds_memory()
            || self.input.holds_memory()
            || self.queue.holds_memory()
            || self.connection.is_growing()
    }

    /// Returns the size and the fill of each buffer, in bytes.
    pub(super) fn buffers(&self) -> ClientBuffers {
        let (output_size, output, spilled) = self.output.sizes();
        let (input, input_room) = self.input.sizes();
        let queue_size = self.queue.capacity();
        ClientBuffers { input, input_room, output_size, output, spilled, queue_size }
    }

    /// Returns whether the service restricts this client at the moment: an audit or the transaction
    /// of another session is in progress.
    fn is_restricted<M: Access, B>(&self, shared: &Shared<'_, M, B>) -> bool {
        shared.service.is_checking() || shared.service.is_excluded(self.connection.session())
    }

    /// Returns the limits for the next request of this client. The limits depend on the
    /// authentication of the client and on the size of its input buffer.
    fn limits<M: Access, B>(&self, shared: &Shared<'_, M, B>) -> Limits {
        let is_admitted = shared.service.is_admitted(self.connection.session());
        let held_bytes = match self.input.is_larger() {
            true => held_bytes_max(shared),
            false => shared.limits.held_bytes,
        };
        Limits { held_bytes, is_admitted, ..*shared.limits }
    }

    /// Removes the served request, which occupies `consumed` bytes, from the input. Its reply may
    /// still be pending.
    fn finish(&mut self, consumed: usize) {
        self.input.consume(consumed);
        if self.resume.is_begun() {
            self.resume = Resume::default();
        }
        if !self.connection.is_busy() && !self.connection.session().is_executing() {
            self.connection.session_mut().end_request();
        }
    }

    fn refuse<M: Access, B>(&mut self, shared: &mut Shared<'_, M, B>, failure: &Failure) {
        let service = &mut *shared.service;
        respond(&mut self.output, &mut self.connection, |_, reply| service.refuse(failure, reply));
    }

    /// Ends the connection: clears its buffers and passes its session to the service, which frees
    /// the regions of the session later, in slices.
    pub(super) fn end<M: Access>(&mut self, service: &mut Service<M>, allowance: &mut Allowance) {
        service.end(&mut self.connection);
        self.socket = None;
        self.input.clear(allowance);
        self.queue.clear();
        self.queue.give_back(allowance);
        self.output.clear();
    }

    /// Requests the end of the connection, once all pending replies are sent.
    pub(super) fn close(&mut self) {
        self.connection.session_mut().close();
        self.rests = false;
    }
}

/// Returns the maximum number of bytes that may be held for one request.
fn held_bytes_max<M: Access, B>(shared: &Shared<'_, M, B>) -> usize {
    limits::REQUEST_BYTES_MAX.min(shared.allowance.limit())
}
