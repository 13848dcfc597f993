//! New connections: a client's place for each, or a wait for one.

use runtime_config::limits;
use smoltcp::time::Instant;
use vmalloc::Machine;

use super::state::Server;
use crate::buffers::Buffers;
use crate::net::{ConnectionId, Nic, Port};
use crate::service::Ending;

/// The error that a connection beyond the limit gets, as in Redis.
const TOO_MANY_CLIENTS: &[u8] = b"-ERR max number of clients reached\r\n";

impl<N: Nic, M: Machine, B: Buffers> Server<N, M, B> {
    /// Gives connections a client's place, those that wait for one first. Where all places are taken, a
    /// connection waits: the ends of old connections may be behind it, in this machine or in a relay.
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

    /// Gives free places to connections that wait, and refuses those that have waited for too long.
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

    /// Makes a connection a client, if there is a free place.
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

    /// Tells a connection that there is no place for it.
    fn refuse(&mut self, line: ConnectionId, now: Instant) {
        self.service.counters_mut().note_ending(Ending::Refused);
        self.ending_log.note(None, Ending::Refused, self.service.now_us());
        let sockets = self.stack.sockets();
        // A connection that has gone already needs no answer.
        let _ = sockets.send(line, TOO_MANY_CLIENTS);
        sockets.close(line, now);
    }
}
