//! Counters of the traffic.

mod dropped;
mod ending;

use super::rates::Traffic;

pub use dropped::{DROP_ROWS, Dropped};
pub use ending::Ending;

/// A turn that takes longer than this number of microseconds counts as long.
pub const TURN_LONG_US: u64 = 2_000;

/// Counters since boot or `CONFIG RESETSTAT`, unless a field is described as a present number.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// The number of clients connected at present.
    pub clients: u64,
    /// The maximum number of clients connected at the same time.
    pub clients_peak: u64,
    /// Accepted connections.
    pub connections: u64,
    /// Connections that exceeded the limit of clients. They got an error and were closed.
    pub connections_refused: u64,
    /// Connections that were reset or timed out.
    pub connections_lost: u64,
    /// Ended connections of clients by reason, in the order of [`Ending::ALL`].
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
    /// Connections closed because their peer read a streamed reply too slowly.
    pub clients_slow: u64,
    /// Turns of the loop.
    pub turns: u64,
    /// Turns that took longer than 2 ms. The count stays 0 without a clock.
    pub turns_long: u64,
    /// The longest turn, in microseconds.
    pub turn_us_max: u64,
    /// The total duration of all turns, in microseconds.
    pub turn_us_total: u64,
    /// Faults that `VPROBE` found, by kind, in the order of `HITS`.
    pub hits: [u64; HITS.len()],
    /// The present number of sockets of RESP and of HTTP, by state, in the order of
    /// [`SOCKET_STATES`].
    pub sockets: [[u64; SOCKET_STATES.len()]; 2],
    /// The present number of RESP sockets with wide buffers, and how many of these are unused.
    pub sockets_wide: [u64; 2],
    /// The present size of the socket buffers of RESP and of HTTP, in bytes.
    pub socket_buffer_bytes: [u64; 2],
    /// Packets and connections that the network dropped.
    pub dropped: Dropped,
    /// The number of HTTP connections that have a place at present.
    pub http_clients: u64,
    /// Accepted HTTP connections.
    pub http_connections: u64,
    /// HTTP connections refused because all places were taken.
    pub http_refused: u64,
    /// HTTP connections evicted to free a place: idle ones, ones without a complete head, or ones
    /// whose peer does not read.
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

/// The kinds of faults that `VPROBE` can find, with the words of its replies.
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

    /// Returns the traffic totals, from which the rates are computed.
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

    /// Counts a fault that `VPROBE` found.
    pub(in crate::service) fn note_hit(&mut self, kind: &str) {
        if let Some(at) = HITS.iter().position(|hit| *hit == kind) {
            self.hits[at] += 1;
        }
    }
}

impl Counters {
    /// Resets the counts of the traffic to 0. Present numbers, such as the connected clients, are
    /// kept.
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
