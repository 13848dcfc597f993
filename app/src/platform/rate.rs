//! The frequency of a clock, and conversions between its ticks and microseconds.

use core::fmt;

/// A frequency of at least 1 kHz.
///
/// The minimum ensures that the conversions do not divide by 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    hz: u64,
    /// Microseconds per tick, times 2^32. With this value, ticks are converted by a multiplication, which is ten times
    /// faster than a division.
    micros_per_tick: u64,
}

impl Rate {
    /// Creates a rate. Returns `None` if `hz` is below 1000.
    #[must_use]
    pub const fn from_hz(hz: u64) -> Option<Self> {
        if hz < 1000 {
            return None;
        }
        Some(Self { hz, micros_per_tick: (1_000_000 << 32) / hz })
    }

    /// Returns the frequency in Hz.
    #[must_use]
    pub const fn hz(self) -> u64 {
        self.hz
    }

    /// Converts ticks to microseconds, rounded down.
    #[must_use]
    pub const fn micros(self, ticks: u64) -> u64 {
        saturate((ticks as u128 * self.micros_per_tick as u128) >> 32)
    }

    /// Converts microseconds to ticks, rounded down.
    #[must_use]
    pub const fn ticks(self, micros: u64) -> u64 {
        saturate(micros as u128 * self.hz as u128 / 1_000_000)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the comparison comes first")]
const fn saturate(value: u128) -> u64 {
    if value > u64::MAX as u128 { u64::MAX } else { value as u64 }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} MHz", self.hz / 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_agree() {
        let rate = Rate::from_hz(2_500_000_000).unwrap();
        assert_eq!(rate.ticks(1_000), 2_500_000);
        let micros = rate.micros(rate.ticks(3_600_000_000));
        assert!((3_599_990_000..=3_600_000_000).contains(&micros), "{micros}");
    }

    #[test]
    fn extremes_do_not_wrap() {
        let slow = Rate::from_hz(1000).unwrap();
        assert_eq!(slow.micros(u64::MAX), u64::MAX);
        let fast = Rate::from_hz(u64::MAX).unwrap();
        assert_eq!(fast.ticks(u64::MAX), u64::MAX);
        assert!(Rate::from_hz(999).is_none());
    }
}
