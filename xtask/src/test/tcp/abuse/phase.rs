//! Runs one abuse, and measures its effect on another client.

use std::fmt;
use std::ops::AddAssign;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::bystander::{Bystander, Latencies};
use crate::resp::Client;

/// Duration of the phase without abuse, for comparison.
const CALM: Duration = Duration::from_secs(3);

/// The measurements during one abuse.
#[derive(Debug)]
pub(super) struct Phase {
    name: &'static str,
    time: Duration,
    latencies: Latencies,
    /// The turns of the image's server loop, measured by the image's own clock.
    pub(super) turns: LoopTurns,
}

/// The number and the durations of turns of the image's server loop.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LoopTurns {
    pub(super) all: u64,
    /// Number of turns that took longer than 2 ms.
    pub(super) long: u64,
    pub(super) longest_us: u64,
}

impl Phase {
    /// Runs an abuse while `bystander` works, and measures both.
    pub(super) fn measure(
        name: &'static str,
        observer: &mut Client,
        bystander: &Bystander,
        work: &dyn Fn() -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let reply = observer.call(&["CONFIG", "RESETSTAT"])?;
        ensure!(!reply.is_error(), "CONFIG RESETSTAT answers {}", reply.terminal().trim_end());
        bystander.take()?;
        let start = Instant::now();
        let outcome = work();
        let time = start.elapsed();
        outcome?;
        let (latencies, turns) = (bystander.take()?, LoopTurns::read(observer)?);
        Ok(Self { name, time, latencies, turns })
    }
}

/// Waits for a while. This phase without abuse is the comparison.
pub(super) fn calm() -> anyhow::Result<()> {
    std::thread::sleep(CALM);
    Ok(())
}

impl LoopTurns {
    fn read(observer: &mut Client) -> anyhow::Result<Self> {
        let reply = observer.call(&["VSTATS", "service"])?;
        let number = |name| reply.entry(name).with_context(|| format!("VSTATS has no {name}"));
        let (all, long) = (number("turns")?, number("turns_long")?);
        Ok(Self { all, long, longest_us: number("turn_us_max")? })
    }
}

impl AddAssign for LoopTurns {
    fn add_assign(&mut self, other: Self) {
        self.all += other.all;
        self.long += other.long;
        self.longest_us = self.longest_us.max(other.longest_us);
    }
}

impl fmt::Display for LoopTurns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { all, long, longest_us } = self;
        write!(f, "{long} of {all} turns over 2 ms, max {longest_us} us")
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, time, latencies, turns } = self;
        write!(f, "{name}, {:.1} s: ", time.as_secs_f64())?;
        write!(f, "{} PINGs, {}", latencies.pings.len(), quantiles(&latencies.pings))?;
        write!(f, "; VMALLOC and VFREE {}", quantiles(&latencies.pairs))?;
        write!(f, "; {turns}")
    }
}

/// Formats the median, the 99th percentile and the maximum of sorted durations.
fn quantiles(sorted: &[Duration]) -> String {
    let Some(last) = sorted.len().checked_sub(1) else { return "none".to_owned() };
    let at = |part: usize| sorted[last * part / 100].as_micros();
    format!("p50 {} us, p99 {} us, max {} us", at(50), at(99), at(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_of_the_list() {
        let times: Vec<_> = (1..=101).map(Duration::from_micros).collect();
        assert_eq!(quantiles(&times), "p50 51 us, p99 100 us, max 101 us");
        assert_eq!(quantiles(&times[..1]), "p50 1 us, p99 1 us, max 1 us");
        assert_eq!(quantiles(&[]), "none");
    }
}
