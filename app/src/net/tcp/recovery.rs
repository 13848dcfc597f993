//! Decides when segments of a connection are retransmitted (RFC 6298, RFC 5681, RFC 6582).
//!
//! smoltcp alone is slower: its minimum retransmission timeout is a second, it does not count duplicate
//! acknowledgements that change the window, and of several lost segments it retransmits only the first without a
//! timeout. This module measures the round-trip time and counts duplicate acknowledgements.
//! [socket_sets](crate::net::socket_sets) then makes the socket retransmit.

#[cfg(test)]
mod tests;

use smoltcp::time::{Duration, Instant};

use super::segment::{FIN, SYN, Segment, ahead};
use super::track::Track;
use crate::net::liveness::NEVER;

/// Retransmission timeout before the first measurement of the round-trip time (RFC 6298 section 2).
const FIRST: Duration = Duration::from_secs(1);

/// Minimum retransmission timeout. A shorter timeout would retransmit needlessly, because peers may delay an
/// acknowledgement for nearly this time. RFC 6298 recommends a second, because clocks were coarse; Linux uses 200 ms,
/// too.
pub(super) const SHORTEST: Duration = Duration::from_millis(200);

/// Maximum retransmission timeout.
pub(super) const LONGEST: Duration = Duration::from_secs(60);

/// Number of duplicate acknowledgements after which a segment is regarded as lost (RFC 5681 section 3.2).
const DUPLICATES: u8 = 3;

/// The current recovery from the loss of segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mending {
    /// No segment is known to be lost.
    Nothing,
    /// Segments below this sequence number are retransmitted one by one: each acknowledgement of a part of them
    /// triggers the retransmission of the next (RFC 6582).
    Segments(u32),
    /// A timeout has passed, and the socket retransmits all bytes below this sequence number.
    All(u32),
}

/// The round-trip time, the timeout and the count of duplicate acknowledgements of one connection.
#[derive(Clone, Copy, Debug)]
pub(in crate::net) struct Recovery {
    /// The smoothed round-trip time and its variation. `None` before the first measurement.
    round_trip: Option<(Duration, Duration)>,
    /// The segment whose round-trip time is being measured: the sequence number behind its last byte, and the time at
    /// which it was sent.
    timed: Option<(u32, Instant)>,
    /// Time at which the retransmission timeout passes, or [`NEVER`] if all sent bytes are acknowledged.
    due: Instant,
    /// Number of timeouts since the last acknowledgement of new bytes.
    timeouts: u32,
    /// Number of duplicate acknowledgements since the last acknowledgement of new bytes.
    duplicates: u8,
    mending: Mending,
    /// The last result of [`later`](Self::later) since the last acknowledgement of new bytes.
    told: Instant,
}

impl Recovery {
    /// Creates the state of a connection that has sent no bytes.
    pub(in crate::net) const fn new() -> Self {
        let (round_trip, timed, due, mending) = (None, None, NEVER, Mending::Nothing);
        let (timeouts, duplicates, told) = (0, 0, Instant::ZERO);
        Self { round_trip, timed, due, timeouts, duplicates, mending, told }
    }

    /// Records a transmitted segment. `track` already includes the segment; `next` is the value of [`Track::next`] from
    /// before the segment, so that a retransmission is recognized.
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
            // The measurement is cancelled, because an acknowledgement could be for either transmission (RFC 6298
            // section 3).
            self.timed = None;
        } else if self.timed.is_none() {
            self.timed = Some((segment.end(), now));
        }
        if self.due == NEVER {
            self.due = now + self.timeout();
        }
    }

    /// Records a received segment that `track` has already recorded. `before` is the first unacknowledged number from
    /// before the segment. `is_same_window` tells whether the segment can count as a duplicate acknowledgement: its
    /// window is unchanged, or it contains selective acknowledgements. Returns whether the first unacknowledged segment
    /// must be retransmitted.
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

    /// Updates the smoothed round-trip time and its variation (RFC 6298 section 2).
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

    /// Returns the time at which the retransmission timeout passes.
    pub(in crate::net) fn due(&self) -> Instant {
        self.due
    }

    /// Makes the retransmission timeout pass now, if it would pass later.
    pub(in crate::net) fn hurry(&mut self, now: Instant) {
        self.due = self.due.min(now);
    }

    /// Records that the retransmission timeout has passed; the socket then retransmits all unacknowledged bytes.
    /// Returns the number of timeouts since the last acknowledgement of new bytes.
    pub(in crate::net) fn time_out(&mut self, track: &Track, now: Instant) -> u32 {
        self.timeouts += 1;
        self.timed = None;
        self.duplicates = 0;
        self.mending = Mending::All(track.next);
        self.due = now + self.timeout();
        self.timeouts
    }

    /// Returns a time in the future at which the socket's own, longer timeout has passed. smoltcp retransmits when it
    /// is polled with this time. `timeout` is the maximum of the socket's own timeout.
    pub(in crate::net) fn later(&mut self, timeout: Duration, now: Instant) -> Instant {
        self.told = self.told.max(now) + timeout;
        self.told
    }

    /// Stops the retransmission timeout, because the connection has ended.
    pub(in crate::net) fn stop(&mut self) {
        self.due = NEVER;
    }

    /// Sets the number of timeouts to 0 and restarts the timeout without back-off, because a smaller segment size is
    /// tried.
    pub(in crate::net) fn restart(&mut self, now: Instant) {
        self.timeouts = 0;
        self.due = now + self.timeout();
    }
}
