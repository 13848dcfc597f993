//! Tests of messages that are not answers to this client, and of arbitrary bytes.

use proptest::prelude::*;
use runtime_config::unicast;
use smoltcp::time::Instant;

use super::answer::{self, ACK, Answer, DISCOVER, NAK, OFFER, REQUEST};
use super::{Recorder, link};
use crate::net::dhcp::tests::link::Link;
use crate::net::dhcp::{AddressLease, DhcpClient, Event};

/// Returns messages that each have one fault, so that the client must drop them.
fn faulty() -> Vec<Answer> {
    let mac = [2, 0, 0, 0, 0, 8];
    vec![
        Answer { op: 1, ..answer::lease() },
        Answer { xid_change: 1, ..answer::lease() },
        Answer { mac, ..answer::lease() },
        Answer { magic: 0x6382_5364, ..answer::lease() },
        Answer { server: None, ..answer::lease() },
        answer::lease().from("0.0.0.0"),
        answer::lease().from("255.255.255.255"),
        answer::lease().from("224.0.0.1"),
        Answer { kind: Some(DISCOVER), ..answer::lease() },
        Answer { kind: Some(99), ..answer::lease() },
        // The message repeats the identifier of another client.
        answer::lease().option(61, &[1, 2, 0, 0, 0, 0, 8]),
    ]
}

#[test]
fn faulty_answers_are_refused_in_every_state() {
    for answer in faulty() {
        for faulty_from in 0..3 {
            let mut messages = 0;
            let mut link = link(|_, _| {
                messages += 1;
                Some(if messages > faulty_from { answer.clone() } else { answer::lease() })
            });
            link.run(6);
            assert_eq!(link.leases().len(), usize::from(faulty_from >= 2), "{answer:?}");
            let refused = link.sent.len() - faulty_from;
            assert!(link.refused == refused && refused > 0, "{answer:?}");
        }
    }
}

#[test]
fn the_own_identifier_may_be_repeated() {
    let mut link = link(|_, _| Some(answer::lease().option(61, &[1, 2, 0, 0, 0, 0, 7])));
    link.run(1);
    assert_eq!(link.leases().len(), 1);
}

#[test]
fn another_server_can_neither_grant_nor_refuse() {
    for kind in [ACK, NAK] {
        let mut link = link(|asked, _| {
            let server = if asked == DISCOVER { "10.0.2.2" } else { "10.0.2.9" };
            let kind = if asked == DISCOVER { OFFER } else { kind };
            Some(Answer { kind: Some(kind), ..answer::lease().from(server) })
        });
        link.run(10);
        assert_eq!(link.kinds(), [DISCOVER, REQUEST, REQUEST, REQUEST]);
        assert_eq!((link.refused, link.host.events.len()), (3, 0));
    }
}

#[test]
fn unsolicited_answers_are_ignored() {
    let mut link = link(|_, _| Some(answer::lease()));
    link.run(1);
    let xid = link.sent[0].xid;
    for kind in [OFFER, ACK, NAK] {
        let answer = Answer { kind: Some(kind), ..answer::lease().at("10.0.2.77") };
        link.hear(&answer.bytes(REQUEST, xid));
        let next = link.host.client.exchange.xid();
        link.hear(&answer.bytes(REQUEST, next));
    }
    assert_eq!(link.host.events.len(), 1);
    assert_eq!(link.kinds(), [DISCOVER, REQUEST]);
}

#[test]
fn an_unsolicited_acknowledgement_is_refused() {
    for kind in [ACK, NAK] {
        let mut link = link(|_, _| Some(Answer { kind: Some(kind), ..answer::lease() }));
        link.run(3);
        assert_eq!(link.kinds(), [DISCOVER; 3]);
        assert_eq!(link.host.events, []);
    }
}

#[test]
fn a_second_offer_is_refused() {
    let mut link = link(|kind, _| (kind == DISCOVER).then(answer::lease));
    link.run(1);
    let other = answer::lease().at("10.0.2.77").from("10.0.2.9");
    link.hear(&other.bytes(DISCOVER, link.sent[0].xid));
    link.run(3);
    assert_eq!(link.sent[2].requested, Some(answer::address("10.0.2.15")));
    assert_eq!(link.refused, 0);
}

fn is_usable(lease: &AddressLease) -> bool {
    let (address, prefix) = (lease.address.address(), lease.address.prefix_len());
    let is_gateway = |router| unicast::is_gateway(router, address, prefix);
    unicast::is_host(address, prefix) && lease.router.is_none_or(is_gateway)
}

/// Returns a client at 5 s that is in SELECTING (if `state` is 0), REQUESTING (1) or RENEWING (2).
fn asked(state: usize) -> Link<Recorder, impl FnMut(u8, usize) -> Option<Answer>> {
    let mut messages = 0;
    let mut link = link(move |_, _| {
        messages += 1;
        (messages <= state).then(answer::lease)
    });
    link.run(5);
    link
}

/// Passes a message to the client, and checks that a lease which the client accepts is usable.
fn check(client: &mut DhcpClient, bytes: &[u8]) {
    let now = Instant::from_secs(6);
    if let Ok(Some(Event::Bound(lease))) = client.hear(bytes, now) {
        assert!(is_usable(&lease), "{lease:?} of {bytes:?}");
    }
    client.poll(now);
    client.packet(now);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_harmless(state in 0..3_usize, bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        check(&mut asked(state).host.client, &bytes);
    }

    /// The transaction id and the hardware address of the message are those of the client; the other fields are random.
    #[test]
    fn random_messages_give_no_unusable_address(
        state in 0..3_usize,
        kind in 1..8_u8,
        address in any::<u32>(),
        options in prop::collection::vec(
            (prop::sample::select(vec![1, 3, 51, 52, 53, 54, 58, 59, 61, 77]), prop::collection::vec(any::<u8>(), 0..9)),
            0..8,
        ),
        overload in prop::collection::vec(any::<u8>(), 192),
        cut in 0..400_usize,
    ) {
        let mut link = asked(state);
        let answer = Answer { kind: Some(kind), address: address.into(), options, ..answer::plain() };
        let mut bytes = answer.bytes(REQUEST, link.host.client.exchange.xid());
        bytes[44..236].copy_from_slice(&overload);
        check(&mut link.host.client, &bytes[..bytes.len().min(cut.max(200))]);
    }

    /// The message is a valid lease in which some bytes were changed.
    #[test]
    fn changed_messages_give_no_unusable_address(
        state in 0..3_usize,
        changes in prop::collection::vec((0..290_usize, any::<u8>()), 1..6),
    ) {
        let mut link = asked(state);
        let kind = if state == 0 { DISCOVER } else { REQUEST };
        let mut bytes = answer::lease().bytes(kind, link.host.client.exchange.xid());
        for (at, byte) in changes {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        check(&mut link.host.client, &bytes);
    }
}
