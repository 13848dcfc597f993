//! When something has to be sent again (RFC 6298, RFC 5681, RFC 6582).
//!
//! The network stack waits for a second at least, counts no duplicate acknowledgement that changes
//! the window, and sends only the first of several lost segments again. This measures the round trip and
//! counts for itself; [socket_sets](crate::net::sets) has the socket do what is due here.

#[cfg(test)]
mod tests;

use smoltcp::time::{Duration, Instant};

use super::segment::{FIN, SYN, Segment, ahead};
use super::track::Track;
use crate::net::liveness::NEVER;

/// The time-out before a round trip was measured (RFC 6298 section 2).
const FIRST: Duration = Duration::from_secs(1);

/// The shortest time-out: peers may hold an acknowledgement back for nearly so long. RFC 6298 asks for a
/// second, from a time when clocks were coarse; Linux waits for as long as this.
pub(super) const SHORTEST: Duration = Duration::from_millis(200);

/// The longest time-out.
pub(super) const LONGEST: Duration = Duration::from_secs(60);

/// Duplicate acknowledgements that prove a loss.
const DUPLICATES: u8 = 3;

/// How a loss is being mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mending {
    /// No segment is known to be lost.
    Nothing,
    /// One segment after the other, up to this number.
    Segments(u32),
    /// All up to this number was sent again.
    All(u32),
}

/// The measurements and counts of one connection.
#[derive(Clone, Copy, Debug)]
pub(in crate::net) struct Recovery {
    /// The round trip and how much it varies; without a measurement `None`.
    round_trip: Option<(Duration, Duration)>,
    /// The segment that is being timed: the number behind it, and when it was sent.
    timed: Option<(u32, Instant)>,
    /// When everything is sent again.
    due: Instant,
    /// Time-outs in a row.
    timeouts: u32,
    duplicates: u8,
    mending: Mending,
    /// The time that the socket was told last when a time was over.
    told: Instant,
}

impl Recovery {
    /// Of a connection on which nothing was sent.
    pub(in crate::net) const fn new() -> Self {
        let (round_trip, timed, due, mending) = (None, None, NEVER, Mending::Nothing);
        let (timeouts, duplicates, told) = (0, 0, Instant::ZERO);
        Self { round_trip, timed, due, timeouts, duplicates, mending, told }
    }

    /// Notes a segment that has gone out; `next` is what [`Track::next`] was before.
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
            // An acknowledgement could be for either of both (RFC 6298 section 3).
            self.timed = None;
        } else if self.timed.is_none() {
            self.timed = Some((segment.end(), now));
        }
        if self.due == NEVER {
            self.due = now + self.timeout();
        }
    }

    /// Notes a segment that was passed on, after the track has: `before` is what was unacknowledged
    /// until then. `is_same_window` where the window did not change, or the segment says by a selective
    /// acknowledgement why it came. Returns whether the first segment has to be sent again.
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

    /// RFC 6298 section 2.
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

    /// When everything is sent again.
    pub(in crate::net) fn due(&self) -> Instant {
        self.due
    }

    /// Has everything sent again now.
    pub(in crate::net) fn hurry(&mut self, now: Instant) {
        self.due = self.due.min(now);
    }

    /// Notes that the time was over and everything is sent again. Returns how often that was so in a
    /// row.
    pub(in crate::net) fn time_out(&mut self, track: &Track, now: Instant) -> u32 {
        self.timeouts += 1;
        self.timed = None;
        self.duplicates = 0;
        self.mending = Mending::All(track.next);
        self.due = now + self.timeout();
        self.timeouts
    }

    /// A time at which the time of the socket is over as well, which is at most so long after the time
    /// that it was told last.
    pub(in crate::net) fn later(&mut self, timeout: Duration, now: Instant) -> Instant {
        self.told = self.told.max(now) + timeout;
        self.told
    }

    /// Has nothing sent again: the connection is over.
    pub(in crate::net) fn stop(&mut self) {
        self.due = NEVER;
    }

    /// Begins to count time-outs anew, since something else is tried.
    pub(in crate::net) fn restart(&mut self, now: Instant) {
        self.timeouts = 0;
        self.due = now + self.timeout();
    }
}
