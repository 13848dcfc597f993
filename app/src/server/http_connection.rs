//! One HTTP connection: request heads in, answers out, one after the other.

use vmalloc::Machine;

use super::input::Input;
use crate::http::{
    self, BoundedWriter, Framing, Head, ParsedHead, Representation, RowBudget, Status,
};
use crate::net::{ConnectionId, Received, Sockets};
use crate::service::Service;

/// Limit for a head, from its first byte or from the beginning of the connection.
const HEAD_US: u64 = 10_000_000;

/// Limit between two requests.
const IDLE_US: u64 = 30_000_000;

/// Limit without progress for a peer that does not read its answer.
const STALL_US: u64 = 60_000_000;

/// The same limits while other connections wait for a place. An idle connection gives way at once.
const HEAD_CONTENDED_US: u64 = 1_000_000;
/// See [`HEAD_CONTENDED_US`].
const STALL_CONTENDED_US: u64 = 5_000_000;

/// Times that a connection is looked at in one turn.
const ROUNDS: usize = 4;

/// Room in which the head of every answer fits.
const FRONT_BYTES: usize = 1024;

/// A place for an HTTP connection, with its buffers.
#[derive(Debug)]
pub(super) struct HttpConnection {
    line: Option<ConnectionId>,
    input: Input,
    /// Bytes of an answer that are written and not sent.
    output: Input,
    answer: Option<Framing>,
    /// Whether the answer is a report, for which there is a limit of places.
    is_reporting: bool,
    phase: HttpPhase,
    /// When the phase began, or last made progress.
    since_us: u64,
    /// The peer will send no more.
    is_finished: bool,
    /// No further request is answered.
    is_closing: bool,
    /// The next turn looks at the connection even if no packet has come.
    is_busy: bool,
}

/// The event that the connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum HttpPhase {
    /// For the next request: everything before it is answered.
    Idle,
    /// For the rest of a head, or for the first one.
    Head,
    /// For the peer to read an answer.
    Answer,
}

/// A reason to evict, and since when: the least one is evicted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank(HttpPhase, u64);

/// The outcome of a turn of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HttpProgress {
    /// There is nothing to do before a packet comes, or time passes.
    Idle,
    /// Something was done, and there may be more.
    Busy,
    /// The connection is to be closed.
    Over,
    /// The connection is to be closed because a limit has passed.
    TimedOut,
}

impl HttpConnection {
    pub(super) fn new(input: &'static mut [u8], output: &'static mut [u8]) -> Self {
        Self {
            line: None,
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

    /// The connection's socket, if there is a connection.
    pub(super) fn line(&self) -> Option<ConnectionId> {
        self.line
    }

    /// When the limit of the phase passes, if there is a connection.
    pub(super) fn deadline_us(&self) -> Option<u64> {
        let limit_us = match self.phase {
            HttpPhase::Idle => IDLE_US,
            HttpPhase::Head => HEAD_US,
            HttpPhase::Answer => STALL_US,
        };
        self.line.map(|_| self.since_us + limit_us)
    }

    /// When the connection may be evicted for another one that waits, and its rank among those that
    /// may.
    pub(super) fn evictable_at_us(&self) -> Option<(u64, Rank)> {
        let limit_us = match self.phase {
            // Unread bytes may be a request: the connection only seems to be idle.
            HttpPhase::Idle if self.is_busy => return None,
            HttpPhase::Idle => 0,
            HttpPhase::Head => HEAD_CONTENDED_US,
            HttpPhase::Answer => STALL_CONTENDED_US,
        };
        self.line.map(|_| (self.since_us + limit_us, Rank(self.phase, self.since_us)))
    }

    /// Whether it is answering a request for a report.
    pub(super) fn is_reporting(&self) -> bool {
        self.is_reporting && self.is_answering()
    }

    /// Begins with a connection.
    pub(super) fn begin(&mut self, line: ConnectionId, now_us: u64) {
        self.line = Some(line);
        self.phase = HttpPhase::Head;
        self.since_us = now_us;
        self.is_busy = true;
    }

    /// Ends with the connection.
    pub(super) fn end(&mut self) {
        self.line = None;
        self.input.clear();
        self.output.clear();
        self.answer = None;
        self.is_reporting = false;
        self.is_finished = false;
        self.is_closing = false;
    }

    /// Whether a turn can leave the connection alone, given whether a packet has come for it.
    pub(super) fn rests(&self, is_awake: bool, now_us: u64) -> bool {
        let is_due = self.deadline_us().is_some_and(|deadline| now_us >= deadline);
        !(is_awake || is_due || self.is_busy)
    }

    /// Does one turn's work. Without `has_place` a report is refused.
    pub(super) fn turn<M: Machine>(
        &mut self,
        service: &mut Service<M>,
        sockets: &mut Sockets,
        share: &mut RowBudget,
        has_place: bool,
    ) -> HttpProgress {
        let Some(line) = self.line else { return HttpProgress::Idle };
        if sockets.is_gone(line) {
            return HttpProgress::Over;
        }
        let mut progress = HttpProgress::Idle;
        for _ in 0..ROUNDS {
            let Some(received) = self.receive(sockets, line, service.now_us()) else {
                return HttpProgress::Over;
            };
            let written = self.begin_answer(service, has_place) | self.write(service, share);
            let Some(sent) = self.send(service, sockets, line) else { return HttpProgress::Over };
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

    /// Says goodbye to a peer whose limit has passed: 408 where a part of a head has come.
    pub(super) fn give_up<M: Machine>(&mut self, service: &mut Service<M>, sockets: &mut Sockets) {
        let Some(line) = self.line else { return };
        if self.phase == HttpPhase::Head && !self.input.is_empty() {
            self.input.clear();
            self.front(&Head::refused(Status::Timeout));
            // The send buffer is empty, or the peer reads nothing and needs no answer.
            self.send(service, sockets, line);
            self.write(service, &mut RowBudget::of_a_turn());
            self.send(service, sockets, line);
        }
    }

    fn is_answering(&self) -> bool {
        self.answer.is_some() || !self.output.is_empty()
    }

    /// Moves received bytes into the input; `None` where the connection is gone.
    fn receive(&mut self, sockets: &mut Sockets, line: ConnectionId, now_us: u64) -> Option<bool> {
        let is_first = self.input.is_empty() && self.phase == HttpPhase::Head;
        let room = self.input.room();
        if self.is_finished || self.is_closing || room.is_empty() {
            return Some(false);
        }
        match sockets.receive(line, room) {
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

    /// Begins to answer the next head, once the last answer is sent.
    fn begin_answer<M: Machine>(&mut self, service: &mut Service<M>, has_place: bool) -> bool {
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
                // A head that the peer will not finish has no answer.
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

    /// Continues to write the answer.
    fn write<M: Machine>(&mut self, service: &Service<M>, share: &mut RowBudget) -> bool {
        let Some(answer) = &mut self.answer else { return false };
        if !self.output.is_empty() {
            // No row is made again in each turn for a peer that does not read.
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
            // A piece that no buffer holds.
            log::warn!("a report has a piece that is too large");
            self.is_closing = true;
            self.answer = None;
        }
        length > 0 || self.answer.is_none()
    }

    /// Sends written bytes; `None` where the connection is gone.
    fn send<M: Machine>(
        &mut self,
        service: &mut Service<M>,
        sockets: &mut Sockets,
        line: ConnectionId,
    ) -> Option<usize> {
        if self.output.is_empty() {
            return Some(0);
        }
        let sent = sockets.send(line, self.output.bytes())?;
        self.output.consume(sent);
        service.counters_mut().http_bytes_sent += sent as u64;
        Some(sent)
    }

    /// Notes what the connection waits for now. A phase begins anew when it changes, and an answer
    /// also when a part of it was sent; bytes of a head do not extend its limit.
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

/// Refuses a connection that has waited for a place in vain. The request that has come is read, so
/// that closing the connection does not reset it.
pub(super) fn turn_away<M: Machine>(
    service: &Service<M>,
    sockets: &mut Sockets,
    line: ConnectionId,
) {
    let mut buffer = [0; FRONT_BYTES];
    while matches!(sockets.receive(line, &mut buffer), Received::Bytes(1..)) {}
    let mut room = BoundedWriter::new(&mut buffer);
    let answer = Framing::begin(&Head::refused(Status::Busy), &mut room);
    let mut length = room.length();
    if let Some(mut answer) = answer {
        length += answer.write(service, &mut buffer[length..], &mut RowBudget::of_a_turn());
    }
    // A connection that has gone already needs no answer.
    let _ = sockets.send(line, &buffer[..length]);
}
