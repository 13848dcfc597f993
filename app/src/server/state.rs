//! The service on a network device: its parts, and how it is made.

use alloc::vec::Vec;
use core::fmt;

use runtime_config::cmdline::Config;
use runtime_config::limits;
use vmalloc::{Machine, PAGE_BYTES, Vmalloc};

use super::client::{self, Client};
use super::ending_log::EndingLog;
use super::http_connections::HttpConnections;
use super::later::Later;
use super::request_buffer::Allowance;
use crate::bench::RunOnAll;
use crate::buffers::{Buffers, Shortage};
use crate::net::{self, ConnectionId, Nic, Stack};
use crate::resp::{Limits, Ranges};
use crate::service::{Service, Submit};

/// Bytes that the input holds beyond an inline request: the headers of a multi-bulk request and
/// its small arguments.
const INPUT_SLACK_BYTES: usize = 4096;

/// An argument of this size fits into the input, however short inline requests may be.
const ARGUMENT_BYTES: usize = 64 << 10;

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
    pub(super) stack: Stack<N>,
    pub(super) service: Service<M>,
    pub(super) buffers: B,
    pub(super) clients: Vec<Client<B::Buffer>>,
    pub(super) http_connections: HttpConnections,
    pub(super) ranges: Ranges,
    pub(super) allowance: Allowance,
    pub(super) limits: Limits,
    /// Connections so far; the number of the last one.
    pub(super) connections: u64,
    /// Connections that wait for a place, oldest first, and until when.
    pub(super) waiting: Vec<(ConnectionId, u64)>,
    pub(super) ending_log: EndingLog,
    /// The client that is served first in the next turn.
    pub(super) first: usize,
    /// Clients that are served behind the others in the turn.
    pub(super) later: Later,
    /// No place from here on has a client.
    pub(super) end: usize,
    /// Whether an audit or a transaction was under way in the last turn.
    pub(super) was_restricted: bool,
    /// Idle time is not used before.
    pub(super) idle_at_us: u64,
    /// When a shutdown that is under way ends at the latest.
    pub(super) off_at_us: Option<u64>,
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
            idle_at_us: 0,
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
}

impl<N: Nic, M: Machine, B: Buffers> fmt::Debug for Server<N, M, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("stack", &self.stack)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}
