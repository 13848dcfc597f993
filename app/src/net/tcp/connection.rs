//! One connection in front of its socket.

use smoltcp::socket::tcp::State;
use smoltcp::time::{Duration, Instant};

use super::guard::{self, Verdict};
use super::path::Path;
use super::recovery::Recovery;
use super::segment::{self, Segment, TcpOptions};
use super::track::Track;
use crate::net::link::Hop;

/// Between two challenges of one connection (RFC 5961 section 7). The limit is of each connection: one
/// for all would tell a stranger what happens on another one.
const CHALLENGE_PAUSE: Duration = Duration::from_millis(100);

/// The state of a connection that its socket does not have.
#[derive(Clone, Copy, Debug)]
pub(in crate::net) struct TcpConnection {
    pub(in crate::net) track: Track,
    pub(in crate::net) recovery: Recovery,
    pub(in crate::net) path: Path,
    /// How far the numbers that the peer knows are ahead of those of the socket: it was greeted with a
    /// cookie.
    pub(in crate::net) shift: u32,
    /// The way to the peer.
    pub(in crate::net) hop: Hop,
    /// No challenge is sent before.
    challenge_at: Instant,
}

impl TcpConnection {
    /// Of a socket without a peer.
    pub(in crate::net) fn none() -> Self {
        Self {
            track: Track::default(),
            recovery: Recovery::new(),
            path: Path::NONE,
            shift: 0,
            hop: Hop::default(),
            challenge_at: Instant::ZERO,
        }
    }

    /// Begins with the SYN of a peer; `own` is the longest segment that this end takes.
    pub(in crate::net) fn begin(syn: &Segment, options: &TcpOptions, own: u16) -> Self {
        // Without the option, or with 0, it is what every network passes (RFC 9293 section 3.7.1).
        let theirs =
            options.maximum_segment.filter(|bytes| *bytes > 0).unwrap_or(super::path::ALWAYS);
        let (track, path) = (Track::begin(syn, options), Path::new(own.min(theirs)));
        Self { track, path, ..Self::none() }
    }

    /// Takes a segment of the peer, with its bytes: what is done with it, and whether the first segment
    /// that is not acknowledged has to be sent again. Where the segment may pass, its bytes are as its
    /// socket wants them, but for the checksum.
    pub(in crate::net) fn hear(
        &mut self,
        state: State,
        segment: &mut Segment,
        bytes: &mut [u8],
        now: Instant,
    ) -> (Verdict, bool) {
        if self.shift != 0 && segment.has(segment::ACK) {
            segment.acknowledged = segment.acknowledged.wrapping_sub(self.shift);
            segment::set_acknowledged(bytes, segment.acknowledged, segment.window);
        }
        let verdict = guard::judge(&self.track, state, segment);
        match verdict {
            Verdict::Pass => {}
            Verdict::PassAsLast => {
                segment.acknowledged = self.track.unacknowledged;
                segment.window = self.track.window;
                segment::set_acknowledged(bytes, segment.acknowledged, segment.window);
            }
            _ => return (verdict, false),
        }
        let is_refused = segment.has(segment::ACK) && segment.acknowledged != self.track.next;
        if state == State::SynReceived && is_refused {
            // The socket answers it with a RST: the segment says nothing about this connection.
            return (verdict, false);
        }
        let (before, window) = (self.track.unacknowledged, self.track.window);
        self.track.hear(segment);
        if !self.track.is_in_flight() && before == self.track.unacknowledged {
            return (verdict, false);
        }
        let explains_itself = || TcpOptions::read(bytes, segment.header_bytes).has_sack;
        let is_same_window = window == segment.window || explains_itself();
        let resends = self.recovery.heard(before, &self.track, segment, is_same_window, now);
        (verdict, resends)
    }

    /// Notes a segment that goes out, and gives it the numbers that the peer knows.
    pub(in crate::net) fn send(&mut self, segment: &Segment, bytes: &mut [u8], now: Instant) {
        let next = self.track.next;
        self.track.send(segment, bytes);
        self.recovery.sent(next, &self.track, segment, now);
        if self.shift != 0 {
            segment::shift_sequence(bytes, self.shift);
        }
    }

    /// Whether a challenge may be sent now; notes it.
    pub(in crate::net) fn may_challenge(&mut self, now: Instant) -> bool {
        let may = self.challenge_at <= now;
        if may {
            self.challenge_at = now + CHALLENGE_PAUSE;
        }
        may
    }

    /// Does what is due when nothing was acknowledged for too long. Where large segments seem to be lost it
    /// tries smaller ones, and returns their size.
    pub(in crate::net) fn time_out(&mut self, now: Instant) -> Option<u16> {
        let times = self.recovery.time_out(&self.track, now);
        let waiting = self.track.next.wrapping_sub(self.track.unacknowledged);
        let step = self.path.next_step().filter(|step| times >= 2 && u32::from(*step) < waiting)?;
        if self.path.lower(step, now) {
            self.recovery.restart(now);
        }
        Some(step)
    }
}
