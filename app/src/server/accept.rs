//! Accepts new connections. Each new connection gets a place in the client list, or waits until a
//! place becomes free.

use runtime_config::limits;
use smoltcp::time::Instant;
use vmalloc::Access;

use super::state::Server;
use crate::buffers::Buffers;
use crate::net::{ConnectionId, Nic, Port};
use crate::service::Ending;

/// The error for a connection beyond the client limit, as in Redis.
const TOO_MANY_CLIENTS: &[u8] = b"-ERR max number of clients reached\r\n";

impl<N: Nic, M: Access, B: Buffers> Server<N, M, B> {
    /// Assigns free places in the client list to connections; connections that already wait come
    /// first. If all places are taken, a new connection waits: the close of an old connection may
    /// be processed later in the same turn and free a place. Returns whether any connection was
    /// handled.
    pub(super) fn accept(&mut self, now: Instant) -> bool {
        let now_us = self.service.now_us();
        let mut accepted = self.assign_places(now);
        while let Some(socket) = self.stack.sockets().accept(Port::Resp, now) {
            accepted = true;
            if self.waiting.is_empty() && self.assign_place(socket) {
                continue;
            }
            if self.waiting.len() < self.waiting.capacity() {
                self.waiting.push((socket, now_us + limits::CLIENT_WAIT_US));
            } else {
                self.refuse(socket, now);
            }
        }
        accepted
    }

    /// Assigns free places to waiting connections, and refuses connections that have waited too
    /// long. Returns whether any connection was handled.
    fn assign_places(&mut self, now: Instant) -> bool {
        let now_us = self.service.now_us();
        let mut done = 0;
        while let Some(&(socket, until_us)) = self.waiting.get(done) {
            if self.assign_place(socket) {
                done += 1;
            } else if until_us <= now_us {
                self.refuse(socket, now);
                done += 1;
            } else {
                break;
            }
        }
        self.waiting.drain(..done);
        done > 0
    }

    /// Assigns the connection `socket` to a free place in the client list. Returns `false` if no
    /// place is free.
    fn assign_place(&mut self, socket: ConnectionId) -> bool {
        let mut places = self.clients.iter_mut().enumerate();
        let Some((at, client)) = places.find(|(_, client)| client.socket().is_none()) else {
            return false;
        };
        let sockets = self.stack.sockets();
        let ends = [sockets.peer(socket), sockets.local(socket)];
        self.end = self.end.max(at + 1);
        self.connections += 1;
        client.begin(socket, self.connections);
        self.service.arrive(client.session(), ends);
        self.service.note_buffers(client.session(), client.buffers());
        let counters = self.service.counters_mut();
        counters.connections += 1;
        counters.clients += 1;
        counters.clients_peak = counters.clients_peak.max(counters.clients);
        true
    }

    /// Sends the error about the client limit to a connection and closes it.
    fn refuse(&mut self, socket: ConnectionId, now: Instant) {
        self.service.counters_mut().note_ending(Ending::Refused);
        self.ending_log.note(None, Ending::Refused, self.service.now_us());
        let sockets = self.stack.sockets();
        // The send fails only if the connection has gone; then no reply is needed.
        let _ = sockets.send(socket, TOO_MANY_CLIENTS);
        sockets.close(socket, now);
    }
}
