//! Computes when a lease must be renewed and when it ends (RFC 2131 section 4.4.5).

use smoltcp::time::{Duration, Instant};

use super::message::ServerMessage;

/// Duration, in seconds, of a lease that never ends.
const INFINITE: u32 = u32::MAX;

/// Minimum duration of a lease in seconds. A shorter lease is treated as this long: it would need constant renewal, and
/// would end with every lost message. Servers usually grant a minute or more.
pub(super) const LEASE_SECS_MIN: u32 = 10;

/// Duration, in seconds, of a lease whose acknowledgement contains no duration, although the protocol requires one. Two
/// minutes leave enough time for a renewal.
const LEASE_SECS_DEFAULT: u32 = 120;

/// Minimum of T1 in seconds: half of the minimum lease.
const RENEWAL_SECS_MIN: u64 = 5;

/// Upper bound, in seconds, of [`Deadlines::pause`].
const PAUSE_SECS_MAX: u64 = 60;
/// Lower bound, in seconds, of [`Deadlines::pause`].
const PAUSE_SECS_MIN: u64 = 2;

/// The times at which a lease must be renewed, must be rebound, and expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deadlines {
    /// T1: from this time on, the client asks the server that granted the lease to extend it (RENEWING).
    pub(super) renew_at: Instant,
    /// T2: from this time on, the client asks all servers to extend the lease (REBINDING).
    pub(super) rebind_at: Instant,
    /// Expiry: the address must not be used any more.
    pub(super) expire_at: Instant,
    /// Minimum time between two requests in RENEWING and REBINDING.
    pause: Duration,
}

impl Deadlines {
    /// Computes the deadlines of the lease in an ACK that has arrived at `now`. Returns `None` for a lease that never
    /// ends.
    ///
    /// If the server sends T1 and T2, and T1 < T2 < end of the lease holds, these values are used. Otherwise the
    /// defaults of RFC 2131 are used. RFC 2131 counts from the transmission of the request, here the time is counted
    /// from the arrival of the ACK, a round trip later. This makes no difference for a lease that is renewed in time.
    pub(super) fn of(message: &ServerMessage<'_>, now: Instant) -> Option<Self> {
        let lease_secs = message.lease_secs.unwrap_or(LEASE_SECS_DEFAULT);
        if lease_secs == INFINITE {
            return None;
        }
        let lease_secs = u64::from(lease_secs.max(LEASE_SECS_MIN));
        let lease = Duration::from_secs(lease_secs);
        let defaults = (lease / 2, lease * 7 / 8);
        let given = |secs: Option<u32>| secs.map(|secs| Duration::from_secs(secs.into()));
        let renewal = given(message.renewal_secs).unwrap_or(defaults.0);
        let rebinding = given(message.rebinding_secs).unwrap_or(defaults.1);
        let is_ordered = renewal >= Duration::from_secs(RENEWAL_SECS_MIN)
            && renewal < rebinding
            && rebinding < lease;
        let (renewal, rebinding) = if is_ordered { (renewal, rebinding) } else { defaults };
        // RFC 2131 recommends a minimum of 60 s. A short lease would then have time for only two requests.
        let pause = Duration::from_secs((lease_secs / 16).clamp(PAUSE_SECS_MIN, PAUSE_SECS_MAX));
        let [renew_at, rebind_at, expire_at] = [now + renewal, now + rebinding, now + lease];
        Some(Self { renew_at, rebind_at, expire_at, pause })
    }

    /// Returns the time of the next request after one that was sent at `now`: half of the time that is left until the
    /// next deadline, but at least the minimum pause. A time at or after the end of the lease means that no further
    /// request is sent, because the lease has then expired.
    pub(super) fn next_request_at(&self, now: Instant) -> Instant {
        let end = if now < self.rebind_at { self.rebind_at } else { self.expire_at };
        let left = end - now;
        if left >= self.pause * 2 {
            return now + (left / 2);
        }
        // If the deadline is nearer than the minimum pause, the pause is kept, so that two requests do not follow each
        // other immediately.
        end.max(now + self.pause)
    }
}
