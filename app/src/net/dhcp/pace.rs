//! The times between messages (RFC 2131 section 4.1). Each is about twice the previous one.

use smoltcp::time::Duration;

use super::random::Random;

/// Maximum requests for one offer. Without an answer to the last one, the client starts again.
pub(super) const REQUESTS_MAX: u32 = 4;

/// Maximum time between two messages, in seconds.
const PAUSE_MAX_SECS: u64 = 64;

/// Number of DISCOVERs that are sent every second. The server of a virtual machine is usually on the same host, and the
/// fallback address waits for it.
const QUICK_DISCOVERS: u32 = 3;

/// Returns the time after DISCOVER number `sent`, from 0: 1, 1, 1, 4, 8, 16, 32 and 64 s. After a failure the times
/// begin at 4 s.
pub(super) fn discover(sent: u32, failures: u32, random: &mut Random) -> Duration {
    let slow = if failures > 0 { Some(sent) } else { sent.checked_sub(QUICK_DISCOVERS) };
    jittered(slow.map_or(1, |step| doubled(4, step)), random)
}

/// Returns the time after REQUEST number `sent`, from 0: 2, 4, 8 and 16 s.
pub(super) fn request(sent: u32, random: &mut Random) -> Duration {
    jittered(doubled(2, sent), random)
}

/// Returns the time before a restart after `failures` earlier failures: 1, 2, 4 to 64 s.
pub(super) fn restart(failures: u32, random: &mut Random) -> Duration {
    jittered(doubled(1, failures), random)
}

fn doubled(first_secs: u64, step: u32) -> u64 {
    // Six steps exceed the maximum.
    (first_secs << step.min(6)).min(PAUSE_MAX_SECS)
}

/// Adds or subtracts up to 1 s, as the RFC requires. To short times it adds up to a quarter of a second only, so that they
/// are at least a second long.
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

    /// Checks that each time is within its jitter.
    fn check(times: impl Iterator<Item = Duration>, secs: &[u64]) {
        for (time, &secs) in times.zip(secs) {
            let (early, late) = if secs < 4 { (0, 250_000) } else { (1_000_000, 1_000_000) };
            let micros = time.total_micros();
            let around = secs * 1_000_000 - early..secs * 1_000_000 + late;
            assert!(around.contains(&micros), "{micros} us are not about {secs} s");
        }
    }

    #[test]
    fn times_double_up_to_the_maximum() {
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
