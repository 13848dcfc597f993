//! The deadlines of a lease (RFC 2131 section 4.4.5).

use smoltcp::time::{Duration, Instant};

use super::message::ServerMessage;

/// A lease that never ends.
const INFINITE: u32 = u32::MAX;

/// Minimum duration of a lease. A shorter lease would need constant renewal, and end with every lost message. No
/// reasonable server grants less than a minute.
pub(super) const LEASE_SECS_MIN: u32 = 10;

/// Duration of a lease without a time, which the protocol requires. Two minutes are enough for a renewal.
const LEASE_SECS_DEFAULT: u32 = 120;

/// Minimum of T1, half of the minimum lease.
const RENEWAL_SECS_MIN: u64 = 5;

/// Upper bound of the minimum time between two requests in RENEWING or REBINDING.
const PAUSE_SECS_MAX: u64 = 60;
/// Lower bound of this minimum time.
const PAUSE_SECS_MIN: u64 = 2;

/// The times at which a lease is renewed, is rebound and expires, and the minimum time between requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deadlines {
    /// T1: the client asks the server.
    pub(super) renew_at: Instant,
    /// T2: the client asks all servers.
    pub(super) rebind_at: Instant,
    /// Expiry: the address must not be used any more.
    pub(super) expire_at: Instant,
    pause: Duration,
}

impl Deadlines {
    /// Computes the deadlines of an ACK that has arrived now. Returns `None` for a lease that never ends.
    ///
    /// T1 and T2 of the server apply if they are in order within the lease. Otherwise the defaults of the RFC apply. The
    /// RFC counts from the request, which was sent a round trip earlier. This makes no difference for a lease that is
    /// renewed in time.
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
        // With the minimum of the RFC, 60 s, a short lease would have two requests only.
        let pause = Duration::from_secs((lease_secs / 16).clamp(PAUSE_SECS_MIN, PAUSE_SECS_MAX));
        let [renew_at, rebind_at, expire_at] = [now + renewal, now + rebinding, now + lease];
        Some(Self { renew_at, rebind_at, expire_at, pause })
    }

    /// Returns the time of the next request after one that was sent now: after half of the time until the next deadline,
    /// but not before the minimum time. At the end of the lease there is no further request, because the lease is given
    /// up.
    pub(super) fn next_request_at(&self, now: Instant) -> Instant {
        let end = if now < self.rebind_at { self.rebind_at } else { self.expire_at };
        let left = end - now;
        if left >= self.pause * 2 {
            return now + (left / 2);
        }
        // Right after a request just before the deadline, the next one would follow.
        end.max(now + self.pause)
    }
}
