//! The server: its parts, and its construction.

use alloc::vec::Vec;
use core::fmt;

use runtime_config::cmdline::Config;
use runtime_config::limits;
use vmalloc::{Access, PAGE_BYTES, Vmalloc};

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

/// Bytes that the input of a connection holds beyond an inline request, for the headers and the
/// small arguments of a multi-bulk request.
const INPUT_SLACK_BYTES: usize = 4096;

/// An argument of this number of bytes fits into the input of a connection, even if the
/// configuration limits inline requests to less.
const ARGUMENT_BYTES: usize = 64 << 10;

/// The action that the caller of a turn must take next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Run the next turn immediately.
    Busy,
    /// Sleep until the network device interrupts, or until a time.
    Idle {
        /// When the next turn is due, in microseconds since boot; `None` is never.
        wake_us: Option<u64>,
    },
    /// Power the machine off: a client has requested it, and the connections are closed.
    Off,
}

/// The service on a network device.
pub struct Server<N: Nic, M: Access + 'static, B: Buffers> {
    pub(super) stack: Stack<N>,
    pub(super) service: Service<M>,
    pub(super) buffers: B,
    pub(super) clients: Vec<Client<B::Buffer>>,
    pub(super) http_connections: HttpConnections,
    pub(super) ranges: Ranges,
    pub(super) allowance: Allowance,
    pub(super) limits: Limits,
    /// The number of connections accepted since boot. It is also the number of the newest
    /// connection.
    pub(super) connections: u64,
    /// Connections that wait for a place in the client list, oldest first, each with the time when
    /// it is refused, in microseconds since boot.
    pub(super) waiting: Vec<(ConnectionId, u64)>,
    pub(super) ending_log: EndingLog,
    /// The index of the client that is served first in the next turn.
    pub(super) first: usize,
    /// The clients of this turn that are served after the other clients.
    pub(super) later: Later,
    /// The end of the used places: all places from this index on are free.
    pub(super) end: usize,
    /// Whether an audit or a transaction was in progress in the last turn.
    pub(super) was_restricted: bool,
    /// When idle work may run next, in microseconds since boot.
    pub(super) idle_at_us: u64,
    /// When a shutdown in progress ends at the latest, in microseconds since boot.
    pub(super) off_at_us: Option<u64>,
}

/// Returns how many clients the server accepts on a machine with `memory_bytes` bytes of memory.
/// This is the configured number, limited so that the buffers of all clients fit into a fixed part
/// of the memory.
#[must_use]
pub fn clients_for(config: &Config, memory_bytes: u64) -> usize {
    let held = input_bytes(config) + client::OUTPUT_BYTES + net::BYTES_PER_CLIENT;
    let part = memory_bytes / (limits::CLIENTS_PART * held) as u64;
    config.clients.min(usize::try_from(part).unwrap_or(usize::MAX)).max(limits::CLIENTS_MIN)
}

fn input_bytes(config: &Config) -> usize {
    config.inline_bytes.max(ARGUMENT_BYTES) + INPUT_SLACK_BYTES
}

/// Returns how many bytes the larger buffers of all requests may occupy in total, on a machine with
/// `frames` frames.
fn requests_bytes(frames: u64) -> usize {
    let bytes = frames * PAGE_BYTES / limits::REQUESTS_PART as u64;
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

impl<N: Nic, M: Access, B: Buffers> Server<N, M, B> {
    /// Allocates all memory that the clients will need, and begins to listen.
    ///
    /// `seed` makes sequence numbers and hashes unpredictable.
    ///
    /// # Errors
    ///
    /// A buffer could not be allocated.
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

    /// Sets a clock in microseconds that measures durations inside a turn. Without a clock,
    /// `VCHECK` reports a duration of 0.
    #[must_use]
    pub fn with_clock(mut self, clock: fn() -> u64) -> Self {
        self.service.set_clock(clock);
        self
    }

    /// Sets when the image booted, in seconds since 1970, if known.
    #[must_use]
    pub fn booted_at(mut self, seconds: Option<u64>) -> Self {
        self.service.set_booted_at(seconds);
        self
    }

    /// Sets the function that runs benchmarks on the APs. Without it, `VBENCH` runs on the calling
    /// CPU only.
    #[must_use]
    pub fn with_crew(mut self, crew: RunOnAll<M>) -> Self {
        self.service.set_crew(crew);
        self
    }

    /// Sets the function that offloads long-running work to the APs. Without it, the BSP does that
    /// work in slices or within the request.
    #[must_use]
    pub fn with_submit(mut self, submit: Submit<M>) -> Self {
        self.service.set_submit(submit);
        self
    }

    /// Returns the network stack.
    pub fn stack(&mut self) -> &mut Stack<N> {
        &mut self.stack
    }
}

impl<N: Nic, M: Access, B: Buffers> fmt::Debug for Server<N, M, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("stack", &self.stack)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}
