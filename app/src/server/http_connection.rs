//! One HTTP connection: it receives request heads and sends answers, one request at a time.

use vmalloc::Access;

use super::input::Input;
use crate::http::{
    self, BoundedWriter, Framing, Head, ParsedHead, Representation, RowBudget, Status,
};
use crate::net::{ConnectionId, Received, Sockets};
use crate::service::Service;

/// Timeout for the head of a request, in microseconds. The time begins with the first byte of the
/// head or, for the first request, with the connection.
const HEAD_US: u64 = 10_000_000;

/// Timeout between two requests, in microseconds.
const IDLE_US: u64 = 30_000_000;

/// Timeout in microseconds for a peer that reads no byte of its answer.
const STALL_US: u64 = 60_000_000;

/// The timeout of a head, instead of [`HEAD_US`], while other connections wait for a place. An idle
/// connection is evicted immediately in that case.
const HEAD_CONTENDED_US: u64 = 1_000_000;
/// The timeout of an answer, instead of [`STALL_US`], while other connections wait for a place.
const STALL_CONTENDED_US: u64 = 5_000_000;

/// Maximum number of receive-answer-send passes over one connection in one turn.
const ROUNDS: usize = 4;

/// Size in bytes of a buffer into which the head of every answer fits.
const FRONT_BYTES: usize = 1024;

/// A place for an HTTP connection, with its buffers. The place is free while `socket` is `None`.
#[derive(Debug)]
pub(super) struct HttpConnection {
    socket: Option<ConnectionId>,
    input: Input,
    /// Bytes of an answer that are written but not sent.
    output: Input,
    answer: Option<Framing>,
    /// Whether the answer is a report; the number of concurrent reports is limited.
    is_reporting: bool,
    phase: HttpPhase,
    /// When the phase began or last made progress, in microseconds since boot.
    since_us: u64,
    /// Whether the peer sends no more bytes.
    is_finished: bool,
    /// Whether no further request is answered.
    is_closing: bool,
    /// Whether the next turn must serve the connection even if no packet arrives.
    is_busy: bool,
}

/// The event that the connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum HttpPhase {
    /// The next request; all earlier requests are answered.
    Idle,
    /// The rest of a head, or the first head.
    Head,
    /// The peer, which must read an answer.
    Answer,
}

/// The eviction rank of a connection: its phase and the time when the phase began. The connection
/// with the lowest rank is evicted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank(HttpPhase, u64);

/// The outcome of a connection's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HttpProgress {
    /// There is no work before a packet arrives or time passes.
    Idle,
    /// Work was done, and there may be more.
    Busy,
    /// The connection is to be closed.
    Over,
    /// The connection is to be closed because of a timeout.
    TimedOut,
}

impl HttpConnection {
    pub(super) fn new(input: &'static mut [u8], output: &'static mut [u8]) -> Self {
        Self {
            socket: None,
            input: Input::new(input),
            output: Input::new(output),
            answer: None,
            is_reporting: false,
            phase: HttpPhase::Head,
            since_us: 0,
            is_finished: false,
            is_closing: false,
            is_busy: false,
        }
    }

    /// Returns the socket of the connection, if there is a connection.
    pub(super) fn socket(&self) -> Option<ConnectionId> {
        self.socket
    }

    /// Returns when the phase times out, in microseconds since boot, if there is a connection.
    pub(super) fn deadline_us(&self) -> Option<u64> {
        let limit_us = match self.phase {
            HttpPhase::Idle => IDLE_US,
            HttpPhase::Head => HEAD_US,
            HttpPhase::Answer => STALL_US,
        };
        self.socket.map(|_| self.since_us + limit_us)
    }

    /// Returns when the connection may be evicted for a waiting one, in microseconds since boot,
    /// and its rank among the connections that may be evicted.
    pub(super) fn evictable_at_us(&self) -> Option<(u64, Rank)> {
        let limit_us = match self.phase {
            // Received bytes that were not read yet may be a request, so the connection may not be
            // idle.
            HttpPhase::Idle if self.is_busy => return None,
            HttpPhase::Idle => 0,
            HttpPhase::Head => HEAD_CONTENDED_US,
            HttpPhase::Answer => STALL_CONTENDED_US,
        };
        self.socket.map(|_| (self.since_us + limit_us, Rank(self.phase, self.since_us)))
    }

    /// Returns whether the connection is answering a request for a report.
    pub(super) fn is_reporting(&self) -> bool {
        self.is_reporting && self.is_answering()
    }

    /// Assigns a connection to this place.
    pub(super) fn begin(&mut self, socket: ConnectionId, now_us: u64) {
        self.socket = Some(socket);
        self.phase = HttpPhase::Head;
        self.since_us = now_us;
        self.is_busy = true;
    }

    /// Ends the connection and clears its buffers.
    pub(super) fn end(&mut self) {
        self.socket = None;
        self.input.clear();
        self.output.clear();
        self.answer = None;
        self.is_reporting = false;
        self.is_finished = false;
        self.is_closing = false;
    }

    /// Returns whether a turn can skip the connection. `is_awake` is true if a packet has arrived
    /// for the connection.
    pub(super) fn rests(&self, is_awake: bool, now_us: u64) -> bool {
        let is_due = self.deadline_us().is_some_and(|deadline| now_us >= deadline);
        !(is_awake || is_due || self.is_busy)
    }

    /// Runs one turn of the connection. A request for a report is refused if `has_place` is false.
    pub(super) fn turn<M: Access>(
        &mut self,
        service: &mut Service<M>,
        sockets: &mut Sockets,
        share: &mut RowBudget,
        has_place: bool,
    ) -> HttpProgress {
        let Some(socket) = self.socket else { return HttpProgress::Idle };
        if sockets.is_gone(socket) {
            return HttpProgress::Over;
        }
        let mut progress = HttpProgress::Idle;
        for _ in 0..ROUNDS {
            let Some(received) = self.receive(sockets, socket, service.now_us()) else {
                return HttpProgress::Over;
            };
            let written = self.begin_answer(service, has_place) | self.write(service, share);
            let Some(sent) = self.send(service, sockets, socket) else { return HttpProgress::Over };
            self.note_phase(sent, service.now_us());
            if self.is_closing && self.output.is_empty() {
                return HttpProgress::Over;
            }
            if !(received || written || sent > 0) {
                break;
            }
            progress = HttpProgress::Busy;
        }
        let is_put_off = self.answer.is_some() && share.is_spent() && self.output.is_empty();
        if is_put_off {
            progress = HttpProgress::Busy;
        }
        self.is_busy = progress == HttpProgress::Busy;
        let is_due = self.deadline_us().is_some_and(|deadline| service.now_us() >= deadline);
        if is_due && !self.is_busy {
            return HttpProgress::TimedOut;
        }
        progress
    }

    /// Ends a connection that has timed out; the peer gets 408 if part of a head has arrived.
    pub(super) fn give_up<M: Access>(&mut self, service: &mut Service<M>, sockets: &mut Sockets) {
        let Some(socket) = self.socket else { return };
        if self.phase == HttpPhase::Head && !self.input.is_empty() {
            self.input.clear();
            self.front(&Head::refused(Status::Timeout));
            // The send buffer of the socket is empty, so the whole answer fits, or the peer does
            // not read and needs no answer.
            self.send(service, sockets, socket);
            self.write(service, &mut RowBudget::of_a_turn());
            self.send(service, sockets, socket);
        }
    }

    fn is_answering(&self) -> bool {
        self.answer.is_some() || !self.output.is_empty()
    }

    /// Moves received bytes into the input. Returns `None` if the connection has gone.
    fn receive(
        &mut self,
        sockets: &mut Sockets,
        socket: ConnectionId,
        now_us: u64,
    ) -> Option<bool> {
        let is_first = self.input.is_empty() && self.phase == HttpPhase::Head;
        let room = self.input.room();
        if self.is_finished || self.is_closing || room.is_empty() {
            return Some(false);
        }
        match sockets.receive(socket, room) {
            Received::Bytes(0) => Some(false),
            Received::Bytes(bytes) => {
                self.input.add(bytes);
                if is_first {
                    self.since_us = now_us;
                }
                Some(true)
            }
            Received::Finished => {
                self.is_finished = true;
                Some(true)
            }
            Received::Gone => None,
        }
    }

    /// Begins to answer the next head, once the previous answer is sent.
    fn begin_answer<M: Access>(&mut self, service: &mut Service<M>, has_place: bool) -> bool {
        if self.is_answering() || self.is_closing {
            return false;
        }
        if self.input.is_empty() {
            self.is_closing = self.is_finished;
            return self.is_closing;
        }
        let (mut head, length) = match http::parse(self.input.bytes()) {
            ParsedHead::Head(head, length) => (head, length),
            ParsedHead::Incomplete => {
                // A peer that has closed its direction will not complete the head, so it gets no
                // answer.
                self.is_closing = self.is_finished;
                return self.is_closing;
            }
        };
        self.input.consume(length);
        self.is_reporting = matches!(head.answer, Ok(Representation { is_monitoring: false, .. }));
        if self.is_reporting && !has_place {
            head = Head { is_head: head.is_head, ..Head::refused(Status::Busy) };
            self.is_reporting = false;
            service.counters_mut().http_refused += 1;
        }
        service.counters_mut().http_requests += 1;
        service.counters_mut().http_errors += u64::from(head.answer.is_err());
        self.front(&head);
        true
    }

    fn front(&mut self, head: &Head) {
        let mut room = BoundedWriter::new(self.output.room());
        let answer = Framing::begin(head, &mut room);
        let length = room.length();
        self.output.add(length);
        self.is_closing = answer.is_none();
        self.answer = answer;
    }

    /// Writes more of the answer.
    fn write<M: Access>(&mut self, service: &Service<M>, share: &mut RowBudget) -> bool {
        let Some(answer) = &mut self.answer else { return false };
        if !self.output.is_empty() {
            // Rows are written only when the output is empty. Otherwise every turn would write rows
            // for a peer that does not read.
            return false;
        }
        let mut length = 0;
        if !answer.is_done() {
            length = answer.write(service, self.output.room(), share);
            self.output.add(length);
        }
        if answer.is_done() {
            self.is_closing = !answer.keeps_alive;
            self.answer = None;
        } else if length == 0 && !share.is_spent() {
            // The next piece of the report does not fit into the empty output buffer.
            log::warn!("a report has a piece that is too large");
            self.is_closing = true;
            self.answer = None;
        }
        length > 0 || self.answer.is_none()
    }

    /// Sends written bytes. Returns `None` if the connection has gone.
    fn send<M: Access>(
        &mut self,
        service: &mut Service<M>,
        sockets: &mut Sockets,
        socket: ConnectionId,
    ) -> Option<usize> {
        if self.output.is_empty() {
            return Some(0);
        }
        let sent = sockets.send(socket, self.output.bytes())?;
        self.output.consume(sent);
        service.counters_mut().http_bytes_sent += sent as u64;
        Some(sent)
    }

    /// Updates the phase. The timeout of the phase restarts when the phase changes and when part of
    /// an answer was sent. Bytes of a head do not restart the timeout, so a slow sender cannot
    /// extend it.
    fn note_phase(&mut self, sent: usize, now_us: u64) {
        let phase = if self.is_answering() {
            HttpPhase::Answer
        } else if !self.input.is_empty() || (self.phase == HttpPhase::Head && sent == 0) {
            HttpPhase::Head
        } else {
            HttpPhase::Idle
        };
        if phase != self.phase || sent > 0 {
            self.phase = phase;
            self.since_us = now_us;
        }
    }
}

/// Answers a connection that has waited too long for a place with a refusal, and closes it. The
/// request is read first: closing a connection with unread bytes would reset it and lose the
/// answer.
pub(super) fn turn_away<M: Access>(
    service: &Service<M>,
    sockets: &mut Sockets,
    socket: ConnectionId,
) {
    let mut buffer = [0; FRONT_BYTES];
    while matches!(sockets.receive(socket, &mut buffer), Received::Bytes(1..)) {}
    let mut room = BoundedWriter::new(&mut buffer);
    let answer = Framing::begin(&Head::refused(Status::Busy), &mut room);
    let mut length = room.length();
    if let Some(mut answer) = answer {
        length += answer.write(service, &mut buffer[length..], &mut RowBudget::of_a_turn());
    }
    // The send fails only if the connection has gone; then no answer is needed.
    let _ = sockets.send(socket, &buffer[..length]);
}
