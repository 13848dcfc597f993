//! The loop of the server: it takes packets in, serves requests and sends packets, one turn at a
//! time.
//!
//! A turn never blocks and does at most one slice of long work, so no client can delay the other
//! clients for long. The steps of a turn, in order: receive packets; serve the bytes and requests
//! of every client; accept new connections; serve HTTP connections; reap regions of ended
//! connections and ended leases; transmit packets. A turn without any work purges lazy areas.
//!
//! **Invariant**: [`Server::new`] allocates the fixed buffers of all clients. Later the server
//! allocates, from [`Buffers`], only for a request or a reply that is too large for the fixed
//! buffer of its connection. Such an allocation may fail; the request is then refused.

mod accept;
mod client;
mod dropped;
mod ending_log;
mod http_connection;
mod http_connections;
mod input;
mod later;
mod output;
pub mod position;
mod queue;
mod request_buffer;
mod respond;
mod serve;
mod shutdown;
mod state;

use smoltcp::time::Instant;
use vmalloc::Access;

use crate::buffers::Buffers;
use crate::net::{Counts, Nic, Port};
use crate::service::Budget;

use client::Client;
use position::Position;

pub use state::{Server, Turn, clients_for};

/// Time between two purges of an idle loop, in microseconds. A client that waits for each reply
/// makes the loop idle after every request, and must not pay for a flush each time.
const IDLE_PAUSE_US: u64 = 10_000;

impl<N: Nic, M: Access, B: Buffers> Server<N, M, B> {
    /// Runs one turn at the time `now_us`, in microseconds since boot. `now_us` must never be less
    /// than in the turn before.
    pub fn turn(&mut self, now_us: u64) -> Turn {
        position::begin_turn();
        let turn = self.take_turn(now_us);
        Position::Asleep.note();
        self.service.note_turn();
        turn
    }

    fn take_turn(&mut self, now_us: u64) -> Turn {
        let now = Instant::from_micros(i64::try_from(now_us).unwrap_or(i64::MAX));
        self.service.set_now(now_us);
        if self.service.is_shutting_down() {
            return self.shut_down(now);
        }
        // Acknowledging pending flushes here spares the CPU that requested them an IPI to this CPU.
        self.service.vm().acknowledge();
        let mut budget = Budget::of_a_turn();
        let mut busy = self.service.collect() | self.stack.receive(now);
        Position::Serve.note();
        // Clients are served before connections are accepted: a client that ends leaves its place
        // in `clients` to a new connection.
        busy |= self.serve(now, &mut budget);
        Position::Accept.note();
        busy |= self.accept(now);
        Position::Report.note();
        self.note_sockets();
        busy |= self.http_connections.turn(&mut self.service, self.stack.sockets(), now);
        Position::Reap.note();
        busy |= self.service.reap(&mut budget);
        Position::Transmit.note();
        self.stack.transmit(now);
        if busy || self.stack.pending() || !self.service.is_reaped() {
            return Turn::Busy;
        }
        let wake = self.stack.wake_at(now);
        let wake = wake.map(|wake| u64::try_from(wake.total_micros()).unwrap_or(0));
        let http = self.http_connections.wake_us(&self.service);
        let refusal = self.waiting.first().map(|(_, until_us)| *until_us);
        let wakes =
            [wake, self.service.wake_at(), self.run_idle(now_us), http, refusal, self.slow_at()];
        Turn::Idle { wake_us: wakes.into_iter().flatten().min() }
    }

    /// Returns the earliest deadline of the clients that receive a streamed reply, in microseconds
    /// since boot. A client that has not read its reply by then is closed.
    fn slow_at(&self) -> Option<u64> {
        if !self.service.is_streaming() {
            return None;
        }
        self.clients[..self.end].iter().filter_map(Client::deadline_us).min()
    }

    /// Passes the counts of dropped packets and the numbers of sockets to the service, which
    /// reports them.
    fn note_sockets(&mut self) {
        if let Some(drops) = self.stack.new_drops() {
            self.service.counters_mut().dropped.note(dropped::counts(&drops));
        }
        let sockets = self.stack.sockets();
        if !sockets.take_changed() {
            return;
        }
        self.service.counters_mut().sockets = [Port::Resp, Port::Http].map(|port| {
            let Counts { listening, handshaking, open, closing, idle, .. } = sockets.counts(port);
            [listening, handshaking, open, closing, idle].map(|count| count as u64)
        });
        let Counts { wide, wide_idle, .. } = sockets.counts(Port::Resp);
        let bytes = [Port::Resp, Port::Http].map(|port| sockets.buffer_bytes(port));
        let counters = self.service.counters_mut();
        counters.sockets_wide = [wide, wide_idle].map(|count| count as u64);
        counters.socket_buffer_bytes = bytes.map(|bytes| bytes as u64);
    }

    /// Runs idle work (purging lazy areas and clearing free frames) unless it ran less than
    /// [`IDLE_PAUSE_US`] ago. Returns when idle work must run again, or `None` if no idle work is
    /// left.
    fn run_idle(&mut self, now_us: u64) -> Option<u64> {
        if now_us < self.idle_at_us {
            return Some(self.idle_at_us);
        }
        Position::Idle.note();
        self.idle_at_us = now_us + IDLE_PAUSE_US;
        self.service.run_idle().then_some(self.idle_at_us)
    }
}
