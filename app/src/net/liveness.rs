//! Whether the peer of a connection still lives.
//!
//! Three kinds of silence are told apart.
//!
//! - A peer that owes an acknowledgement (of data, of a FIN, of the handshake) is given up after
//!   [`UNANSWERED`], however often it was sent again.
//! - A peer that takes nothing (its window is 0), and
//! - a peer that owes nothing and says nothing are only probed. An unanswered probe proves something
//!   only where probes are answered at all: some relays (passt of 2023) keep the connection to the
//!   client and leave probes to it unanswered. A peer that has answered a probe on this connection,
//!   and then leaves [`PROBES`] of them unanswered, is given up; any other is not. One answer is not
//!   taken as proof for other connections: a relay's late acknowledgement looks like an answer.
//!
//! smoltcp's own timeout is not used: it ends each connection whose peer is silent for so long,
//! also one that owes nothing.

use smoltcp::socket::tcp::{Socket, State};
use smoltcp::time::{Duration, Instant};

/// A time that never comes.
pub(super) const NEVER: Instant = Instant::from_micros_const(i64::MAX);

/// How long a peer may owe an acknowledgement (RFC 9293 section 3.8.3: at least 100 s).
const UNANSWERED: Duration = Duration::from_secs(120);

/// The same for the last packet of a handshake, whose sender has proved nothing yet.
const HALF_OPEN: Duration = Duration::from_secs(60);

/// Probes in a row that a peer may leave unanswered.
const PROBES: u32 = 3;

/// The state of one peer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Liveness {
    /// When its last packet came.
    heard_at: Instant,
    /// Since when it owes an acknowledgement.
    owes_since: Instant,
    /// It takes no more bytes for now.
    is_stopped: bool,
    /// It has answered a probe.
    answers: bool,
    /// It was given up.
    pub(super) is_timed_out: bool,
}

impl Liveness {
    /// Of a socket without a peer.
    pub(super) const fn new() -> Self {
        Self::heard_at(Instant::ZERO)
    }

    /// Of a peer that has just begun a connection.
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
    /// Whether a packet has come within this time.
    pub(super) fn is_heard(&self, now: Instant, within: Duration) -> bool {
        now < self.heard_at + within
    }

    /// Notes that the peer has answered a probe, where its packet has changed nothing: a peer that
    /// sends or ends would have come without a probe as well.
    pub(super) fn judge_answer(&mut self, socket: &Socket<'_>) {
        self.answers |= is_at_rest(socket);
    }
}

/// How long peers may be silent.
#[derive(Debug)]
pub(super) struct Patience {
    /// Silence after which a peer is probed.
    probe_every: Option<Duration>,
    /// The socket whose packet may be the answer to a probe.
    suspect: Option<usize>,
}

impl Patience {
    /// Peers are probed after so many seconds of silence, with 0 never.
    pub(super) fn new(seconds: usize) -> Self {
        let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
        let probe_every = (seconds > 0).then(|| Duration::from_secs(seconds));
        Self { probe_every, suspect: None }
    }

    /// Silence after which a peer is probed.
    pub(super) fn probe_every(&self) -> Option<Duration> {
        self.probe_every
    }

    /// Notes that a packet of a peer has come, before its socket gets it.
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

    /// The socket whose last packet may have been the answer to a probe.
    pub(super) fn take_suspect(&mut self) -> Option<usize> {
        self.suspect.take()
    }

    /// Whether the time of a peer is over. It is noted then.
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

    /// Notes what a peer owes after its socket has sent; the time at which it is given up for that.
    pub(super) fn watch(&self, peer: &mut Liveness, socket: &Socket<'_>, now: Instant) -> Instant {
        if !owes(socket) {
            peer.owes_since = NEVER;
            return NEVER;
        }
        peer.owes_since = peer.owes_since.min(now);
        // One that takes nothing is probed, and looked at again each time.
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

/// Whether the socket has a peer that could be given up.
fn has_peer(socket: &Socket<'_>) -> bool {
    !matches!(socket.state(), State::Closed | State::Listen | State::TimeWait)
}

/// Whether the peer has something to acknowledge.
fn owes(socket: &Socket<'_>) -> bool {
    let state = socket.state();
    let owes_control =
        matches!(state, State::SynReceived | State::FinWait1 | State::Closing | State::LastAck);
    has_peer(socket) && (owes_control || socket.send_queue() > 0)
}

/// Whether a connection is open, with nothing sent that is not acknowledged and nothing received
/// that is not read.
fn is_at_rest(socket: &Socket<'_>) -> bool {
    let is_open = matches!(socket.state(), State::Established | State::CloseWait);
    is_open && socket.send_queue() == 0 && socket.recv_queue() == 0
}
