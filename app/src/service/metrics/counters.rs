//! Counters of the traffic.

mod dropped;
mod ending;

use super::rates::Traffic;

pub use dropped::{DROP_ROWS, Dropped};
pub use ending::Ending;

/// A turn that lasts longer keeps other clients waiting for longer than they should.
pub const TURN_LONG_US: u64 = 2_000;

/// Counters of the traffic since boot, except where a docstring says otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// Clients that are connected now.
    pub clients: u64,
    /// The most that ever were.
    pub clients_peak: u64,
    /// Connections that were accepted.
    pub connections: u64,
    /// Connections beyond the limit of clients, told so and closed.
    pub connections_refused: u64,
    /// Connections that were reset or timed out.
    pub connections_lost: u64,
    /// Connections of clients that have ended, in the order of [`Ending::ALL`].
    pub connections_ended: [u64; Ending::ALL.len()],
    /// Bytes received.
    pub bytes_received: u64,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// Requests served, with those that were refused.
    pub commands: u64,
    /// Requests that were answered with an error.
    pub errors: u64,
    /// Named regions whose lease has ended.
    pub expired_keys: u64,
    /// Connections closed because their bytes made no sense.
    pub protocol_errors: u64,
    /// Replies that needed a buffer of their own.
    pub replies_spilled: u64,
    /// Replies that were copied out of a region as they were sent.
    pub replies_streamed: u64,
    /// Connections closed because they took such a reply too slowly.
    pub clients_slow: u64,
    /// Turns of the loop, those that lasted longer than [`TURN_LONG_US`], and the longest in
    /// microseconds. Without a clock none is long.
    pub turns: u64,
    /// See [`turns`](Self::turns).
    pub turns_long: u64,
    /// See [`turns`](Self::turns).
    pub turn_us_max: u64,
    /// How long all turns took together, in microseconds.
    pub turn_us_total: u64,
    /// Faults that `VPROBE` met, in the order of `HITS`.
    pub hits: [u64; HITS.len()],
    /// Sockets of RESP and of HTTP now, in the order of [`SOCKET_STATES`].
    pub sockets: [[u64; SOCKET_STATES.len()]; 2],
    /// Sockets of RESP with wide buffers, and those of them in no use now.
    pub sockets_wide: [u64; 2],
    /// Bytes of the socket buffers of RESP and of HTTP.
    pub socket_buffer_bytes: [u64; 2],
    /// Packets and connections that the network dropped.
    pub dropped: Dropped,
    /// HTTP connections that have a place now.
    pub http_clients: u64,
    /// Their connections so far.
    pub http_connections: u64,
    /// Those that were refused because all places were taken.
    pub http_refused: u64,
    /// Those that gave their place to another one: idle, without a head, or without a reader.
    pub http_evicted: u64,
    /// Those that were closed because nothing came, or nothing was read.
    pub http_timeouts: u64,
    /// HTTP requests that were answered.
    pub http_requests: u64,
    /// Those that were answered with an error.
    pub http_errors: u64,
    /// Bytes of the answers.
    pub http_bytes_sent: u64,
}

/// What a probe can meet, as `VPROBE` says it.
pub(in crate::service) const HITS: [&str; 7] =
    ["guard", "lazy", "free", "not-present", "read-only", "no-execute", "outside"];

/// What a socket can be doing.
pub const SOCKET_STATES: [&str; 5] = ["listening", "handshaking", "open", "closing", "idle"];

impl Counters {
    /// Counts the end of a client's connection.
    pub fn note_ending(&mut self, ending: Ending) {
        self.connections_ended[ending as usize] += 1;
        self.connections_lost += u64::from(matches!(ending, Ending::Reset | Ending::TimedOut));
        self.connections_refused += u64::from(ending == Ending::Refused);
    }

    /// The totals of the traffic, from which rates are made.
    pub(in crate::service) fn traffic(&self) -> Traffic {
        let Self { commands, bytes_received, bytes_sent, .. } = *self;
        Traffic { commands, received: bytes_received, sent: bytes_sent }
    }

    /// Counts a turn of the loop that took `us` microseconds.
    pub(in crate::service) fn note_turn(&mut self, us: u64) {
        self.turns += 1;
        self.turns_long += u64::from(us > TURN_LONG_US);
        self.turn_us_total = self.turn_us_total.saturating_add(us);
        self.turn_us_max = self.turn_us_max.max(us);
    }

    /// Counts a fault that a probe met.
    pub(in crate::service) fn note_hit(&mut self, kind: &str) {
        if let Some(at) = HITS.iter().position(|hit| *hit == kind) {
            self.hits[at] += 1;
        }
    }
}

impl Counters {
    /// Counts the traffic from 0 again; who is connected stays.
    pub(in crate::service) fn reset(&mut self) {
        let Self { clients, http_clients, sockets, sockets_wide, socket_buffer_bytes, .. } = *self;
        *self = Self {
            clients,
            clients_peak: clients,
            http_clients,
            sockets,
            sockets_wide,
            socket_buffer_bytes,
            dropped: self.dropped.reset(),
            ..Self::default()
        };
    }
}
