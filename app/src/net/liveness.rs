//! Detection of dead peers.
//!
//! Three kinds of silent peers are distinguished:
//!
//! - A peer that owes an acknowledgement (of data, of a FIN, of the handshake) is given up after [`UNANSWERED`],
//!   regardless of the number of retransmissions.
//! - A peer with a window of 0 is probed.
//! - A peer that owes no acknowledgement is probed too.
//!
//! An unanswered probe is evidence only if the peer answers probes at all: some relays (passt of 2023) keep the
//! connection to the client and do not answer probes. So a peer is given up after [`PROBES`] unanswered probes only if
//! it has answered a probe on this connection before. That answer is no evidence for other connections, because the
//! late acknowledgement of a relay looks like an answer.
//!
//! smoltcp's timeout is not used, because it ends every silent connection, including those whose peer owes no
//! acknowledgement.

use smoltcp::socket::tcp::{Socket, State};
use smoltcp::time::{Duration, Instant};

/// A time that never comes.
pub(super) const NEVER: Instant = Instant::from_micros_const(i64::MAX);

/// Timeout for an acknowledgement (RFC 9293 section 3.8.3: at least 100 s).
const UNANSWERED: Duration = Duration::from_secs(120);

/// Timeout for the last packet of a handshake.
const HALF_OPEN: Duration = Duration::from_secs(60);

/// Maximum number of consecutive unanswered probes.
const PROBES: u32 = 3;

/// The state of one peer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Liveness {
    /// Time of its last packet.
    heard_at: Instant,
    /// Time since which the peer owes an acknowledgement.
    owes_since: Instant,
    /// Whether its window is 0.
    is_stopped: bool,
    /// Whether the peer has answered a probe.
    answers: bool,
    /// Whether the peer was given up.
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
    /// Returns whether a packet has arrived within this time.
    pub(super) fn is_heard(&self, now: Instant, within: Duration) -> bool {
        now < self.heard_at + within
    }

    /// Records that the peer has answered a probe, if its packet has not changed the socket: a peer sends data or a FIN
    /// without a probe too.
    pub(super) fn judge_answer(&mut self, socket: &Socket<'_>) {
        self.answers |= is_at_rest(socket);
    }
}

/// The limits for silent peers.
#[derive(Debug)]
pub(super) struct Patience {
    /// Duration of silence after which a peer is probed.
    probe_every: Option<Duration>,
    /// The socket whose last packet may be the answer to a probe.
    suspect: Option<usize>,
}

impl Patience {
    /// Creates limits with probes after `seconds` seconds of silence. 0 disables probes.
    pub(super) fn new(seconds: usize) -> Self {
        let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
        let probe_every = (seconds > 0).then(|| Duration::from_secs(seconds));
        Self { probe_every, suspect: None }
    }

    /// Returns the duration of silence after which a peer is probed.
    pub(super) fn probe_every(&self) -> Option<Duration> {
        self.probe_every
    }

    /// Records a packet of a peer before its socket gets the packet.
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

    /// Returns the socket whose last packet may be the answer to a probe.
    pub(super) fn take_suspect(&mut self) -> Option<usize> {
        self.suspect.take()
    }

    /// Returns whether a peer has timed out, and records that.
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

    /// Records whether a peer owes an acknowledgement after its socket has sent. Returns the time at which the peer is
    /// given up.
    pub(super) fn watch(&self, peer: &mut Liveness, socket: &Socket<'_>, now: Instant) -> Instant {
        if !owes(socket) {
            peer.owes_since = NEVER;
            return NEVER;
        }
        peer.owes_since = peer.owes_since.min(now);
        // A peer with a window of 0 is probed, and checked after each probe.
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

/// Returns whether the socket has a peer.
fn has_peer(socket: &Socket<'_>) -> bool {
    !matches!(socket.state(), State::Closed | State::Listen | State::TimeWait)
}

/// Returns whether the peer owes an acknowledgement.
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
