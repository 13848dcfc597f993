//! Determines the order in which clients are served in a turn, and the number of requests of each.
//!
//! Authenticated clients that read their replies are served first, with at most [`REQUESTS_FIRST`]
//! requests each. Their requests therefore wait for at most one turn, regardless of the load by
//! other clients. The rest of the turn is for [`Later`](super::later::Later): unauthenticated
//! clients, and clients with more requests than their share.

use core::mem;

use smoltcp::time::Instant;
use vmalloc::Access;

use super::client::{Shared, TurnOutcome};
use super::state::Server;
use crate::buffers::Buffers;
use crate::net::{ConnectionId, Nic};
use crate::service::Budget;

/// Number of requests that a client may have served before the clients of
/// [`Later`](super::later::Later). Further requests of the client may be served in the same turn,
/// after these clients.
const REQUESTS_FIRST: usize = 8;

impl<N: Nic, M: Access, B: Buffers> Server<N, M, B> {
    /// Serves every client its share of the turn. The client that is served first changes from turn
    /// to turn. Clients that a late turn did not reach come first in the next turn. Returns whether
    /// any work was done.
    pub(super) fn serve(&mut self, now: Instant, budget: &mut Budget) -> bool {
        let mut busy = false;
        // Requests that were delayed during an audit or a transaction get no event when it ends.
        // All clients are therefore served once more after it.
        let is_restricted = self.service.is_restricted();
        let calls_all = mem::replace(&mut self.was_restricted, is_restricted) || is_restricted;
        // The same holds for requests that waited for the end of a streamed reply.
        let calls_all = self.service.take_readers_left() || calls_all;
        while self.end > 0 && self.clients[self.end - 1].socket().is_none() {
            self.end -= 1;
        }
        let first = if self.first < self.end { self.first } else { 0 };
        self.first = first + 1;
        let (mut next, mut left) = (first, self.end);
        let (mut is_late, mut has_later) = (false, false);
        // One loop handles both lists of clients: two loops would duplicate the code below, or cost
        // a function call for each client.
        loop {
            let (at, share, is_first) = if left > 0 {
                let at = next;
                next = if at + 1 == self.end { 0 } else { at + 1 };
                left -= 1;
                (at, REQUESTS_FIRST, true)
            } else if has_later && let Some((at, share)) = self.later.next(is_late) {
                (at, share, false)
            } else {
                break;
            };
            let client = &mut self.clients[at];
            let Some(socket) = client.socket() else { continue };
            if is_first {
                let is_later = client.has_backlog() || !self.service.is_admitted(client.session());
                if is_late && !is_later {
                    continue;
                }
                let is_called = self.stack.sockets().take_awake(socket) || calls_all;
                if !is_called && client.rests(&self.service) {
                    continue;
                }
                if is_later {
                    client.call();
                    self.later.push(client.class(&self.service), at);
                    has_later = true;
                    continue;
                }
            }
            let mut shared = Shared {
                service: &mut self.service,
                sockets: self.stack.sockets(),
                buffers: &self.buffers,
                ranges: &mut self.ranges,
                allowance: &mut self.allowance,
                limits: &self.limits,
            };
            let fate = client.turn(&mut shared, budget, share);
            busy |= fate != TurnOutcome::Idle;
            let is_over = matches!(fate, TurnOutcome::Closed | TurnOutcome::Lost);
            if is_over && !(self.service.is_checking() && client.holds_memory()) {
                self.end_client(at, socket, fate, now);
            } else if is_first && client.has_backlog() {
                client.call();
                self.later.push(client.class(&self.service), at);
                has_later = true;
            }
            if fate != TurnOutcome::Idle && !is_late && self.service.is_late() {
                is_late = true;
                if is_first {
                    self.first = at + 1;
                }
            }
        }
        self.was_restricted |= is_late && calls_all;
        // An audit that began in this turn may end before the next turn, and may have delayed
        // requests too.
        self.was_restricted |= self.service.is_restricted();
        busy
    }

    /// Ends the connection of a client.
    fn end_client(&mut self, at: usize, socket: ConnectionId, fate: TurnOutcome, now: Instant) {
        let client = &mut self.clients[at];
        let ending = client.ending(fate, &self.service, self.stack.sockets());
        self.service.counters_mut().note_ending(ending);
        let number = client.session().number();
        if !self.service.is_shutting_down() {
            self.ending_log.note(Some(number), ending, self.service.now_us());
        }
        client.end(&mut self.service, &mut self.allowance);
        self.stack.sockets().close(socket, now);
        self.service.counters_mut().clients -= 1;
    }
}
