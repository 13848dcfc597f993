//! Alternating rounds and their median.

use std::time::{Duration, Instant};

use crate::settings::Settings;

/// Something to measure: does as many steps as it is told.
pub(crate) type Contestant<'a> = Box<dyn FnMut(u64) + 'a>;

/// Nanoseconds of one step.
#[expect(clippy::cast_precision_loss, reason = "a slice has few nanoseconds, and few steps")]
pub(crate) fn per_step(elapsed: Duration, steps: u64) -> f64 {
    elapsed.as_nanos() as f64 / steps as f64
}

fn time(contestant: &mut Contestant<'_>, steps: u64) -> Duration {
    let start = Instant::now();
    contestant(steps);
    start.elapsed()
}

/// Finds how many steps fill a slice of time.
fn steps_in(slice: Duration, contestant: &mut Contestant<'_>) -> u64 {
    let mut steps = 1;
    loop {
        let elapsed = time(contestant, steps);
        if elapsed * 4 >= slice {
            let nanoseconds = per_step(elapsed, steps).max(1.0);
            let slice = per_step(slice, 1);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a slice over at least a nanosecond"
            )]
            let steps = (slice / nanoseconds) as u64;
            return steps.max(1);
        }
        steps *= 2;
    }
}

/// The middle one of an odd number of values.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Lets the contestants take turns and returns each one's nanoseconds for a step.
pub(crate) fn alternate(settings: &Settings, contestants: &mut [Contestant<'_>]) -> Vec<f64> {
    let steps: Vec<u64> =
        contestants.iter_mut().map(|each| steps_in(settings.slice(), each)).collect();
    let mut rounds = vec![Vec::new(); contestants.len()];
    for _ in 0..settings.rounds() {
        for ((contestant, steps), times) in contestants.iter_mut().zip(&steps).zip(&mut rounds) {
            times.push(per_step(time(contestant, *steps), *steps));
        }
    }
    rounds.iter_mut().map(|times| median(times)).collect()
}
