//! Retransmission (RFC 6298, RFC 5681, RFC 6582).
//!
//! smoltcp has a minimum timeout of a second, does not count duplicate acknowledgements that change the window, and
//! retransmits only the first of several lost segments. This module measures the round trip and counts duplicates, and
//! [socket_sets](crate::net::socket_sets) makes the socket retransmit.

#[cfg(test)]
mod tests;

use smoltcp::time::{Duration, Instant};

use super::segment::{FIN, SYN, Segment, ahead};
use super::track::Track;
use crate::net::liveness::NEVER;

/// The timeout before the first measurement (RFC 6298 section 2).
const FIRST: Duration = Duration::from_secs(1);

/// Minimum timeout. Peers may delay an acknowledgement nearly as long. RFC 6298 requires a second, because clocks were
/// coarse; Linux uses this value.
pub(super) const SHORTEST: Duration = Duration::from_millis(200);

/// Maximum timeout.
pub(super) const LONGEST: Duration = Duration::from_secs(60);

/// Number of duplicate acknowledgements that indicate a loss.
const DUPLICATES: u8 = 3;

/// The recovery from a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mending {
    /// No segment is known to be lost.
    Nothing,
    /// Segments up to this number are retransmitted one by one.
    Segments(u32),
    /// All bytes up to this number were retransmitted.
    All(u32),
}

/// The measurements and counts of one connection.
#[derive(Clone, Copy, Debug)]
pub(in crate::net) struct Recovery {
    /// The round trip time and its variation, after the first measurement.
    round_trip: Option<(Duration, Duration)>,
    /// The segment that is being timed: the number behind it, and its send time.
    timed: Option<(u32, Instant)>,
    /// Time of the retransmission timeout.
    due: Instant,
    /// Number of consecutive timeouts.
    timeouts: u32,
    duplicates: u8,
    mending: Mending,
    /// The time passed to the socket at the last timeout.
    told: Instant,
}

impl Recovery {
    /// Creates the state of a connection without sent bytes.
    pub(in crate::net) const fn new() -> Self {
        let (round_trip, timed, due, mending) = (None, None, NEVER, Mending::Nothing);
        let (timeouts, duplicates, told) = (0, 0, Instant::ZERO);
        Self { round_trip, timed, due, timeouts, duplicates, mending, told }
    }

    /// Records a transmitted segment. `next` is [`Track::next`] before it.
    pub(in crate::net) fn sent(
        &mut self,
        next: u32,
        track: &Track,
        segment: &Segment,
        now: Instant,
    ) {
        if !track.is_in_flight() || segment.length() == 0 {
            return;
        }
        let is_first = segment.flags & SYN != 0 && self.timeouts == 0;
        let is_new = is_first || ahead(next, segment.sequence) >= 0;
        if !is_new {
            // An acknowledgement could be for either transmission (RFC 6298 section 3).
            self.timed = None;
        } else if self.timed.is_none() {
            self.timed = Some((segment.end(), now));
        }
        if self.due == NEVER {
            self.due = now + self.timeout();
        }
    }

    /// Records a received segment after the track has. `before` is the first unacknowledged number before the segment.
    /// `is_same_window` is whether the window is unchanged, or the segment has a selective acknowledgement. Returns
    /// whether the first segment must be retransmitted.
    pub(in crate::net) fn heard(
        &mut self,
        before: u32,
        track: &Track,
        segment: &Segment,
        is_same_window: bool,
        now: Instant,
    ) -> bool {
        if ahead(before, track.unacknowledged) > 0 {
            return self.advance(track, now);
        }
        let is_empty = segment.payload_bytes == 0 && segment.flags & FIN == 0;
        if !is_empty || !is_same_window || !track.is_in_flight() {
            return false;
        }
        if segment.acknowledged != track.unacknowledged || self.mending != Mending::Nothing {
            return false;
        }
        self.duplicates = self.duplicates.saturating_add(1);
        if self.duplicates != DUPLICATES {
            return false;
        }
        self.mending = Mending::Segments(track.next);
        self.timed = None;
        true
    }

    fn advance(&mut self, track: &Track, now: Instant) -> bool {
        self.duplicates = 0;
        self.timeouts = 0;
        self.told = Instant::ZERO;
        if let Some((end, at)) = self.timed
            && ahead(end, track.unacknowledged) >= 0
        {
            self.timed = None;
            self.measure(now - at);
        }
        if !track.is_in_flight() {
            (self.due, self.mending) = (NEVER, Mending::Nothing);
            return false;
        }
        self.due = now + self.timeout();
        match self.mending {
            Mending::Nothing => false,
            Mending::Segments(to) | Mending::All(to) if ahead(to, track.unacknowledged) >= 0 => {
                self.mending = Mending::Nothing;
                false
            }
            Mending::Segments(_) => true,
            Mending::All(_) => false,
        }
    }

    /// Updates the round trip time (RFC 6298 section 2).
    fn measure(&mut self, round_trip: Duration) {
        let (smooth, variation) = match self.round_trip {
            None => (round_trip, round_trip / 2),
            Some((smooth, variation)) => {
                let (longer, shorter) = (smooth.max(round_trip), smooth.min(round_trip));
                ((smooth * 7 + round_trip) / 8, (variation * 3 + (longer - shorter)) / 4)
            }
        };
        self.round_trip = Some((smooth, variation));
    }

    fn timeout(&self) -> Duration {
        let single = self.round_trip.map_or(FIRST, |(smooth, variation)| smooth + variation * 4);
        let single = single.clamp(SHORTEST, LONGEST);
        (single * (1 << self.timeouts.min(8))).min(LONGEST)
    }

    /// Returns the time of the retransmission timeout.
    pub(in crate::net) fn due(&self) -> Instant {
        self.due
    }

    /// Makes the retransmission timeout due now.
    pub(in crate::net) fn hurry(&mut self, now: Instant) {
        self.due = self.due.min(now);
    }

    /// Records a timeout, after which all bytes are retransmitted. Returns the number of consecutive timeouts.
    pub(in crate::net) fn time_out(&mut self, track: &Track, now: Instant) -> u32 {
        self.timeouts += 1;
        self.timed = None;
        self.duplicates = 0;
        self.mending = Mending::All(track.next);
        self.due = now + self.timeout();
        self.timeouts
    }

    /// Returns a time at which the socket's own timeout has passed, which is at most `timeout` after the last time that
    /// was passed to the socket.
    pub(in crate::net) fn later(&mut self, timeout: Duration, now: Instant) -> Instant {
        self.told = self.told.max(now) + timeout;
        self.told
    }

    /// Stops the timeout, because the connection has ended.
    pub(in crate::net) fn stop(&mut self) {
        self.due = NEVER;
    }

    /// Resets the number of timeouts, because another segment size is tried.
    pub(in crate::net) fn restart(&mut self, now: Instant) {
        self.timeouts = 0;
        self.due = now + self.timeout();
    }
}
