//! Computes the pauses between the messages of the DHCP client (RFC 2131 section 4.1). Each pause is about twice as
//! long as the previous one.

use smoltcp::time::Duration;

use super::random::Random;

/// Maximum number of requests for one offer. If the server does not answer the last one, the client asks for offers
/// again.
pub(super) const REQUESTS_MAX: u32 = 4;

/// Maximum pause in seconds.
const PAUSE_MAX_SECS: u64 = 64;

/// Number of DISCOVERs at the start with a pause of one second after each. The DHCP server of a virtual machine is
/// usually on the same host and answers immediately, and the fallback address is set after three seconds.
const QUICK_DISCOVERS: u32 = 3;

/// Returns the pause after DISCOVER number `sent`, counted from 0: 1, 1, 1, 4, 8, 16, 32 and then always 64 s. After a
/// failure, the pauses begin at 4 s.
pub(super) fn discover(sent: u32, failures: u32, random: &mut Random) -> Duration {
    let slow = if failures > 0 { Some(sent) } else { sent.checked_sub(QUICK_DISCOVERS) };
    jittered(slow.map_or(1, |step| doubled(4, step)), random)
}

/// Returns the pause after REQUEST number `sent`, counted from 0: 2, 4, 8 and 16 s.
pub(super) fn request(sent: u32, random: &mut Random) -> Duration {
    jittered(doubled(2, sent), random)
}

/// Returns the pause before a new search for offers after `failures` earlier failures: 1, 2, 4 s and so on up to 64 s.
pub(super) fn restart(failures: u32, random: &mut Random) -> Duration {
    jittered(doubled(1, failures), random)
}

fn doubled(first_secs: u64, step: u32) -> u64 {
    // Six doublings reach the maximum, so more would only overflow.
    (first_secs << step.min(6)).min(PAUSE_MAX_SECS)
}

/// Changes a pause by a random time of up to 1 s in both directions, as RFC 2131 requires. A pause below 4 s is only
/// lengthened, by up to a quarter of a second, so that it remains at least a second long.
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
