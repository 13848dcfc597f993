//! Records which part of its turn the server loop is executing. A watchdog on another CPU reads
//! this position.
//!
//! An image runs one server loop, so the position is a static variable, and recording costs one
//! store.

use core::fmt;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A part of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Position {
    /// The loop sleeps between two turns.
    Asleep,
    /// Packets are received.
    Receive,
    /// Clients are served.
    Serve,
    /// New connections are accepted.
    Accept,
    /// Reports are written.
    Report,
    /// Regions of ended connections are freed.
    Reap,
    /// Packets are sent.
    Transmit,
    /// Idle work is done.
    Idle,
}

const ALL: [Position; 8] = [
    Position::Asleep,
    Position::Receive,
    Position::Serve,
    Position::Accept,
    Position::Report,
    Position::Reap,
    Position::Transmit,
    Position::Idle,
];

static POSITION: AtomicU32 = AtomicU32::new(Position::Asleep as u32);
static TURNS: AtomicU64 = AtomicU64::new(0);

/// Microseconds after which a turn that does not end is reported, and again after each doubling of
/// that time.
const STALL_US: u64 = 2_000_000;

impl Position {
    /// Records that the loop is in this part of the turn.
    // Relaxed, here and below: the watchdog may read a slightly old position, and no other data
    // depends on the position.
    pub(super) fn note(self) {
        POSITION.store(self as u32, Ordering::Relaxed);
    }

    fn last() -> Self {
        ALL.get(POSITION.load(Ordering::Relaxed) as usize).copied().unwrap_or(Self::Asleep)
    }
}

/// Records that a turn begins.
pub(super) fn begin_turn() {
    TURNS.fetch_add(1, Ordering::Relaxed);
    Position::Receive.note();
}

/// The progress of the server loop as read by another CPU at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    turns: u64,
    position: Position,
}

/// A detector for turns that do not end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watchdog {
    seen: Option<(Look, u64)>,
    /// The duration of the stall at which the next report is due, in microseconds.
    next_us: u64,
}

/// A turn that does not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// The time since the stall was first observed, in microseconds. The stall itself is at least
    /// as long.
    pub us: u64,
    /// The part of the turn in which the loop was last observed.
    pub position: Position,
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ms, position) = (self.us / 1000, self.position);
        write!(f, "the loop has not turned for {ms} ms, last seen at {position:?}")
    }
}

impl Watchdog {
    /// Compares the progress of the loop with the last call. Returns a stall when it is first
    /// detected, and again each time its duration has doubled.
    pub fn look(&mut self, now_us: u64) -> Option<Stall> {
        let look = Look { turns: TURNS.load(Ordering::Relaxed), position: Position::last() };
        self.judge(look, now_us)
    }

    fn judge(&mut self, look: Look, now_us: u64) -> Option<Stall> {
        let since_us = match self.seen {
            Some((seen, since_us)) if seen.turns == look.turns => since_us,
            _ => {
                self.seen = Some((look, now_us));
                self.next_us = STALL_US;
                return None;
            }
        };
        let us = now_us.saturating_sub(since_us);
        if look.position == Position::Asleep || us < self.next_us {
            return None;
        }
        self.next_us = us * 2;
        Some(Stall { us, position: look.position })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVE: Position = Position::Serve;

    #[test]
    fn a_turn_that_does_not_end_is_named_and_named_again() {
        let mut dog = Watchdog::default();
        let mut look = |turns, position, s: u64| dog.judge(Look { turns, position }, s * 1_000_000);
        assert_eq!(look(7, SERVE, 10), None);
        assert_eq!(look(7, SERVE, 11), None);
        assert_eq!(look(7, SERVE, 12), Some(Stall { us: 2_000_000, position: SERVE }));
        assert_eq!(look(7, SERVE, 13), None);
        let reap = Position::Reap;
        assert_eq!(look(7, reap, 14), Some(Stall { us: 4_000_000, position: reap }));
        assert_eq!(look(8, SERVE, 15), None);
        assert_eq!(look(8, SERVE, 16), None);
        assert_eq!(look(8, SERVE, 17), Some(Stall { us: 2_000_000, position: SERVE }));
    }

    #[test]
    fn sleep_is_no_stall() {
        let mut dog = Watchdog::default();
        let look = Look { turns: 7, position: Position::Asleep };
        assert!((0..100).all(|s| dog.judge(look, s * 1_000_000).is_none()));
    }

    #[test]
    fn positions_are_numbered() {
        for position in ALL {
            assert_eq!(ALL[position as usize], position);
        }
        let stall = Stall { us: 2_000_500, position: SERVE };
        let text = "the loop has not turned for 2000 ms, last seen at Serve";
        assert_eq!(stall.to_string(), text);
    }
}
