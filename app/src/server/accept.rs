//! New connections: each gets the place of a client or waits for one.

use runtime_config::limits;
use smoltcp::time::Instant;
use vmalloc::Machine;

use super::state::Server;
use crate::buffers::Buffers;
use crate::net::{ConnectionId, Nic, Port};
use crate::service::Ending;

/// The error for a connection beyond the client limit, as in Redis.
const TOO_MANY_CLIENTS: &[u8] = b"-ERR max number of clients reached\r\n";

impl<N: Nic, M: Machine, B: Buffers> Server<N, M, B> {
    /// Assigns client places to connections, waiting connections first. If all places are taken, a
    /// new connection waits, because the ends of old connections may still arrive after it. Returns
    /// whether any connection was handled.
    pub(super) fn accept(&mut self, now: Instant) -> bool {
        let now_us = self.service.now_us();
        let mut accepted = self.seat_waiting(now);
        while let Some(line) = self.stack.sockets().accept(Port::Resp, now) {
            accepted = true;
            if self.waiting.is_empty() && self.seat(line) {
                continue;
            }
            if self.waiting.len() < self.waiting.capacity() {
                self.waiting.push((line, now_us + limits::CLIENT_WAIT_US));
            } else {
                self.refuse(line, now);
            }
        }
        accepted
    }

    /// Assigns free places to waiting connections, and refuses connections that have waited too
    /// long. Returns whether any connection was handled.
    fn seat_waiting(&mut self, now: Instant) -> bool {
        let now_us = self.service.now_us();
        let mut done = 0;
        while let Some(&(line, until_us)) = self.waiting.get(done) {
            if self.seat(line) {
                done += 1;
            } else if until_us <= now_us {
                self.refuse(line, now);
                done += 1;
            } else {
                break;
            }
        }
        self.waiting.drain(..done);
        done > 0
    }

    /// Makes a connection a client. Returns `false` if no place is free.
    fn seat(&mut self, line: ConnectionId) -> bool {
        let mut places = self.clients.iter_mut().enumerate();
        let Some((at, client)) = places.find(|(_, client)| client.line().is_none()) else {
            return false;
        };
        let sockets = self.stack.sockets();
        let ends = [sockets.peer(line), sockets.local(line)];
        self.end = self.end.max(at + 1);
        self.connections += 1;
        client.begin(line, self.connections);
        self.service.arrive(client.session(), ends);
        self.service.note_buffers(client.session(), client.buffers());
        let counters = self.service.counters_mut();
        counters.connections += 1;
        counters.clients += 1;
        counters.clients_peak = counters.clients_peak.max(counters.clients);
        true
    }

    /// Sends the error about the client limit to a connection and closes it.
    fn refuse(&mut self, line: ConnectionId, now: Instant) {
        self.service.counters_mut().note_ending(Ending::Refused);
        self.ending_log.note(None, Ending::Refused, self.service.now_us());
        let sockets = self.stack.sockets();
        // The send fails only if the connection has gone; then no reply is needed.
        let _ = sockets.send(line, TOO_MANY_CLIENTS);
        sockets.close(line, now);
    }
}
