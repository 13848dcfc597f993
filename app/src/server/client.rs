//! One client: a place for a connection, with its buffers.
//!
//! The children are the steps of its turn. `turn` moves bytes and calls the step of the
//! [phase](Phase); `request` answers a request, `oversize` makes room for a large one or skips it, `stream` serves a
//! large write while it arrives, `execute` serves a transaction.

mod execute;
mod oversize;
mod request;
mod stream;
mod turn;

use alloc::vec::Vec;

use runtime_config::limits;
use vmalloc::Machine;

use super::later::Class;
use super::output::Output;
use super::queue::RequestQueue;
use super::request_buffer::{Allowance, RequestBuffer};
use super::respond::respond;
use crate::buffers::{self, Buffers, Shortage};
use crate::net::{ConnectionId, Sockets};
use crate::resp::{Discard, Limits, Ranges, Resume};
use crate::service::{ClientBuffers, Connection, Ending, Failure, Service, Session};

/// Bytes of replies that are kept for a client that reads slowly, before it is not read from.
pub(super) const OUTPUT_BYTES: usize = 64 << 10;

/// What the next bytes of a connection are.
#[derive(Debug)]
enum Phase {
    /// Requests.
    Requests,
    /// The rest of a request that could not be held.
    Discard(Discard),
    /// The data of a large write, and so many arguments behind it.
    Stream(usize),
    /// The arguments behind the data of a large `SET`.
    Options,
    /// The queue of a transaction.
    Execute,
}

/// A place for a connection, with its buffers.
#[derive(Debug)]
pub(super) struct Client<T> {
    line: Option<ConnectionId>,
    connection: Connection,
    input: RequestBuffer<T>,
    output: Output<T>,
    phase: Phase,
    /// Requests of a transaction.
    queue: RequestQueue<T>,
    /// How far the request at the front of the queue was parsed.
    queue_resume: Resume,
    /// How far the request at the front of the input was parsed.
    resume: Resume,
    /// The peer will send no more.
    is_finished: bool,
    /// The bytes of the peer break the protocol.
    is_malformed: bool,
    /// Since when replies are held back.
    held_since_us: Option<u64>,
    /// Nothing is left to do before something happens to the connection.
    rests: bool,
    /// It had more to do in its last turn than its share, or its peer does not read the replies.
    has_backlog: bool,
    /// Its share was used up, and more requests may be in the input.
    is_cut_short: bool,
    /// All that had come was taken in the last look, and it was not the end.
    has_drained: bool,
    /// The last request was one that may take long.
    was_long: bool,
}

/// What all clients share.
#[derive(Debug)]
pub(super) struct Shared<'a, M: Machine + 'static, B> {
    pub(super) service: &'a mut Service<M>,
    pub(super) sockets: &'a mut Sockets,
    pub(super) buffers: &'a B,
    pub(super) ranges: &'a mut Ranges,
    pub(super) allowance: &'a mut Allowance,
    pub(super) limits: &'a Limits,
}

/// What became of a client in a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TurnOutcome {
    /// Nothing happened.
    Idle,
    /// Something was done, and there may be more.
    Busy,
    /// Everything was sent, and the connection is to be closed.
    Closed,
    /// The connection is gone.
    Lost,
}

impl<T: AsRef<[u8]> + AsMut<[u8]>> Client<T> {
    /// Makes a place for each of `count` connections.
    ///
    /// # Errors
    ///
    /// A buffer could not be had.
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
            line: None,
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

    /// The connection, if there is one.
    pub(super) fn line(&self) -> Option<ConnectionId> {
        self.line
    }

    /// Begins with a connection.
    pub(super) fn begin(&mut self, line: ConnectionId, number: u64) {
        self.line = Some(line);
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

    /// Why a connection ends that has had its last turn.
    pub(super) fn ending<M: Machine>(
        &self,
        fate: TurnOutcome,
        service: &Service<M>,
        sockets: &Sockets,
    ) -> Ending {
        let has_timed_out = self.line.is_some_and(|line| sockets.has_timed_out(line));
        match fate {
            TurnOutcome::Lost if has_timed_out => Ending::TimedOut,
            TurnOutcome::Lost => Ending::Reset,
            _ if service.is_killed(self.connection.session()) => Ending::Killed,
            _ if self.is_malformed => Ending::ProtocolError,
            _ if self.is_finished => Ending::PeerClosed,
            _ => Ending::Quit,
        }
    }

    /// Whether it has nothing to do before something happens to its connection.
    pub(super) fn rests<M: Machine>(&self, service: &Service<M>) -> bool {
        let is_called = self.connection.is_busy() || service.is_killed(self.connection.session());
        self.rests && !is_called && !self.is_too_slow(service)
    }

    /// Says that there is something to do in the next turn.
    pub(super) fn call(&mut self) {
        self.rests = false;
    }

    /// Whether it has more to do than its share, or does not read its replies.
    pub(super) fn has_backlog(&self) -> bool {
        self.has_backlog
    }

    /// The class that it is served with, where that is not at once.
    #[cold]
    pub(super) fn class<M: Machine>(&self, service: &Service<M>) -> Class {
        match (service.is_admitted(self.connection.session()), self.has_backlog) {
            (true, _) => Class::Backlog,
            (false, false) => Class::Stranger,
            (false, true) => Class::StrangerBacklog,
        }
    }

    /// When it must have taken the reply that is being streamed.
    pub(super) fn deadline_us(&self) -> Option<u64> {
        self.connection.session().stream_deadline_us()
    }

    /// Whether it has not taken a streamed reply in time, while requests may wait for its end.
    fn is_too_slow<M: Machine>(&self, service: &Service<M>) -> bool {
        self.deadline_us().is_some_and(|deadline_us| service.now_us() >= deadline_us)
    }

    /// The connection's state in the service.
    pub(super) fn session(&self) -> &Session {
        self.connection.session()
    }

    /// Whether the end of the connection gives memory back at once.
    pub(super) fn holds_memory(&self) -> bool {
        self.output.holds_memory()
            || self.input.holds_memory()
            || self.queue.holds_memory()
            || self.connection.is_growing()
    }

    /// The bytes in the buffers.
    pub(super) fn buffers(&self) -> ClientBuffers {
        let (output_size, output, spilled) = self.output.sizes();
        let (input, input_room) = self.input.sizes();
        let queue_size = self.queue.capacity();
        ClientBuffers { input, input_room, output_size, output, spilled, queue_size }
    }

    /// Whether an audit is under way, or another session's transaction.
    fn is_restricted<M: Machine, B>(&self, shared: &Shared<'_, M, B>) -> bool {
        shared.service.is_checking() || shared.service.is_excluded(self.connection.session())
    }

    /// The bytes that the client may send now.
    fn limits<M: Machine, B>(&self, shared: &Shared<'_, M, B>) -> Limits {
        let is_admitted = shared.service.is_admitted(self.connection.session());
        let held_bytes = match self.input.is_larger() {
            true => held_bytes_max(shared),
            false => shared.limits.held_bytes,
        };
        Limits { held_bytes, is_admitted, ..*shared.limits }
    }

    /// Steps over a request. Its reply may still be on its way.
    fn finish(&mut self, consumed: usize) {
        self.input.consume(consumed);
        if self.resume.is_begun() {
            self.resume = Resume::default();
        }
        if !self.connection.is_busy() && !self.connection.session().is_executing() {
            self.connection.session_mut().end_request();
        }
    }

    fn refuse<M: Machine, B>(&mut self, shared: &mut Shared<'_, M, B>, failure: &Failure) {
        let service = &mut *shared.service;
        respond(&mut self.output, &mut self.connection, |_, reply| service.refuse(failure, reply));
    }

    /// Ends with the connection: its buffers are empty, its regions are the service's to free.
    pub(super) fn end<M: Machine>(&mut self, service: &mut Service<M>, allowance: &mut Allowance) {
        service.end(&mut self.connection);
        self.line = None;
        self.input.clear(allowance);
        self.queue.clear();
        self.queue.give_back(allowance);
        self.output.clear();
    }

    /// Asks for the end of the connection, after the replies that are still to be sent.
    pub(super) fn close(&mut self) {
        self.connection.session_mut().close();
        self.rests = false;
    }
}

/// Bytes of one request that are held at most.
fn held_bytes_max<M: Machine, B>(shared: &Shared<'_, M, B>) -> usize {
    limits::REQUEST_BYTES_MAX.min(shared.allowance.limit())
}
