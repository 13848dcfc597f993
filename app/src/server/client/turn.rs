//! The turn of a connection: bytes in, requests served, bytes out.

use core::mem;

use vmalloc::Machine;

use super::{Client, Phase, Shared, TurnOutcome};
use crate::buffers::Buffers;
use crate::net::{ConnectionId, Received};
use crate::server::respond::respond;
use crate::service::Budget;

/// Requests between two looks at the clock.
const REQUESTS_UNTIMED: usize = 4;

/// A client that sends as many at once is served behind those that send fewer, in the next turn too.
const REQUESTS_FEW: usize = 8;

/// Microseconds for which replies may be held back while there are more to come. A peer that delays its
/// acknowledgements, behind a relay that waits for them, costs 40 ms for every reply to one batch
/// that comes in two pieces.
const HELD_US_MAX: u64 = 8_000;

impl<T: AsRef<[u8]> + AsMut<[u8]>> Client<T> {
    /// Does one turn's work, of so many requests at most.
    pub(in crate::server) fn turn<M: Machine, B: Buffers<Buffer = T>>(
        &mut self,
        shared: &mut Shared<'_, M, B>,
        budget: &mut Budget,
        share: usize,
    ) -> TurnOutcome {
        let mut requests = share;
        let fate = self.work(shared, budget, &mut requests);
        shared.service.note_buffers(self.connection.session(), self.buffers());
        let is_done = is_done(self);
        self.rests = fate == TurnOutcome::Idle || is_done;
        let is_busy = share - requests >= REQUESTS_FEW;
        self.has_backlog = is_busy || !is_done && is_behind(self);
        self.is_cut_short = requests == 0 && !self.input.is_empty();
        fate
    }

    /// Sends, receives and serves until there is nothing to do, the output is full, or the client
    /// has had its share.
    fn work<M: Machine, B: Buffers<Buffer = T>>(
        &mut self,
        shared: &mut Shared<'_, M, B>,
        budget: &mut Budget,
        requests: &mut usize,
    ) -> TurnOutcome {
        let Some(line) = self.line else { return TurnOutcome::Idle };
        let is_gone = shared.sockets.is_gone(line);
        if is_gone || shared.service.is_killed(self.connection.session()) {
            return match completes(self, shared, budget) {
                true => TurnOutcome::Busy,
                false if is_gone => TurnOutcome::Lost,
                false => TurnOutcome::Closed,
            };
        }
        if self.is_too_slow(shared.service) {
            shared.service.counters_mut().clients_slow += 1;
            return TurnOutcome::Lost;
        }
        let share = *requests;
        let mut fate = TurnOutcome::Idle;
        loop {
            // An audit counts what is allocated, on another CPU.
            if !shared.service.is_checking() {
                self.output.give_back();
                self.input.give_back(shared.allowance);
                self.queue.give_back(shared.allowance);
            }
            let received = if mem::take(&mut self.is_cut_short) {
                // More bytes are taken in when these are served: for each share the rest would have to be moved.
                self.has_drained = false;
                true
            } else if let Some(received) = receive(self, shared, line) {
                received
            } else {
                return TurnOutcome::Lost;
            };
            let served = self.serve(shared, budget, share, requests);
            if *requests == 0 && may_hold(self, shared.service.now_us()) {
                return TurnOutcome::Busy;
            }
            self.held_since_us = None;
            let Some(sent) = send(self, shared, line) else { return TurnOutcome::Lost };
            if self.connection.session().is_closing() && self.output.is_empty() {
                return TurnOutcome::Closed;
            }
            if !(received || served || sent) {
                // Where the output is full, the peer must take some of it first.
                let is_working = self.connection.is_busy()
                    && !self.connection.waits_for_others()
                    && self.output.has_room();
                return if is_working { TurnOutcome::Busy } else { fate };
            }
            fate = TurnOutcome::Busy;
            if *requests == 0
                || is_done(self)
                || self.connection.is_busy()
                || self.connection.session().is_closing()
            {
                return fate;
            }
        }
    }

    /// Serves what is in the input. Returns whether anything was done.
    fn serve<M: Machine, B: Buffers<Buffer = T>>(
        &mut self,
        shared: &mut Shared<'_, M, B>,
        budget: &mut Budget,
        share: usize,
        requests: &mut usize,
    ) -> bool {
        let mut served = false;
        while *requests > 0 && !self.connection.session().is_closing() && self.output.has_room() {
            if self.connection.is_busy() {
                served |= step(self, shared, budget);
                if self.connection.is_busy() {
                    break;
                }
                continue;
            }
            let is_first = *requests == share;
            *requests -= 1;
            let looks = mem::take(&mut self.was_long) || requests.is_multiple_of(REQUESTS_UNTIMED);
            if looks && shared.service.is_late() {
                *requests = 0;
                // Every client that is looked at gets on by one request, however late it is.
                if !is_first {
                    break;
                }
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
                if self.is_finished && !self.connection.is_busy() {
                    // The request that has begun can never become whole.
                    self.connection.session_mut().close();
                }
                break;
            }
            served = true;
        }
        served
    }
}

/// Whether it has work that is done in slices here, or requests that wait until replies are read.
fn is_behind<T: AsRef<[u8]> + AsMut<[u8]>>(client: &Client<T>) -> bool {
    let is_sliced = client.connection.is_busy() && !client.connection.waits_for_others();
    is_sliced || !(client.input.is_empty() || client.output.is_empty())
}

/// Whether everything that had come is served and sent.
fn is_done<T: AsRef<[u8]> + AsMut<[u8]>>(client: &Client<T>) -> bool {
    let is_busy = client.connection.is_busy() || client.connection.session().is_executing();
    let is_open = !(client.is_finished || is_busy || client.connection.session().is_closing());
    is_open && client.has_drained && client.input.is_empty() && client.output.is_empty()
}

/// Goes on with what others must not see half done, a transaction or a request that has set some of its
/// keys: the connection ends only after it. Returns whether there is any.
fn completes<T: AsRef<[u8]> + AsMut<[u8]>, M: Machine, B: Buffers<Buffer = T>>(
    client: &mut Client<T>,
    shared: &mut Shared<'_, M, B>,
    budget: &mut Budget,
) -> bool {
    let is_half_done =
        client.connection.is_publishing() || client.connection.session().is_executing();
    if is_half_done {
        // Not the requests behind it.
        client.serve(shared, budget, 1, &mut 1);
    }
    is_half_done
}

/// Whether replies may wait for those of the requests that are left.
fn may_hold<T: AsRef<[u8]> + AsMut<[u8]>>(client: &mut Client<T>, now_us: u64) -> bool {
    let since_us = *client.held_since_us.get_or_insert(now_us);
    let is_short = now_us.saturating_sub(since_us) < HELD_US_MAX;
    is_short && client.output.has_room() && !client.connection.session().is_closing()
}

/// Moves what has come into the input. `None` where the connection is gone.
fn receive<T: AsRef<[u8]> + AsMut<[u8]>, M: Machine, B>(
    client: &mut Client<T>,
    shared: &mut Shared<'_, M, B>,
    line: ConnectionId,
) -> Option<bool> {
    client.has_drained = false;
    // A connection whose output is full is not read from.
    if client.is_finished || client.connection.session().is_closing() || !client.output.has_room() {
        return Some(false);
    }
    let room = client.input.room();
    let limit = room.len();
    if limit == 0 {
        return Some(false);
    }
    match shared.sockets.receive(line, room) {
        Received::Bytes(bytes) => {
            client.has_drained = bytes < limit && shared.sockets.expects_more(line);
            client.input.add(bytes);
            shared.service.counters_mut().bytes_received += bytes as u64;
            Some(bytes > 0)
        }
        Received::Finished => {
            client.is_finished = true;
            Some(true)
        }
        Received::Gone => None,
    }
}

fn send<T: AsRef<[u8]> + AsMut<[u8]>, M: Machine, B>(
    client: &mut Client<T>,
    shared: &mut Shared<'_, M, B>,
    line: ConnectionId,
) -> Option<bool> {
    let mut sent = client.output.send(|bytes| shared.sockets.send(line, bytes))?;
    while fill(client, shared)? {
        sent += client.output.send(|bytes| shared.sockets.send(line, bytes))?;
    }
    shared.service.counters_mut().bytes_sent += sent as u64;
    Some(sent > 0)
}

/// Copies more of a streamed reply into the output, where that is empty. Returns whether there was
/// more, or `None` where it cannot follow: the connection must end then.
fn fill<T: AsRef<[u8]> + AsMut<[u8]>, M: Machine, B>(
    client: &mut Client<T>,
    shared: &mut Shared<'_, M, B>,
) -> Option<bool> {
    let (service, connection) = (&mut *shared.service, &mut client.connection);
    let filled = client.output.fill(|room| service.stream_on(connection.session_mut(), room))?;
    client.output.set_streaming(client.connection.session().is_streaming());
    Some(filled)
}

/// Goes on with the request under way. Returns whether anything was done.
fn step<T: AsRef<[u8]> + AsMut<[u8]>, M: Machine, B>(
    client: &mut Client<T>,
    shared: &mut Shared<'_, M, B>,
    budget: &mut Budget,
) -> bool {
    let service = &mut *shared.service;
    let comes_again = client.connection.is_waiting();
    let mut stepped = false;
    respond(&mut client.output, &mut client.connection, |connection, reply| {
        stepped = service.step(connection, reply, budget);
    });
    if !comes_again && !client.connection.is_busy() && !client.connection.session().is_executing() {
        client.connection.session_mut().end_request();
    }
    stepped
}
