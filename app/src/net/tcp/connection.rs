//! The state of one connection that is kept outside its smoltcp socket.

use smoltcp::socket::tcp::State;
use smoltcp::time::{Duration, Instant};

use super::guard::{self, Verdict};
use super::path::Path;
use super::recovery::Recovery;
use super::segment::{self, Segment, TcpOptions};
use super::track::Track;
use crate::net::link::Hop;

/// Minimum time between two challenge ACKs of one connection (RFC 5961 section 7). The limit is per connection: with a
/// global limit, an attacker could measure on one connection how many challenges other connections have caused.
const CHALLENGE_PAUSE: Duration = Duration::from_millis(100);

/// The parts of the state of a connection that its smoltcp socket does not have.
#[derive(Clone, Copy, Debug)]
pub(in crate::net) struct TcpConnection {
    pub(in crate::net) track: Track,
    pub(in crate::net) recovery: Recovery,
    pub(in crate::net) path: Path,
    /// Sequence number of a byte as the peer counts, minus the number of the same byte as the socket counts. The
    /// difference is not 0 if the connection began with a cookie, because the socket chose another initial number.
    pub(in crate::net) shift: u32,
    /// The cached link-layer address of the next hop to the peer.
    pub(in crate::net) hop: Hop,
    /// Time before which no challenge ACK is sent.
    challenge_at: Instant,
}

impl TcpConnection {
    /// Creates the state of a socket without a peer.
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

    /// Creates the state of a connection that begins with `syn`. `own` is the maximum segment size of this end.
    pub(in crate::net) fn begin(syn: &Segment, options: &TcpOptions, own: u16) -> Self {
        // If the SYN has no maximum segment size, or 0, the default of RFC 9293 section 3.7.1 is used.
        let theirs =
            options.maximum_segment.filter(|bytes| *bytes > 0).unwrap_or(super::path::ALWAYS);
        let (track, path) = (Track::begin(syn, options), Path::new(own.min(theirs)));
        Self { track, path, ..Self::none() }
    }

    /// Judges a received segment of this connection, whose socket is in `state`. Returns the verdict, and whether the
    /// first unacknowledged segment must be retransmitted. The acknowledgement number in `bytes` is translated to the
    /// number that the socket expects; the checksum in `bytes` is not updated.
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
            // The socket answers with a RST. The numbers of the segment are not recorded, because they are not those of
            // this connection.
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

    /// Records a transmitted segment, and translates the sequence number in `bytes` to the number that the peer
    /// expects.
    pub(in crate::net) fn send(&mut self, segment: &Segment, bytes: &mut [u8], now: Instant) {
        let next = self.track.next;
        self.track.send(segment, bytes);
        self.recovery.sent(next, &self.track, segment, now);
        if self.shift != 0 {
            segment::shift_sequence(bytes, self.shift);
        }
    }

    /// Returns whether a challenge ACK may be sent now. If so, the caller must send it, because the pause until the
    /// next one begins.
    pub(in crate::net) fn may_challenge(&mut self, now: Instant) -> bool {
        let may = self.challenge_at <= now;
        if may {
            self.challenge_at = now + CHALLENGE_PAUSE;
        }
        may
    }

    /// Handles a retransmission timeout. After two timeouts in a row with more unacknowledged bytes than the next
    /// smaller segment size, large segments are probably lost on the path. The segment size is then reduced and
    /// returned.
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
