//! One reader of the reports: heads in, answers out, one after the other.

use vmalloc::Machine;

use super::input::Input;
use crate::http::{self, Framing, Head, Parsed, Room, Share};
use crate::net::{Line, Received, Sockets};
use crate::service::Service;

/// A head has to be there so long after its first byte, or after the connection's beginning.
const HEAD_US: u64 = 10_000_000;

/// A connection that asks for nothing is kept so long.
const IDLE_US: u64 = 30_000_000;

/// A reader has to take something within this time.
const STALL_US: u64 = 60_000_000;

/// Times that a connection is looked at in one turn.
const ROUNDS: usize = 4;

/// Room in which the head of every answer fits.
const FRONT_BYTES: usize = 1024;

/// A place for a reader, with its buffers.
#[derive(Debug)]
pub(super) struct Visitor {
    line: Option<Line>,
    input: Input,
    /// What is written and not sent.
    output: Input,
    answer: Option<Framing>,
    /// When patience ends.
    deadline_us: u64,
    /// The peer will send no more.
    is_finished: bool,
    /// Nothing more is answered.
    is_closing: bool,
}

/// What became of a reader in a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visit {
    /// There is nothing to do before something comes, or time passes.
    Idle,
    /// Something was done, and there may be more.
    Busy,
    /// The connection is to be closed.
    Over,
    /// The connection is to be closed because nothing came, or nothing was read.
    Late,
}

impl Visitor {
    pub(super) fn new(input: &'static mut [u8], output: &'static mut [u8]) -> Self {
        Self {
            line: None,
            input: Input::new(input),
            output: Input::new(output),
            answer: None,
            deadline_us: 0,
            is_finished: false,
            is_closing: false,
        }
    }

    /// The connection, if there is one.
    pub(super) fn line(&self) -> Option<Line> {
        self.line
    }

    /// When patience ends, if there is a connection.
    pub(super) fn deadline_us(&self) -> Option<u64> {
        self.line.map(|_| self.deadline_us)
    }

    /// Begins with a connection.
    pub(super) fn begin(&mut self, line: Line, now_us: u64) {
        self.line = Some(line);
        self.deadline_us = now_us + HEAD_US;
    }

    /// Ends with the connection.
    pub(super) fn end(&mut self) {
        self.line = None;
        self.input.clear();
        self.output.clear();
        self.answer = None;
        self.is_finished = false;
        self.is_closing = false;
    }

    /// Does one turn's work.
    pub(super) fn turn<M: Machine>(
        &mut self,
        service: &mut Service<M>,
        sockets: &mut Sockets,
        share: &mut Share,
    ) -> Visit {
        let Some(line) = self.line else { return Visit::Idle };
        if sockets.is_gone(line) {
            return Visit::Over;
        }
        let now_us = service.now_us();
        let mut visit = Visit::Idle;
        for _ in 0..ROUNDS {
            let Some(received) = self.receive(sockets, line, now_us) else { return Visit::Over };
            let written = self.begin_answer(service) | self.write(service, share);
            let Some(sent) = self.send(service, sockets, line) else { return Visit::Over };
            self.note_progress(sent, now_us);
            if self.is_closing && self.output.is_empty() {
                return Visit::Over;
            }
            if !(received || written || sent > 0) {
                break;
            }
            visit = Visit::Busy;
        }
        let is_put_off = self.answer.is_some() && share.is_spent() && self.output.is_empty();
        match visit {
            Visit::Idle if is_put_off => Visit::Busy,
            Visit::Idle if now_us >= self.deadline_us => Visit::Late,
            visit => visit,
        }
    }

    fn is_answering(&self) -> bool {
        self.answer.is_some() || !self.output.is_empty()
    }

    /// Moves what has come into the input; `None` where the connection is gone.
    fn receive(&mut self, sockets: &mut Sockets, line: Line, now_us: u64) -> Option<bool> {
        let is_first = self.input.is_empty();
        let room = self.input.room();
        if self.is_finished || self.is_closing || room.is_empty() {
            return Some(false);
        }
        match sockets.receive(line, room) {
            Received::Bytes(0) => Some(false),
            Received::Bytes(bytes) => {
                self.input.add(bytes);
                if is_first && !self.is_answering() {
                    self.deadline_us = now_us + HEAD_US;
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
    fn begin_answer<M: Machine>(&mut self, service: &mut Service<M>) -> bool {
        if self.is_answering() || self.is_closing {
            return false;
        }
        let (head, length) = match http::parse(self.input.bytes()) {
            Parsed::Head(head, length) => (head, length),
            Parsed::Incomplete => {
                // What is left can never become whole.
                self.is_closing = self.is_finished;
                return self.is_closing;
            }
        };
        self.input.consume(length);
        service.counters.http_requests += 1;
        service.counters.http_errors += u64::from(head.answer.is_err());
        self.front(&head);
        true
    }

    fn front(&mut self, head: &Head) {
        let mut room = Room::new(self.output.room());
        let answer = Framing::begin(head, &mut room);
        let length = room.length();
        self.output.add(length);
        self.is_closing = answer.is_none();
        self.answer = answer;
    }

    /// Writes on with the answer.
    fn write<M: Machine>(&mut self, service: &Service<M>, share: &mut Share) -> bool {
        let Some(answer) = &mut self.answer else { return false };
        if !self.output.is_empty() {
            // A reader that stands still must not have the same row made in every turn.
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

    /// Sends what is written; `None` where the connection is gone.
    fn send<M: Machine>(
        &mut self,
        service: &mut Service<M>,
        sockets: &mut Sockets,
        line: Line,
    ) -> Option<usize> {
        if self.output.is_empty() {
            return Some(0);
        }
        let sent = sockets.send(line, self.output.bytes())?;
        self.output.consume(sent);
        service.counters.http_bytes_sent += sent as u64;
        Some(sent)
    }

    /// Sets the end of patience where something was sent.
    fn note_progress(&mut self, sent: usize, now_us: u64) {
        if sent > 0 {
            let patience_us = match (self.is_answering(), self.input.is_empty()) {
                (true, _) => STALL_US,
                (false, true) => IDLE_US,
                (false, false) => HEAD_US,
            };
            self.deadline_us = now_us + patience_us;
        }
    }
}

/// Tells a connection for which there is no place.
pub(super) fn turn_away<M: Machine>(service: &Service<M>, sockets: &mut Sockets, line: Line) {
    let mut buffer = [0; FRONT_BYTES];
    let mut room = Room::new(&mut buffer);
    let answer = Framing::begin(&Head::refused(http::Status::Busy), &mut room);
    let mut length = room.length();
    if let Some(mut answer) = answer {
        length += answer.write(service, &mut buffer[length..], &mut Share::of_a_turn());
    }
    // A connection that has gone already needs no answer.
    let _ = sockets.send(line, &buffer[..length]);
}
