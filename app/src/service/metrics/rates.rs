//! Computes the rates of requests and bytes from two samples of the totals.

/// Number of samples kept, and the time between two samples in microseconds. Rates cover the last
/// 1.6 s, as in Redis.
const SAMPLES: usize = 16;
const SAMPLE_US: u64 = 100_000;

/// Totals of the traffic since boot or reset, or traffic per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::service) struct Traffic {
    pub(in crate::service) commands: u64,
    pub(in crate::service) received: u64,
    pub(in crate::service) sent: u64,
}

/// The latest samples, each with its time. At boot all samples are zero.
#[derive(Debug, Default)]
pub(in crate::service) struct Rates {
    samples: [(u64, Traffic); SAMPLES],
    newest: usize,
}

impl Rates {
    /// Returns whether the newest sample is old enough for another one.
    pub(in crate::service) fn is_due(&self, now_us: u64) -> bool {
        now_us.saturating_sub(self.samples[self.newest].0) >= SAMPLE_US
    }

    /// Stores a sample.
    pub(in crate::service) fn note(&mut self, now_us: u64, totals: Traffic) {
        self.newest = (self.newest + 1) % SAMPLES;
        self.samples[self.newest] = (now_us, totals);
    }

    /// Replaces all samples by zeros at the time `now_us`, because the totals were reset to 0.
    pub(in crate::service) fn reset(&mut self, now_us: u64) {
        self.samples = [(now_us, Traffic::default()); SAMPLES];
    }

    /// Returns the traffic per second since the oldest sample of the last 1.6 s. If all samples are
    /// older, because the loop slept, the newest sample is used.
    pub(in crate::service) fn now(&self, now_us: u64, totals: Traffic) -> Traffic {
        let is_recent = |at_us: u64| now_us.saturating_sub(at_us) <= SAMPLES as u64 * SAMPLE_US;
        let usable = self.samples.iter().filter(|(at_us, _)| now_us - at_us >= SAMPLE_US / 2);
        let recent = usable.clone().filter(|(at_us, _)| is_recent(*at_us));
        let oldest = recent.min_by_key(|(at_us, _)| *at_us);
        let Some((at_us, then)) = oldest.or(usable.max_by_key(|(at_us, _)| *at_us)) else {
            return Traffic::default();
        };
        let elapsed_us = now_us - at_us;
        let each = |now: u64, then: u64| {
            let more = u128::from(now.saturating_sub(then)) * 1_000_000;
            u64::try_from(more / u128::from(elapsed_us)).unwrap_or(u64::MAX)
        };
        Traffic {
            commands: each(totals.commands, then.commands),
            received: each(totals.received, then.received),
            sent: each(totals.sent, then.sent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traffic(commands: u64) -> Traffic {
        Traffic { commands, received: 10 * commands, sent: 20 * commands }
    }

    /// Adds 1000 requests per second from `from_ms` to `to_ms`, with a turn each millisecond.
    fn busy(rates: &mut Rates, from_ms: u64, to_ms: u64) {
        for ms in from_ms..to_ms {
            if rates.is_due(ms * 1000) {
                rates.note(ms * 1000, traffic(ms));
            }
        }
    }

    #[test]
    fn a_steady_rate_is_measured_whenever_it_is_asked_for() {
        let mut rates = Rates::default();
        for end in [60, 150, 1_000, 5_000] {
            busy(&mut rates, 0, end);
            assert_eq!(rates.now(end * 1000, traffic(end)), traffic(1000), "{end} ms");
            rates = Rates::default();
        }
    }

    #[test]
    fn a_rate_ends_with_the_traffic() {
        let mut rates = Rates::default();
        busy(&mut rates, 0, 5_000);
        // No packet arrives for a while, so the loop sleeps and takes no samples.
        let later = rates.now(15_000_000, traffic(5_000));
        assert!(later.commands < 10, "{later:?}");
        rates.note(15_000_000, traffic(5_000));
        assert_eq!(rates.now(15_000_000, traffic(5_000)).commands, later.commands);
        assert_eq!(rates.now(16_000_000, traffic(5_000)), Traffic::default());
        rates.reset(16_000_000);
        assert_eq!(rates.now(17_000_000, traffic(10)), traffic(10));
        assert_eq!(rates.now(16_000_000, traffic(10)), Traffic::default(), "no time has passed");
    }
}
