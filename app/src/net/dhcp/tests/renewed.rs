//! Tests of renewals: the values of each acknowledgement replace those of the previous one.

use smoltcp::time::{Duration, Instant};

use super::answer::{self, Answer, DISCOVER, REQUEST};
use super::link::secs_between;
use super::{TestHost, link};
use crate::net::dhcp::deadlines::Deadlines;
use crate::net::dhcp::message::ServerMessage;

/// Returns the leases of a client whose first ACK is `first` and whose renewal is acknowledged with `then`.
pub(super) fn renewed(first: &Answer, then: &Answer) -> Vec<String> {
    let mut link = link(|kind, count| {
        let is_first = kind == DISCOVER || count == 1;
        Some(if is_first { first.clone() } else { then.clone() })
    });
    link.run(6);
    assert_eq!(link.kinds(), [DISCOVER, REQUEST, REQUEST]);
    link.texts()
}

#[test]
fn all_values_of_a_lease_apply() {
    let mut link = link(|_, _| Some(answer::lease()));
    link.run(1);
    assert_eq!(link.texts(), ["10.0.2.15/24 10.0.2.3"]);
    assert_eq!(link.host.wake_at(), Some(Instant::from_secs(5)));
}

#[test]
fn a_new_router_mask_or_address_applies() {
    let old = "10.0.2.15/24 10.0.2.3";
    for (then, expected) in [
        (answer::lease().router("10.0.2.4"), "10.0.2.15/24 10.0.2.4"),
        (answer::lease().mask("255.255.0.0"), "10.0.2.15/16 10.0.2.3"),
        (answer::lease().at("10.0.2.16"), "10.0.2.16/24 10.0.2.3"),
        (answer::lease().at("10.0.7.9").router("10.0.7.1"), "10.0.7.9/24 10.0.7.1"),
        // The old router is not a neighbour of the new address.
        (answer::lease().at("10.0.7.9").option(3, &[]), "10.0.7.9/24"),
    ] {
        assert_eq!(renewed(&answer::lease(), &then), [old, expected]);
    }
}

#[test]
fn missing_values_of_a_renewal_are_kept() {
    let old = "10.0.2.15/16 10.0.2.3";
    let first = answer::lease().mask("255.255.0.0");
    for then in [
        answer::plain().secs(20, 5, 15),
        first.clone().option(1, &[]),
        first.clone().option(3, &[]),
        first.clone().option(3, &[10, 0]),
        first.clone().option(1, &[255, 255, 0]),
    ] {
        assert_eq!(renewed(&first, &then), [old, old], "{then:?}");
    }
}

#[test]
fn invalid_values_of_a_renewal_are_ignored() {
    let old = "10.0.2.15/24 10.0.2.3";
    for then in [
        answer::lease().mask("255.0.255.0"),
        answer::lease().mask("0.0.0.0"),
        answer::lease().router("0.0.0.0"),
        answer::lease().router("255.255.255.255"),
        answer::lease().router("224.0.0.1"),
        answer::lease().router("10.0.2.15"),
        answer::lease().router("172.16.0.1"),
    ] {
        assert_eq!(renewed(&answer::lease(), &then), [old, old], "{then:?}");
    }
}

#[test]
fn renewals_continue() {
    let mut link = link(|_, _| Some(answer::lease()));
    link.run(101);
    assert_eq!(link.leases().len(), 21);
    assert_eq!(link.secs_of(REQUEST)[..3], [0.0, 5.0, 10.0]);
}

#[test]
fn another_server_may_rebind_but_not_renew() {
    let plan = |server: &'static str| {
        move |kind, count| {
            let is_first = kind == DISCOVER || count == 1;
            Some(answer::lease().from(if is_first { "10.0.2.2" } else { server }))
        }
    };
    let mut link = link(plan("10.0.2.9"));
    link.run(14);
    assert_eq!(link.leases().len(), 1);
    assert_eq!(link.refused, link.sent.len() - 2);
    link.run(16);
    assert_eq!(link.leases().len(), 2);
}

#[test]
fn requests_of_a_short_lease_keep_their_distance() {
    for (times, expected) in [
        ((10, 5, 6), [5, 7].as_slice()),
        ((10, 5, 9), &[5, 7, 9]),
        ((20, 5, 15), &[5, 10, 12, 15, 17]),
    ] {
        let (lease, renewal, rebinding) = times;
        let mut link = link(|kind, count| {
            let lease = answer::lease().secs(lease, renewal, rebinding);
            (kind == DISCOVER || count == 1).then_some(lease)
        });
        link.run(u64::from(lease));
        let at: Vec<_> = link.sent[2..].iter().map(|sent| sent.at.total_millis() / 1000).collect();
        assert_eq!(at, expected, "{times:?}");
    }
}

/// Returns T1, T2 and the end of a lease whose ACK contains these times, in seconds after the arrival of the ACK.
fn deadlines(lease: Option<u32>, renewal: Option<u32>, rebinding: Option<u32>) -> Option<[f64; 3]> {
    let numbers = [(51, lease), (58, renewal), (59, rebinding)];
    let ack = numbers.into_iter().fold(answer::plain(), |ack, (code, number)| match number {
        Some(number) => ack.number(code, number),
        None => ack,
    });
    let bytes = ack.bytes(REQUEST, 1);
    let message = ServerMessage::parse(&bytes, 1, super::MAC).unwrap();
    let at = Deadlines::of(&message, Instant::from_secs(100))?;
    let secs = |at| secs_between(Instant::from_secs(100), at);
    Some([secs(at.renew_at), secs(at.rebind_at), secs(at.expire_at)])
}

#[test]
fn absent_and_absurd_times_get_the_defaults() {
    let max = u32::MAX;
    for (given, expected) in [
        ((Some(20), Some(5), Some(15)), [5.0, 15.0, 20.0]),
        ((Some(80), None, None), [40.0, 70.0, 80.0]),
        ((Some(80), Some(10), None), [10.0, 70.0, 80.0]),
        ((Some(80), None, Some(60)), [40.0, 60.0, 80.0]),
        // T1 and T2 are out of order, equal, at or after the end of the lease, or too early.
        ((Some(80), Some(70), Some(60)), [40.0, 70.0, 80.0]),
        ((Some(80), None, Some(30)), [40.0, 70.0, 80.0]),
        ((Some(80), Some(60), Some(60)), [40.0, 70.0, 80.0]),
        ((Some(80), Some(10), Some(80)), [40.0, 70.0, 80.0]),
        ((Some(80), Some(max), Some(max)), [40.0, 70.0, 80.0]),
        ((Some(80), Some(0), Some(0)), [40.0, 70.0, 80.0]),
        ((Some(80), Some(4), Some(60)), [40.0, 70.0, 80.0]),
        // The lease is too short, or contains no times.
        ((Some(0), Some(0), Some(0)), [5.0, 8.75, 10.0]),
        ((Some(1), None, None), [5.0, 8.75, 10.0]),
        ((Some(9), Some(5), Some(7)), [5.0, 7.0, 10.0]),
        ((None, None, None), [60.0, 105.0, 120.0]),
    ] {
        assert_eq!(deadlines(given.0, given.1, given.2), Some(expected), "{given:?}");
    }
    assert_eq!(deadlines(Some(max), Some(max), Some(max)), None);
    assert_eq!(deadlines(Some(max), Some(5), Some(10)), None);
    let [_, _, end] = deadlines(Some(max - 1), None, None).unwrap();
    assert!((end - f64::from(max - 1)).abs() < 1.0);
}

#[test]
fn a_lease_without_end_is_never_renewed() {
    let mut link = link(|_, _| Some(answer::lease().secs(u32::MAX, 5, 10)));
    link.run(1_000_000);
    assert_eq!(link.kinds(), [DISCOVER, REQUEST]);
    assert_eq!(link.host.wake_at(), None);
}

#[test]
fn a_lease_of_a_century_is_renewed_in_time() {
    let secs = u32::MAX - 1;
    let mut link = link(|_, _| Some(answer::lease().secs(secs, 0, 0)));
    link.run(u64::from(secs) / 4 * 3);
    assert_eq!(link.leases().len(), 2);
    let renewal = Duration::from_secs(u64::from(secs)) / 2;
    assert_eq!(link.sent[2].at, Instant::ZERO + renewal);
}
