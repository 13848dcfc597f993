//! Detects peers that no longer answer, so that their connections can be ended.
//!
//! Three kinds of silent peers are distinguished:
//!
//! - A peer that has not acknowledged data or a FIN is given up after [`UNANSWERED`], and one that has not completed
//!   the handshake after [`HALF_OPEN`], regardless of the number of retransmissions.
//! - A peer with a window of 0 receives window probes and is not given up while it answers.
//! - A peer that has acknowledged everything receives keep-alive probes.
//!
//! Some relays (passt of 2023) never answer keep-alive probes although the connection to the client works. A peer is
//! therefore given up after [`PROBES`] unanswered probes only if it has answered a probe on the same connection before.
//! An answer on one connection is not used for other connections, because the late acknowledgement of a relay looks
//! like an answer.
//!
//! The timeout of smoltcp is not used, because it ends every silent connection, also if the peer has acknowledged
//! everything.

use smoltcp::socket::tcp::{Socket, State};
use smoltcp::time::{Duration, Instant};

/// A time that never comes.
pub(super) const NEVER: Instant = Instant::from_micros_const(i64::MAX);

/// Time after which a peer that has not acknowledged data or a FIN is given up (RFC 9293 section 3.8.3: at least 100
/// s).
const UNANSWERED: Duration = Duration::from_secs(120);

/// Time after which a peer that has not acknowledged the SYN-ACK is given up.
const HALF_OPEN: Duration = Duration::from_secs(60);

/// Number of consecutive unanswered keep-alive probes after which a peer that answers probes is given up.
const PROBES: u32 = 3;

/// When the peer of one socket was last heard, and whether it still has to acknowledge something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Liveness {
    /// Time at which the last packet of the peer arrived.
    heard_at: Instant,
    /// Time since which an acknowledgement of the peer is missing, or [`NEVER`] if none is missing.
    owes_since: Instant,
    /// Whether the peer has announced a window of 0.
    is_stopped: bool,
    /// Whether the peer has answered a keep-alive probe on this connection.
    answers: bool,
    /// Whether the connection was ended because the peer did not answer.
    pub(super) is_timed_out: bool,
}

impl Liveness {
    /// Creates the state of a socket without a peer.
    pub(super) const fn new() -> Self {
        Self::heard_at(Instant::ZERO)
    }

    /// Creates the state of a peer that has begun a connection.
    pub(super) const fn heard_at(now: Instant) -> Self {
        Self {
            heard_at: now,
            owes_since: NEVER,
            is_stopped: false,
            answers: false,
            is_timed_out: false,
        }
    }
}

impl Liveness {
    /// Returns whether the last packet of the peer arrived less than `within` before `now`.
    pub(super) fn is_heard(&self, now: Instant, within: Duration) -> bool {
        now < self.heard_at + within
    }

    /// Called after the socket has processed a packet that may answer a probe. Records that the peer answers probes if
    /// the socket is still idle. If the packet contained data or a FIN, it is no proof, because a peer sends such
    /// packets also without a probe.
    pub(super) fn judge_answer(&mut self, socket: &Socket<'_>) {
        self.answers |= is_at_rest(socket);
    }
}

/// Decides when silent peers are probed and given up.
#[derive(Debug)]
pub(super) struct Patience {
    /// Time without a packet after which a peer is probed. `None` disables probes.
    probe_every: Option<Duration>,
    /// Index of the socket whose current packet may be the answer to a probe.
    suspect: Option<usize>,
}

impl Patience {
    /// Creates limits: peers are probed after `seconds` seconds without a packet. 0 disables probes.
    pub(super) fn new(seconds: usize) -> Self {
        let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
        let probe_every = (seconds > 0).then(|| Duration::from_secs(seconds));
        Self { probe_every, suspect: None }
    }

    /// Returns the time without a packet after which a peer is probed, or `None` if probes are disabled.
    pub(super) fn probe_every(&self) -> Option<Duration> {
        self.probe_every
    }

    /// Records that a packet of `peer` has arrived. Must be called before the socket with this `index` processes the
    /// packet.
    pub(super) fn hear(
        &mut self,
        index: usize,
        peer: &mut Liveness,
        socket: &Socket<'_>,
        is_stopped: bool,
        now: Instant,
    ) {
        let was_probed = self.probe_every.is_some_and(|every| now >= peer.heard_at + every);
        if was_probed && !peer.answers && is_at_rest(socket) {
            self.suspect = Some(index);
        }
        peer.heard_at = now;
        peer.owes_since = NEVER;
        peer.is_stopped = is_stopped;
    }

    /// Returns the index of the socket whose current packet may be the answer to a probe, once.
    pub(super) fn take_suspect(&mut self) -> Option<usize> {
        self.suspect.take()
    }

    /// Returns whether a peer must be given up now. If so, records this in `peer`.
    pub(super) fn is_over(&self, peer: &mut Liveness, socket: &Socket<'_>, now: Instant) -> bool {
        if !has_peer(socket) {
            return false;
        }
        let is_unanswered = !peer.is_stopped && now >= self.owed_until(peer, socket);
        let probes_over = self
            .probe_every
            .is_some_and(|every| peer.answers && now >= peer.heard_at + every * (PROBES + 1));
        peer.is_timed_out |= is_unanswered || probes_over;
        is_unanswered || probes_over
    }

    /// Records, after the socket has sent, whether an acknowledgement of the peer is missing. Returns the time at which
    /// the peer must be given up, or [`NEVER`].
    pub(super) fn watch(&self, peer: &mut Liveness, socket: &Socket<'_>, now: Instant) -> Instant {
        if !owes(socket) {
            peer.owes_since = NEVER;
            return NEVER;
        }
        peer.owes_since = peer.owes_since.min(now);
        // A peer with a window of 0 is probed, and each probe leads to another check.
        if peer.is_stopped { NEVER } else { self.owed_until(peer, socket) }
    }

    fn owed_until(&self, peer: &Liveness, socket: &Socket<'_>) -> Instant {
        if peer.owes_since == NEVER {
            return NEVER;
        }
        let limit = if socket.state() == State::SynReceived { HALF_OPEN } else { UNANSWERED };
        peer.owes_since + limit
    }
}

/// Returns whether the socket has a connection that is not closed on both sides.
fn has_peer(socket: &Socket<'_>) -> bool {
    !matches!(socket.state(), State::Closed | State::Listen | State::TimeWait)
}

/// Returns whether the peer has not acknowledged all data, the SYN or the FIN of the socket.
fn owes(socket: &Socket<'_>) -> bool {
    let state = socket.state();
    let owes_control =
        matches!(state, State::SynReceived | State::FinWait1 | State::Closing | State::LastAck);
    has_peer(socket) && (owes_control || socket.send_queue() > 0)
}

/// Returns whether a connection is open and idle: all sent bytes are acknowledged, and all received bytes are read.
fn is_at_rest(socket: &Socket<'_>) -> bool {
    let is_open = matches!(socket.state(), State::Established | State::CloseWait);
    is_open && socket.send_queue() == 0 && socket.recv_queue() == 0
}
