//! One connection: its bytes in, its requests, its bytes out.

use alloc::vec::Vec;
use core::mem;

use runtime_config::limits;
use vmalloc::Machine;

use super::execute::Step;
use super::output::{Output, Written};
use super::queue::Queue;
use super::request_buffer::{Allowance, Refusal, RequestBuffer};
use super::respond::{respond, respond_spilled};
use crate::buffers::{self, Buffers, Shortage};
use crate::net::{Line, Received, Sockets};
use crate::resp::{
    self, Discard, Limits, Oversize, Parsed, Progress, ProtocolError, Ranges, Resume,
};
use crate::service::{
    self, Budget, ClientBuffers, Ending, Failure, Flow, Served, Service, Session,
};

/// Bytes of replies that are kept for a client that reads slowly, before it is not read from.
pub(super) const OUTPUT_BYTES: usize = 64 << 10;

/// Requests of one client in one turn, where no clock says that the turn is long already.
const REQUESTS_MAX: u32 = 1024;

/// Requests between two looks at the clock.
const REQUESTS_UNTIMED: u32 = 4;

/// Turns that replies may be held back while there are more to come. A peer that delays its
/// acknowledgements, behind a relay that waits for them, costs 40 ms for every reply to one batch
/// that comes in two pieces.
const HELD_TURNS_MAX: u32 = 8;

/// Bytes by which a reply may grow between the two times that it is made: its own buffer appears
/// in the report, and counters gain a digit.
const SPILL_SLACK_BYTES: usize = 4096;

/// What the next bytes of a connection are.
#[derive(Debug)]
pub(super) enum Phase {
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
    line: Option<Line>,
    pub(super) session: Session,
    pub(super) input: RequestBuffer<T>,
    pub(super) output: Output<T>,
    pub(super) phase: Phase,
    /// Requests of a transaction.
    pub(super) queue: Queue<T>,
    /// How far the request at the front of the queue was parsed.
    pub(super) queue_resume: Resume,
    /// How far the request at the front of the input was parsed.
    resume: Resume,
    /// The peer will send no more.
    is_finished: bool,
    /// The bytes of the peer break the protocol.
    is_malformed: bool,
    /// Turns for which replies have been held back.
    held_turns: u32,
    /// Nothing is left to do before something happens to the connection.
    rests: bool,
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
pub(super) enum Fate {
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
            session: Session::new(place),
            input: RequestBuffer::new(input),
            output: Output::new(output),
            phase: Phase::Requests,
            queue: Queue::new(),
            queue_resume: Resume::default(),
            resume: Resume::default(),
            is_finished: false,
            is_malformed: false,
            held_turns: 0,
            rests: false,
            has_drained: false,
            was_long: false,
        }
    }

    /// The connection, if there is one.
    pub(super) fn line(&self) -> Option<Line> {
        self.line
    }

    /// Begins with a connection.
    pub(super) fn begin(&mut self, line: Line, number: u64) {
        self.line = Some(line);
        self.session.begin(number);
        self.phase = Phase::Requests;
        self.resume = Resume::default();
        self.queue_resume = Resume::default();
        self.is_finished = false;
        self.is_malformed = false;
        self.held_turns = 0;
        self.rests = false;
    }

    /// Why a connection ends that has had its last turn.
    pub(super) fn ending<M: Machine>(
        &self,
        fate: Fate,
        service: &Service<M>,
        sockets: &Sockets,
    ) -> Ending {
        let has_timed_out = self.line.is_some_and(|line| sockets.has_timed_out(line));
        match fate {
            Fate::Lost if has_timed_out => Ending::TimedOut,
            Fate::Lost => Ending::Reset,
            _ if service.is_killed(&self.session) => Ending::Killed,
            _ if self.is_malformed => Ending::ProtocolError,
            _ if self.is_finished => Ending::PeerClosed,
            _ => Ending::Quit,
        }
    }

    /// Whether it has nothing to do before something happens to its connection.
    pub(super) fn rests<M: Machine>(&self, service: &Service<M>) -> bool {
        let is_called = self.session.is_busy() || service.is_killed(&self.session);
        self.rests && !is_called && !self.is_too_slow(service)
    }

    /// When it must have taken the reply that is being streamed.
    pub(super) fn deadline_us(&self) -> Option<u64> {
        self.session.stream_deadline_us()
    }

    /// Whether it has not taken a streamed reply in time, while requests may wait for its end.
    fn is_too_slow<M: Machine>(&self, service: &Service<M>) -> bool {
        self.deadline_us().is_some_and(|deadline_us| service.now_us() >= deadline_us)
    }

    /// What belongs to it in the service.
    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// Whether the end of the connection gives memory back at once.
    pub(super) fn holds_memory(&self) -> bool {
        self.output.holds_memory()
            || self.input.holds_memory()
            || self.queue.holds_memory()
            || self.session.is_growing()
    }

    /// Ends with the connection: its buffers are empty, its regions are the service's to free.
    pub(super) fn end<M: Machine>(&mut self, service: &mut Service<M>, allowance: &mut Allowance) {
        service.end(&mut self.session);
        self.line = None;
        self.input.clear(allowance);
        self.queue.clear();
        self.queue.give_back(allowance);
        self.output.clear();
    }

    /// Does one turn's work.
    pub(super) fn turn<M: Machine, B: Buffers<Buffer = T>>(
        &mut self,
        shared: &mut Shared<'_, M, B>,
        budget: &mut Budget,
    ) -> Fate {
        let fate = self.work(shared, budget);
        shared.service.note_buffers(&self.session, self.buffers());
        self.rests = fate == Fate::Idle || self.is_done();
        fate
    }

    /// The bytes in the buffers.
    pub(super) fn buffers(&self) -> ClientBuffers {
        let (output_size, output, spilled) = self.output.sizes();
        let (input, input_room) = self.input.sizes();
        let queue_size = self.queue.capacity();
        ClientBuffers { input, input_room, output_size, output, spilled, queue_size }
    }

    /// Whether everything that had come is served and sent.
    fn is_done(&self) -> bool {
        let is_busy = self.session.is_busy() || self.session.is_executing();
        let is_open = !(self.is_finished || is_busy || self.session.is_closing());
        is_open && self.has_drained && self.input.is_empty() && self.output.is_empty()
    }

    /// Sends, receives and serves until there is nothing to do, the output is full, or the client
    /// has had its share.
    fn work<M: Machine, B: Buffers<Buffer = T>>(
        &mut self,
        shared: &mut Shared<'_, M, B>,
        budget: &mut Budget,
    ) -> Fate {
        let Some(line) = self.line else { return Fate::Idle };
        if shared.sockets.is_gone(line) {
            return Fate::Lost;
        }
        if shared.service.is_killed(&self.session) {
            return Fate::Closed;
        }
        if self.is_too_slow(shared.service) {
            shared.service.counters.clients_slow += 1;
            return Fate::Lost;
        }
        let mut requests = REQUESTS_MAX;
        let mut fate = Fate::Idle;
        loop {
            // An audit counts what is allocated, on another CPU.
            if !shared.service.is_checking() {
                self.output.give_back();
                self.input.give_back(shared.allowance);
                self.queue.give_back(shared.allowance);
            }
            let Some(received) = self.receive(shared, line) else { return Fate::Lost };
            let served = self.serve(shared, budget, &mut requests);
            if requests == 0 && self.may_hold() {
                self.held_turns += 1;
                return Fate::Busy;
            }
            self.held_turns = 0;
            let Some(sent) = self.send(shared, line) else { return Fate::Lost };
            if self.session.is_closing() && self.output.is_empty() {
                return Fate::Closed;
            }
            if !(received || served || sent) {
                let is_working = self.session.is_busy() && !self.session.is_away();
                return if is_working { Fate::Busy } else { fate };
            }
            fate = Fate::Busy;
            if requests == 0
                || self.is_done()
                || self.session.is_busy()
                || self.session.is_closing()
            {
                return fate;
            }
        }
    }

    /// Whether replies may wait for those of the requests that are left.
    fn may_hold(&mut self) -> bool {
        self.held_turns < HELD_TURNS_MAX && self.output.has_room() && !self.session.is_closing()
    }

    /// Moves what has come into the input. `None` where the connection is gone.
    fn receive<M: Machine, B>(
        &mut self,
        shared: &mut Shared<'_, M, B>,
        line: Line,
    ) -> Option<bool> {
        self.has_drained = false;
        // A connection whose output is full is not read from.
        if self.is_finished || self.session.is_closing() || !self.output.has_room() {
            return Some(false);
        }
        let room = self.input.room();
        let limit = room.len();
        if limit == 0 {
            return Some(false);
        }
        match shared.sockets.receive(line, room) {
            Received::Bytes(bytes) => {
                self.has_drained = bytes < limit && shared.sockets.expects_more(line);
                self.input.add(bytes);
                shared.service.counters.bytes_received += bytes as u64;
                Some(bytes > 0)
            }
            Received::Finished => {
                self.is_finished = true;
                Some(true)
            }
            Received::Gone => None,
        }
    }

    fn send<M: Machine, B>(&mut self, shared: &mut Shared<'_, M, B>, line: Line) -> Option<bool> {
        let mut sent = self.output.send(|bytes| shared.sockets.send(line, bytes))?;
        while self.fill(shared)? {
            sent += self.output.send(|bytes| shared.sockets.send(line, bytes))?;
        }
        shared.service.counters.bytes_sent += sent as u64;
        Some(sent > 0)
    }

    /// Copies more of a streamed reply into the output, where that is empty. Returns whether there was
    /// more, or `None` where it cannot follow: the connection must end then.
    fn fill<M: Machine, B>(&mut self, shared: &mut Shared<'_, M, B>) -> Option<bool> {
        let (service, session) = (&mut *shared.service, &mut self.session);
        let filled = self.output.fill(|room| service.stream_on(session, room))?;
        self.output.set_streaming(self.session.is_streaming());
        Some(filled)
    }

    /// Serves what is in the input. Returns whether anything was done.
    fn serve<M: Machine, B: Buffers<Buffer = T>>(
        &mut self,
        shared: &mut Shared<'_, M, B>,
        budget: &mut Budget,
        requests: &mut u32,
    ) -> bool {
        let mut served = false;
        while *requests > 0 && !self.session.is_closing() && self.output.has_room() {
            if self.session.is_busy() {
                served |= self.step(shared, budget);
                if self.session.is_busy() {
                    break;
                }
                continue;
            }
            *requests -= 1;
            let looks = mem::take(&mut self.was_long) || requests.is_multiple_of(REQUESTS_UNTIMED);
            if looks && shared.service.is_late() {
                *requests = 0;
            }
            let progressed = match &mut self.phase {
                Phase::Requests => self.request(shared),
                Phase::Discard(_) => self.discard(shared),
                Phase::Stream(following) => {
                    let following = *following;
                    self.stream(shared, following)
                }
                Phase::Options => self.options(shared),
                Phase::Execute => self.execute(shared),
            };
            if !progressed {
                if self.is_finished && !self.session.is_busy() {
                    // What is left can never become whole.
                    self.session.close();
                }
                break;
            }
            served = true;
        }
        served
    }

    /// Goes on with the request under way. Returns whether anything was done.
    fn step<M: Machine, B>(&mut self, shared: &mut Shared<'_, M, B>, budget: &mut Budget) -> bool {
        let service = &mut *shared.service;
        let comes_again = self.session.is_waiting();
        let mut stepped = false;
        respond(&mut self.output, &mut self.session, |session, reply| {
            stepped = service.step(session, reply, budget);
        });
        if !comes_again && !self.session.is_busy() && !self.session.is_executing() {
            self.session.end_request();
        }
        stepped
    }

    /// Serves one request. Returns whether there was one.
    fn request<M: Machine, B: Buffers<Buffer = T>>(
        &mut self,
        shared: &mut Shared<'_, M, B>,
    ) -> bool {
        let limits = self.limits(shared);
        match resp::parse(self.input.bytes(), &limits, shared.ranges, &mut self.resume) {
            Parsed::Incomplete => return self.wait_for_more(shared),
            Parsed::Empty { consumed } => self.finish(consumed),
            Parsed::Request { consumed } => {
                if !self.answer(shared) || self.session.is_waiting() {
                    return false;
                }
                shared.service.counters.commands += 1;
                self.finish(consumed);
            }
            // It may allocate.
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

    /// Whether an audit is under way, or another session's transaction.
    fn is_restricted<M: Machine, B>(&self, shared: &Shared<'_, M, B>) -> bool {
        shared.service.is_checking() || shared.service.is_excluded(&self.session)
    }

    /// The bytes that the client may send now.
    fn limits<M: Machine, B>(&self, shared: &Shared<'_, M, B>) -> Limits {
        let is_admitted = shared.service.is_admitted(&self.session);
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
        if !self.session.is_busy() && !self.session.is_executing() {
            self.session.end_request();
        }
    }

    /// Makes room for the rest of a request that is held in a larger buffer. Returns whether anything
    /// was done.
    fn wait_for_more<M: Machine, B: Buffers<Buffer = T>>(
        &mut self,
        shared: &mut Shared<'_, M, B>,
    ) -> bool {
        if self.input.is_larger() && self.input.is_full() {
            let rest = self.resume.rest();
            return self.hold(shared, &rest);
        }
        self.input.want_more();
        false
    }

    /// Answers the request that was parsed, in a buffer of its own where the reply is large. Returns
    /// false where it has to wait until what stands before it was sent.
    fn answer<M: Machine, B: Buffers<Buffer = T>>(
        &mut self,
        shared: &mut Shared<'_, M, B>,
    ) -> bool {
        let is_queuing = self.session.is_queuing();
        if is_queuing {
            match self.queue(shared) {
                Step::Answered => return true,
                Step::Wait => return false,
                Step::Serve => {}
            }
        }
        let is_whole = self.answer_now(shared);
        if is_queuing {
            self.after_immediate();
        }
        is_whole
    }

    /// Answers the request that was parsed, whatever its session's transaction.
    fn answer_now<M: Machine, B: Buffers<Buffer = T>>(
        &mut self,
        shared: &mut Shared<'_, M, B>,
    ) -> bool {
        let arguments = shared.ranges.within(self.input.bytes());
        let (service, session) = (&mut *shared.service, &mut self.session);
        let mut is_long = false;
        let written = respond(&mut self.output, session, |session, reply| {
            let served = service::serve(service, session, arguments, reply);
            is_long = !served.hint.is_empty();
            served
        });
        self.was_long = is_long;
        let Written::TooLarge(needed, Served { hint }) = written else { return true };
        if self.output.will_have_room(needed) {
            return false;
        }

        let too_large = service.reply_limit(hint);
        if needed > service.reply_bytes_max() {
            self.refuse(shared, &too_large);
            return true;
        }
        if service.is_checking() {
            service.put_off(session);
            return false;
        }
        let Some(buffer) = shared.buffers.take("net/out", needed + SPILL_SLACK_BYTES) else {
            self.refuse(shared, &Failure::ReplyMemory(needed));
            return true;
        };
        let again = |session: &mut Session, reply: &mut resp::Reply<'_>| {
            service::serve(service, session, arguments, reply)
        };
        if respond_spilled(&mut self.output, buffer, session, again) {
            shared.service.counters.replies_spilled += 1;
        } else {
            self.refuse(shared, &too_large);
        }
        true
    }

    /// Begins with a request that does not fit into the fixed input: a large write is served as it
    /// comes, all else is held. Returns whether anything was done.
    fn oversize<M: Machine, B: Buffers<Buffer = T>>(
        &mut self,
        shared: &mut Shared<'_, M, B>,
        oversize: &Oversize,
    ) -> bool {
        let is_streamed = !(self.input.is_larger() || self.session.is_queuing());
        let Some(length) = oversize.length.filter(|_| is_streamed) else {
            return self.hold(shared, oversize);
        };
        let arguments = shared.ranges.within(self.input.bytes());
        let (service, following) = (&mut *shared.service, oversize.following);
        let mut opened = None;
        respond(&mut self.output, &mut self.session, |session, reply| {
            opened = service::open_stream(service, session, arguments, length, following, reply);
        });
        let Some(is_open) = opened else { return self.hold(shared, oversize) };
        shared.service.counters.commands += 1;
        self.skip(shared, oversize);
        if is_open {
            self.phase = Phase::Stream(following);
        }
        true
    }

    /// Gives the request at the front more room, or refuses it. Returns whether anything was done.
    fn hold<M: Machine, B: Buffers<Buffer = T>>(
        &mut self,
        shared: &mut Shared<'_, M, B>,
        rest: &Oversize,
    ) -> bool {
        if shared.service.is_checking() {
            return false;
        }
        let limit = held_bytes_max(shared);
        let least = rest.consumed + rest.length.unwrap_or(0);
        let refusal = if !shared.service.is_admitted(&self.session) {
            service::NOT_ADMITTED
        } else if self.input.capacity() >= limit || least > limit {
            Failure::RequestLimit(least.max(self.input.capacity()), limit)
        } else {
            match self.input.grow(shared.buffers, limit, shared.allowance) {
                Ok(()) => return true,
                Err(Refusal::Allowance) => {
                    Failure::RequestsLimit(shared.allowance.used(), shared.allowance.limit())
                }
                Err(Refusal::Memory) => Failure::RequestMemory(2 * self.input.capacity()),
            }
        };
        self.refuse_oversize(shared, &refusal, rest);
        true
    }

    /// Refuses a request of which bytes are still to come.
    fn refuse_oversize<M: Machine, B>(
        &mut self,
        shared: &mut Shared<'_, M, B>,
        failure: &Failure,
        rest: &Oversize,
    ) {
        shared.service.counters.commands += 1;
        self.refuse(shared, failure);
        self.skip(shared, rest);
    }

    /// Throws the rest of the request away.
    fn skip<M: Machine, B>(&mut self, shared: &Shared<'_, M, B>, rest: &Oversize) {
        self.phase = Phase::Discard(Discard::new(rest, shared.limits.bulk_bytes));
        self.resume = Resume::default();
        self.input.consume(rest.consumed);
    }

    fn discard<M: Machine, B>(&mut self, shared: &mut Shared<'_, M, B>) -> bool {
        let Phase::Discard(discard) = &mut self.phase else { return false };
        match discard.step(self.input.bytes()) {
            Progress::Pending { consumed } => {
                self.input.consume(consumed);
                consumed > 0
            }
            Progress::Done { consumed } => {
                self.input.consume(consumed);
                self.phase = Phase::Requests;
                self.resume = Resume::default();
                self.session.end_request();
                true
            }
            Progress::Broken(error) => {
                self.break_off(shared, error);
                true
            }
        }
    }

    fn stream<M: Machine, B>(&mut self, shared: &mut Shared<'_, M, B>, following: usize) -> bool {
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
    fn options<M: Machine, B>(&mut self, shared: &mut Shared<'_, M, B>) -> bool {
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

    /// Says what is wrong with the bytes, and asks for the end.
    fn break_off<M: Machine, B>(&mut self, shared: &mut Shared<'_, M, B>, error: ProtocolError) {
        shared.service.counters.protocol_errors += 1;
        self.is_malformed = true;
        respond(&mut self.output, &mut self.session, |_, reply| error.reply(reply));
        self.session.close();
    }

    pub(super) fn refuse<M: Machine, B>(
        &mut self,
        shared: &mut Shared<'_, M, B>,
        failure: &Failure,
    ) {
        let service = &mut *shared.service;
        respond(&mut self.output, &mut self.session, |_, reply| service.refuse(failure, reply));
    }
}

/// Bytes of one request that are held at most.
fn held_bytes_max<M: Machine, B>(shared: &Shared<'_, M, B>) -> usize {
    limits::REQUEST_BYTES_MAX.min(shared.allowance.limit())
}
