//! The times between messages (RFC 2131 section 4.1): each is about twice the one before it.

use smoltcp::time::Duration;

use super::random::Random;

/// Requests for one offer; without an answer to the last one, the client starts again.
pub(super) const REQUESTS_MAX: u32 = 4;

/// The longest time between two messages, in seconds.
const PAUSE_MAX_SECS: u64 = 64;

/// The first DISCOVERs are sent every second: a guest's server is usually on the same machine, and the
/// fallback address waits for it.
const QUICK_DISCOVERS: u32 = 3;

/// The time after DISCOVER number `sent`, from 0: 1, 1, 1, 4, 8, 16, 32 and 64 s. After a failure no quick ones
/// are sent.
pub(super) fn discover(sent: u32, failures: u32, random: &mut Random) -> Duration {
    let slow = if failures > 0 { Some(sent) } else { sent.checked_sub(QUICK_DISCOVERS) };
    jittered(slow.map_or(1, |step| doubled(4, step)), random)
}

/// The time after REQUEST number `sent`, from 0: 2, 4, 8 and 16 s.
pub(super) fn request(sent: u32, random: &mut Random) -> Duration {
    jittered(doubled(2, sent), random)
}

/// The time before a new beginning when `failures` went before it: 1, 2, 4 to 64 s.
pub(super) fn restart(failures: u32, random: &mut Random) -> Duration {
    jittered(doubled(1, failures), random)
}

fn doubled(first_secs: u64, step: u32) -> u64 {
    // Six steps exceed the longest pause.
    (first_secs << step.min(6)).min(PAUSE_MAX_SECS)
}

/// Adds up to 1 s in either direction, as the RFC has it; to short times only up to a quarter of a second, so
/// that they stay at least a second long.
fn jittered(secs: u64, random: &mut Random) -> Duration {
    let time = Duration::from_secs(secs);
    match secs {
        0..4 => time + Duration::from_micros((random.next() % 250_000).into()),
        _ => {
            time - Duration::from_secs(1)
                + Duration::from_micros((random.next() % 2_000_000).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether each time is within its jitter.
    fn check(times: impl Iterator<Item = Duration>, secs: &[u64]) {
        for (time, &secs) in times.zip(secs) {
            let (early, late) = if secs < 4 { (0, 250_000) } else { (1_000_000, 1_000_000) };
            let micros = time.total_micros();
            let around = secs * 1_000_000 - early..secs * 1_000_000 + late;
            assert!(around.contains(&micros), "{micros} us are not about {secs} s");
        }
    }

    #[test]
    fn times_double_up_to_the_longest() {
        for seed in 0..50 {
            let random = &mut Random::new(seed);
            check((0..9).map(|n| discover(n, 0, random)), &[1, 1, 1, 4, 8, 16, 32, 64, 64]);
            check((0..6).map(|n| discover(n, 1, random)), &[4, 8, 16, 32, 64, 64]);
            check((0..4).map(|n| request(n, random)), &[2, 4, 8, 16]);
            check((0..8).map(|n| restart(n, random)), &[1, 2, 4, 8, 16, 32, 64, 64]);
            check([restart(u32::MAX, random)].into_iter(), &[64]);
        }
    }

    #[test]
    fn seeds_give_different_times() {
        let times = |seed| restart(6, &mut Random::new(seed));
        assert_ne!(times(1), times(2));
    }
}
