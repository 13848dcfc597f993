//! The times of a lease (RFC 2131 section 4.4.5).

use smoltcp::time::{Duration, Instant};

use super::message::ServerMessage;

/// A lease that never ends.
const INFINITE: u32 = u32::MAX;

/// The shortest lease. A server that grants less gets a request for each lease it grants, and the address
/// changes hands at every lost message. No server that means it grants less: a minute is short already.
pub(super) const LEASE_SECS_MIN: u32 = 10;

/// A lease whose server says no time. The protocol demands one; two minutes are enough to ask again.
const LEASE_SECS_DEFAULT: u32 = 120;

/// The earliest renewal, half of the shortest lease.
const RENEWAL_SECS_MIN: u64 = 5;

/// The longest minimum between two requests in RENEWING or REBINDING.
const PAUSE_SECS_MAX: u64 = 60;
/// The shortest minimum between them.
const PAUSE_SECS_MIN: u64 = 2;

/// When a lease is renewed, rebound and over, and how long a request waits for its answer at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deadlines {
    /// T1: the server is asked.
    pub(super) renew_at: Instant,
    /// T2: every server is asked.
    pub(super) rebind_at: Instant,
    /// The address must not be used any longer.
    pub(super) expire_at: Instant,
    pause: Duration,
}

impl Deadlines {
    /// Reads the times of an ACK that has arrived now; `None` for a lease that never ends.
    ///
    /// T1 and T2 of the server count if they are in order within the lease, otherwise both are the RFC's
    /// defaults. The RFC counts from the request on, which was sent a round trip before the ACK arrived; a
    /// lease that is renewed in time never depends on that.
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
        // The RFC's minimum of 60 s would leave a short lease two requests.
        let pause = Duration::from_secs((lease_secs / 16).clamp(PAUSE_SECS_MIN, PAUSE_SECS_MAX));
        let [renew_at, rebind_at, expire_at] = [now + renewal, now + rebinding, now + lease];
        Some(Self { renew_at, rebind_at, expire_at, pause })
    }

    /// When the next request is sent after one that was sent now: after half of the time that is left until
    /// the next deadline, and never sooner than the least time between two. Behind the end of the lease there
    /// is none, because the lease is given up before.
    pub(super) fn next_request_at(&self, now: Instant) -> Instant {
        let end = if now < self.rebind_at { self.rebind_at } else { self.expire_at };
        let left = end - now;
        if left >= self.pause * 2 {
            return now + (left / 2);
        }
        // A request just before the deadline would be followed by the next one at once.
        end.max(now + self.pause)
    }
}
