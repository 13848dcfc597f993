//! Counters of the traffic.

mod dropped;
mod ending;

use super::rates::Traffic;

pub use dropped::{DROP_ROWS, Dropped};
pub use ending::Ending;

/// Microseconds after which a turn counts as long.
pub const TURN_LONG_US: u64 = 2_000;

/// Counters of the traffic since boot, unless a field says otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// Clients connected now.
    pub clients: u64,
    /// The maximum of connected clients.
    pub clients_peak: u64,
    /// Accepted connections.
    pub connections: u64,
    /// Connections beyond the limit of clients, which got an error and were closed.
    pub connections_refused: u64,
    /// Connections that were reset or timed out.
    pub connections_lost: u64,
    /// Ended connections of clients, in the order of [`Ending::ALL`].
    pub connections_ended: [u64; Ending::ALL.len()],
    /// Bytes received.
    pub bytes_received: u64,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// Requests, including refused ones.
    pub commands: u64,
    /// Requests that were answered with an error.
    pub errors: u64,
    /// Named regions freed because their lease expired.
    pub expired_keys: u64,
    /// Connections closed because their bytes broke the protocol.
    pub protocol_errors: u64,
    /// Replies that needed a larger buffer.
    pub replies_spilled: u64,
    /// Replies that were copied out of a region while they were sent.
    pub replies_streamed: u64,
    /// Connections closed because they took a streamed reply too slowly.
    pub clients_slow: u64,
    /// Turns of the loop.
    pub turns: u64,
    /// Turns that took longer than 2 ms; 0 without a clock.
    pub turns_long: u64,
    /// The longest turn, in microseconds.
    pub turn_us_max: u64,
    /// The total duration of all turns, in microseconds.
    pub turn_us_total: u64,
    /// Faults that `VPROBE` met, in the order of `HITS`.
    pub hits: [u64; HITS.len()],
    /// Sockets of RESP and of HTTP now, in the order of [`SOCKET_STATES`].
    pub sockets: [[u64; SOCKET_STATES.len()]; 2],
    /// Sockets of RESP with wide buffers, and the unused ones among them.
    pub sockets_wide: [u64; 2],
    /// Bytes of the socket buffers of RESP and of HTTP.
    pub socket_buffer_bytes: [u64; 2],
    /// Packets and connections that the network dropped.
    pub dropped: Dropped,
    /// HTTP connections that have a place now.
    pub http_clients: u64,
    /// Accepted HTTP connections.
    pub http_connections: u64,
    /// HTTP connections refused because all places were taken.
    pub http_refused: u64,
    /// HTTP connections evicted for another one: idle, without a head, or without a reader.
    pub http_evicted: u64,
    /// HTTP connections closed because the peer sent or read no bytes in time.
    pub http_timeouts: u64,
    /// HTTP requests that were answered.
    pub http_requests: u64,
    /// HTTP requests that were answered with an error.
    pub http_errors: u64,
    /// Bytes of HTTP answers sent.
    pub http_bytes_sent: u64,
}

/// The kinds of faults that a probe can meet, with the words of `VPROBE`.
pub(in crate::service) const HITS: [&str; 7] =
    ["guard", "lazy", "free", "not-present", "read-only", "no-execute", "outside"];

/// The states of a socket.
pub const SOCKET_STATES: [&str; 5] = ["listening", "handshaking", "open", "closing", "idle"];

impl Counters {
    /// Counts the end of a client's connection.
    pub fn note_ending(&mut self, ending: Ending) {
        self.connections_ended[ending as usize] += 1;
        self.connections_lost += u64::from(matches!(ending, Ending::Reset | Ending::TimedOut));
        self.connections_refused += u64::from(ending == Ending::Refused);
    }

    /// Returns the totals of the traffic, from which rates are computed.
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
    /// Resets the counts of the traffic to 0. Gauges, such as the connected clients, are kept.
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
