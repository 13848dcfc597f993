//! The loop: packets in, requests served, packets out, one turn at a time.
//!
//! A turn never blocks and never does more than a slice of long work, so that one client cannot
//! keep the others waiting. Order of a turn: packets one by one, every client's bytes and requests,
//! new connections, HTTP connections, what connections that have ended left behind, packets
//! out, one kick. A turn with nothing to do releases what waits for a flush.
//!
//! **Invariant**: everything that clients need is taken by [`Server::new`]; afterwards only a request or a
//! reply too large for its connection's buffer takes memory, from [`Buffers`], and may be refused.

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

use alloc::vec::Vec;
use core::fmt;

use runtime_config::cmdline::Config;
use runtime_config::limits;
use smoltcp::time::Instant;
use vmalloc::{Machine, PAGE_BYTES, Vmalloc};

use crate::bench::RunOnAll;
use crate::buffers::{Buffers, Shortage};
use crate::net::{self, ConnectionId, Counts, Nic, Port, Stack};
use crate::resp::{Limits, Ranges};
use crate::service::{Budget, Service, Submit};

use client::Client;
use ending_log::EndingLog;
use http_connections::HttpConnections;
use later::Later;
use position::Position;
use request_buffer::Allowance;

/// Bytes that the input holds beyond an inline request: the headers of a multi-bulk request and
/// its small arguments.
const INPUT_SLACK_BYTES: usize = 4096;

/// An argument of so many bytes fits into the input, however short inline requests may be.
const ARGUMENT_BYTES: usize = 64 << 10;

/// Between two purges by a loop that has nothing else to do. A client that waits for each reply lets
/// the loop run dry after every request, and must not pay for a flush each time.
const TIDY_PAUSE_US: u64 = 10_000;

/// What the caller of a turn does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Take the next turn at once.
    Busy,
    /// Sleep until the network device interrupts, or until a time.
    Idle {
        /// When the next turn is due; `None` is never.
        wake_us: Option<u64>,
    },
    /// Power the machine off: a client has asked for it, and the connections are closed.
    Off,
}

/// The service on a network device.
pub struct Server<N: Nic, M: Machine + 'static, B: Buffers> {
    stack: Stack<N>,
    service: Service<M>,
    buffers: B,
    clients: Vec<Client<B::Buffer>>,
    http_connections: HttpConnections,
    ranges: Ranges,
    allowance: Allowance,
    limits: Limits,
    /// Connections so far; the number of the last one.
    connections: u64,
    /// Connections that wait for a place, oldest first, and until when.
    waiting: Vec<(ConnectionId, u64)>,
    ending_log: EndingLog,
    /// The client that is served first in the next turn.
    first: usize,
    /// Clients that are served behind the others in the turn.
    later: Later,
    /// No place from here on has a client.
    end: usize,
    /// Whether an audit or a transaction was under way in the last turn.
    was_restricted: bool,
    /// Before it nothing is tidied up.
    tidy_at_us: u64,
    /// When a shutdown that is under way ends at the latest.
    off_at_us: Option<u64>,
}

/// How many clients a configuration has room for in so much memory: as many as it wants, or what
/// the buffers of fit into a part of it.
#[must_use]
pub fn clients_for(config: &Config, memory_bytes: u64) -> usize {
    let held = input_bytes(config) + client::OUTPUT_BYTES + net::BYTES_PER_CLIENT;
    let part = memory_bytes / (limits::CLIENTS_PART * held) as u64;
    config.clients.min(usize::try_from(part).unwrap_or(usize::MAX)).max(limits::CLIENTS_MIN)
}

fn input_bytes(config: &Config) -> usize {
    config.inline_bytes.max(ARGUMENT_BYTES) + INPUT_SLACK_BYTES
}

/// Bytes that larger inputs may take together, on a machine with so many frames.
fn requests_bytes(frames: u64) -> usize {
    let bytes = frames * PAGE_BYTES / limits::REQUESTS_PART as u64;
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

impl<N: Nic, M: Machine, B: Buffers> Server<N, M, B> {
    /// Takes all memory that the clients will need and begins to listen.
    ///
    /// `seed` makes sequence numbers and hashes unpredictable.
    ///
    /// # Errors
    ///
    /// A buffer could not be had.
    pub fn new(
        nic: N,
        vm: &'static Vmalloc<M>,
        buffers: B,
        config: &Config,
        seed: u64,
    ) -> Result<Self, Shortage> {
        let limits = Limits {
            inline_bytes: config.inline_bytes,
            bulk_bytes: config.bulk_bytes,
            arguments: config.arguments,
            is_admitted: true,
            held_bytes: input_bytes(config),
        };
        let memory_bytes = vm.stats().frames_total * PAGE_BYTES;
        let clients = Client::places(&buffers, config.clients, &limits)?;
        let http_connections = HttpConnections::try_new(&buffers, config)?;
        Ok(Self {
            stack: Stack::try_new(nic, &buffers, config, memory_bytes, seed)?,
            service: Service::try_new(vm, &buffers, config, seed.rotate_left(17))?,
            buffers,
            clients,
            http_connections,
            ranges: Ranges::with_limit(limits::INLINE_WORDS, config.inline_bytes),
            allowance: Allowance::new(requests_bytes(vm.stats().frames_total)),
            limits,
            connections: 0,
            waiting: Vec::with_capacity(config.clients),
            ending_log: EndingLog::new(),
            first: 0,
            later: Later::with_capacity(config.clients),
            end: 0,
            was_restricted: false,
            tidy_at_us: 0,
            off_at_us: None,
        })
    }

    /// Lets durations inside a turn be measured, with a clock in microseconds: without it `VCHECK`
    /// says 0.
    #[must_use]
    pub fn with_clock(mut self, clock: fn() -> u64) -> Self {
        self.service.set_clock(clock);
        self
    }

    /// Says when the image booted, in seconds since 1970, where that is known.
    #[must_use]
    pub fn booted_at(mut self, seconds: Option<u64>) -> Self {
        self.service.set_booted_at(seconds);
        self
    }

    /// Lends the service more CPUs than the one that calls: without them `VBENCH` has one.
    #[must_use]
    pub fn with_crew(mut self, crew: RunOnAll<M>) -> Self {
        self.service.set_crew(crew);
        self
    }

    /// Lets long work be done on other CPUs: without them this one does it in slices, or in one go.
    #[must_use]
    pub fn with_lend(mut self, lend: Submit<M>) -> Self {
        self.service.set_submit(lend);
        self
    }

    /// The network.
    pub fn stack(&mut self) -> &mut Stack<N> {
        &mut self.stack
    }

    /// Takes one turn. `now_us` never goes back.
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
        // Spares another CPU the interrupt.
        self.service.vm().acknowledge();
        let mut budget = Budget::of_a_turn();
        let mut busy = self.service.collect() | self.stack.receive(now);
        Position::Serve.note();
        // Those who leave make room for those who come.
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
            [wake, self.service.wake_at(), self.tidy(now_us), http, refusal, self.slow_at()];
        Turn::Idle { wake_us: wakes.into_iter().flatten().min() }
    }

    /// When the next client is closed that takes a streamed reply too slowly.
    fn slow_at(&self) -> Option<u64> {
        if !self.service.is_streaming() {
            return None;
        }
        self.clients[..self.end].iter().filter_map(Client::deadline_us).min()
    }

    /// Tells the service what the sockets are doing, for its reports.
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

    /// Tidies up, unless that was tried just now; returns when to try again, if at all.
    fn tidy(&mut self, now_us: u64) -> Option<u64> {
        if now_us < self.tidy_at_us {
            return Some(self.tidy_at_us);
        }
        Position::Tidy.note();
        self.tidy_at_us = now_us + TIDY_PAUSE_US;
        self.service.run_idle().then_some(self.tidy_at_us)
    }
}

impl<N: Nic, M: Machine, B: Buffers> fmt::Debug for Server<N, M, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("stack", &self.stack)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}
