//! The turn of a connection: bytes are received, requests served and replies sent.

use core::mem;

use vmalloc::Access;

use super::{Client, Phase, Shared, TurnOutcome};
use crate::buffers::Buffers;
use crate::net::{ConnectionId, Received};
use crate::server::respond::respond;
use crate::service::Budget;

/// Number of requests that are served between two reads of the clock. Fewer reads save time.
const REQUESTS_UNTIMED: usize = 4;

/// A client with at least this number of requests in a turn has a backlog: in the next turn, too,
/// it is served after the clients with fewer requests.
const REQUESTS_FEW: usize = 8;

/// Maximum time for which finished replies are held back while further requests of the same batch
/// are served, in microseconds. Replies that are sent together avoid a delay: if a batch is
/// answered in two packets, a relay that waits for the delayed acknowledgement of the first one
/// adds 40 ms.
const HELD_US_MAX: u64 = 8_000;

impl<T: AsRef<[u8]> + AsMut<[u8]>> Client<T> {
    /// Runs one turn of the client, in which at most `share` requests are served.
    pub(in crate::server) fn turn<M: Access, B: Buffers<Buffer = T>>(
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

    /// Sends, receives and serves until no work is left, the output is full, or the share of the
    /// client is used up.
    fn work<M: Access, B: Buffers<Buffer = T>>(
        &mut self,
        shared: &mut Shared<'_, M, B>,
        budget: &mut Budget,
        requests: &mut usize,
    ) -> TurnOutcome {
        let Some(socket) = self.socket else { return TurnOutcome::Idle };
        let is_gone = shared.sockets.is_gone(socket);
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
            // An audit that runs on an AP compares the number of allocated regions, so no buffer
            // may be freed during an audit.
            if !shared.service.is_checking() {
                self.output.give_back();
                self.input.give_back(shared.allowance);
                self.queue.give_back(shared.allowance);
            }
            let received = if mem::take(&mut self.is_cut_short) {
                // More bytes are received only after the requests in the input are served.
                // Otherwise each share of requests would have to move the rest of the input to the
                // front of the buffer.
                self.has_drained = false;
                true
            } else if let Some(received) = receive(self, shared, socket) {
                received
            } else {
                return TurnOutcome::Lost;
            };
            let served = self.serve(shared, budget, share, requests);
            if *requests == 0 && may_hold(self, shared.service.now_us()) {
                return TurnOutcome::Busy;
            }
            self.held_since_us = None;
            let Some(sent) = send(self, shared, socket) else { return TurnOutcome::Lost };
            if self.connection.session().is_closing() && self.output.is_empty() {
                return TurnOutcome::Closed;
            }
            if !(received || served || sent) {
                // If the output is full, the request in progress cannot continue until the peer
                // reads.
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

    /// Serves the requests in the input. Returns whether any work was done.
    fn serve<M: Access, B: Buffers<Buffer = T>>(
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
                // Each client in a turn is served at least one request, even if the turn is late.
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
                    // The peer has closed its direction, so this incomplete request can never
                    // become complete.
                    self.connection.session_mut().close();
                }
                break;
            }
            served = true;
        }
        served
    }
}

/// Returns whether the client has sliced work in progress on the BSP, or has requests that wait
/// until its peer reads replies.
fn is_behind<T: AsRef<[u8]> + AsMut<[u8]>>(client: &Client<T>) -> bool {
    let is_sliced = client.connection.is_busy() && !client.connection.waits_for_others();
    is_sliced || !(client.input.is_empty() || client.output.is_empty())
}

/// Returns whether all received requests are served and all replies sent.
fn is_done<T: AsRef<[u8]> + AsMut<[u8]>>(client: &Client<T>) -> bool {
    let is_busy = client.connection.is_busy() || client.connection.session().is_executing();
    let is_open = !(client.is_finished || is_busy || client.connection.session().is_closing());
    is_open && client.has_drained && client.input.is_empty() && client.output.is_empty()
}

/// Continues work that other clients must not observe half done: a transaction, or a request that
/// has set some of its keys. The connection ends only after this work. Returns whether there was
/// such work.
fn completes<T: AsRef<[u8]> + AsMut<[u8]>, M: Access, B: Buffers<Buffer = T>>(
    client: &mut Client<T>,
    shared: &mut Shared<'_, M, B>,
    budget: &mut Budget,
) -> bool {
    let is_half_done =
        client.connection.is_publishing() || client.connection.session().is_executing();
    if is_half_done {
        // Only the half-done request is served, not the requests after it.
        client.serve(shared, budget, 1, &mut 1);
    }
    is_half_done
}

/// Returns whether replies may be held back until the remaining requests are served.
fn may_hold<T: AsRef<[u8]> + AsMut<[u8]>>(client: &mut Client<T>, now_us: u64) -> bool {
    let since_us = *client.held_since_us.get_or_insert(now_us);
    let is_short = now_us.saturating_sub(since_us) < HELD_US_MAX;
    is_short && client.output.has_room() && !client.connection.session().is_closing()
}

/// Moves received bytes into the input. Returns whether any bytes were moved, or `None` if the
/// connection has gone.
fn receive<T: AsRef<[u8]> + AsMut<[u8]>, M: Access, B>(
    client: &mut Client<T>,
    shared: &mut Shared<'_, M, B>,
    socket: ConnectionId,
) -> Option<bool> {
    client.has_drained = false;
    // A client with a full output is not read from, so TCP flow control slows its peer down.
    if client.is_finished || client.connection.session().is_closing() || !client.output.has_room() {
        return Some(false);
    }
    let room = client.input.room();
    let limit = room.len();
    if limit == 0 {
        return Some(false);
    }
    match shared.sockets.receive(socket, room) {
        Received::Bytes(bytes) => {
            client.has_drained = bytes < limit && shared.sockets.expects_more(socket);
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

fn send<T: AsRef<[u8]> + AsMut<[u8]>, M: Access, B>(
    client: &mut Client<T>,
    shared: &mut Shared<'_, M, B>,
    socket: ConnectionId,
) -> Option<bool> {
    let mut sent = client.output.send(|bytes| shared.sockets.send(socket, bytes))?;
    while fill(client, shared)? {
        sent += client.output.send(|bytes| shared.sockets.send(socket, bytes))?;
    }
    shared.service.counters_mut().bytes_sent += sent as u64;
    Some(sent > 0)
}

/// Copies the next part of a streamed reply into the output, once the output is empty. Returns
/// whether a part was copied. Returns `None` if the rest of the reply cannot be read; the
/// connection must then end, because its reply is incomplete.
fn fill<T: AsRef<[u8]> + AsMut<[u8]>, M: Access, B>(
    client: &mut Client<T>,
    shared: &mut Shared<'_, M, B>,
) -> Option<bool> {
    let (service, connection) = (&mut *shared.service, &mut client.connection);
    let filled = client.output.fill(|room| service.stream_on(connection.session_mut(), room))?;
    client.output.set_streaming(client.connection.session().is_streaming());
    Some(filled)
}

/// Continues the sliced request in progress by one slice. Returns whether any work was done.
fn step<T: AsRef<[u8]> + AsMut<[u8]>, M: Access, B>(
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
