//! Tests of the end of a lease, and of the pauses before the client asks for another one.

use smoltcp::time::Instant;

use super::answer::{self, DISCOVER, REQUEST, address};
use super::link;
use crate::net::dhcp::{Event, Loss};
use smoltcp::wire::Ipv4Cidr;

fn lost(secs: i64, loss: Loss) -> (Instant, Event) {
    (Instant::from_secs(secs), Event::Lost(Ipv4Cidr::new(address("10.0.2.15"), 24), loss))
}

#[test]
fn a_refused_renewal_ends_the_use_of_the_address() {
    let mut link = link(|kind, count| {
        Some(if kind == DISCOVER || count == 1 { answer::lease() } else { answer::nak() })
    });
    link.run(6);
    assert_eq!(link.host.events.len(), 2);
    assert_eq!(link.host.events[1], lost(5, Loss::Refused));
    // After the loss at 5 s, the client pauses for a second before the next DISCOVER.
    let discovers = link.secs_of(DISCOVER);
    assert!(discovers.len() == 1 || discovers[1] >= 6.0, "{discovers:?}");
    link.run(8);
    assert_eq!(link.secs_of(DISCOVER).len(), 2);
}

#[test]
fn a_server_that_always_refuses_is_asked_ever_less() {
    let mut link =
        link(|kind, _| Some(if kind == DISCOVER { answer::lease() } else { answer::nak() }));
    link.run(1000);
    assert_eq!(link.host.events, []);
    let discovers = link.secs_of(DISCOVER);
    for (at, expected) in discovers.windows(2).zip([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 64.0]) {
        assert!((at[1] - at[0] - expected).abs() <= 1.0, "{discovers:?}");
    }
    assert!(discovers.len() < 24, "{discovers:?}");
}

#[test]
fn a_server_that_grants_and_refuses_by_turns_is_asked_ever_less() {
    let mut link = link(|kind, count| {
        Some(if kind == DISCOVER || count % 2 == 1 { answer::lease() } else { answer::nak() })
    });
    link.run(1000);
    assert!(link.host.events.len() <= 42, "{}", link.host.events.len());
    link.check_rate();
}

#[test]
fn a_renewal_makes_the_next_search_quick() {
    // The first six leases are each refused at their first renewal. The seventh lease is renewed twice and then
    // refused.
    let mut link = link(|kind, count| {
        let is_granted = kind == DISCOVER || count % 2 == 1 || count == 14;
        Some(if is_granted { answer::lease() } else { answer::nak() })
    });
    link.run(200);
    let discovers = link.secs_of(DISCOVER);
    let gaps: Vec<f64> = discovers.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(gaps[5] > 5.0 + 31.0, "{gaps:?}");
    // The seventh lease is renewed after 5 and 10 s and refused after 15 s. The pause is a second again.
    assert!((16.0..16.5).contains(&gaps[6]), "{gaps:?}");
}

#[test]
fn an_expired_lease_ends_the_use_of_the_address() {
    let mut link = link(|kind, count| (kind == DISCOVER || count == 1).then(answer::lease));
    link.run(19);
    assert_eq!(link.host.events.len(), 1);
    let requests = link.secs_of(REQUEST);
    assert!(requests.len() >= 4, "lost messages must not lose the lease: {requests:?}");
    assert!(requests[1..].windows(2).all(|two| two[1] - two[0] >= 2.0), "{requests:?}");
    link.run(25);
    assert_eq!(link.host.events[1], lost(20, Loss::Expired));
    assert!(link.secs_of(DISCOVER)[1] >= 21.0);
    let next = link.sent.iter().find(|sent| sent.at > Instant::from_secs(21)).map(|sent| sent.kind);
    assert_eq!((next, link.host.events.len()), (Some(DISCOVER), 2));
}

#[test]
fn a_request_without_an_answer_starts_again() {
    let mut link = link(|kind, _| (kind == DISCOVER).then(answer::lease));
    link.run(120);
    let (discovers, requests) = (link.secs_of(DISCOVER), link.secs_of(REQUEST));
    assert!(discovers[1] > 28.0, "{discovers:?}");
    let first: Vec<_> = requests.iter().filter(|at| **at < discovers[1]).collect();
    assert_eq!(first.len(), 4, "{requests:?}");
    let (old, new) = (link.sent[0].xid, link.sent[5].xid);
    assert_ne!(old, new, "old answers must not count");
}

#[test]
fn an_expired_lease_is_not_asked_for_before_it_is_given_up() {
    let mut link = link(|kind, count| (kind == DISCOVER || count == 1).then(answer::lease));
    link.run(16);
    let late = Instant::from_secs(21);
    assert!(link.host.client.exchange.is_due(late));
    assert!(link.host.client.packet(late).is_none());
    assert_eq!(link.host.client.poll(late), Some(lost(20, Loss::Expired).1));
    assert_eq!(link.host.client.poll(late), None);
}
