//! Tests of leases with invalid or missing values.

use super::answer::{self, Answer, DISCOVER, REQUEST};
use super::link;

/// Returns the leases that the client accepts within 3 s if the server gives the same answer to each message.
fn leases(answer: &Answer) -> Vec<String> {
    let mut link = link(|_, _| Some(answer.clone()));
    link.run(3);
    link.texts()
}

#[test]
fn an_invalid_address_is_refused() {
    for text in [
        "0.0.0.0",
        "0.1.2.3",
        "127.0.0.1",
        "224.0.0.9",
        "240.0.0.1",
        "255.255.255.255",
        "10.0.2.0",
        "10.0.2.255",
        // The address of the server.
        "10.0.2.2",
    ] {
        let mut link = link(|_, _| Some(answer::lease().at(text)));
        link.run(3);
        assert_eq!(link.texts(), [""; 0], "{text}");
        assert_eq!(link.kinds(), [DISCOVER; 3], "{text}");
        assert_eq!(link.refused, 3, "each is counted");
    }
}

#[test]
fn an_invalid_mask_is_refused() {
    for mask in ["0.0.0.0", "255.0.255.0", "0.0.0.255"] {
        assert_eq!(leases(&answer::lease().mask(mask)), [""; 0], "{mask}");
    }
}

#[test]
fn a_lease_without_a_mask_has_24_bits() {
    assert_eq!(leases(&answer::lease().option(1, &[])), ["10.0.2.15/24 10.0.2.3"]);
    assert_eq!(leases(&answer::lease().option(1, &[]).at("10.0.3.0")), [""; 0]);
}

#[test]
fn small_networks_are_accepted() {
    for (mask, router, expected) in [
        ("255.255.255.254", "10.0.2.14", "10.0.2.15/31 10.0.2.14"),
        ("255.255.255.255", "10.0.2.1", "10.0.2.15/32 10.0.2.1"),
        ("255.255.255.255", "172.16.0.1", "10.0.2.15/32 172.16.0.1"),
        ("255.255.255.252", "10.0.2.14", ""),
    ] {
        let expected: &[&str] = if expected.is_empty() { &[] } else { &[expected] };
        assert_eq!(leases(&answer::lease().mask(mask).router(router)), expected);
    }
}

#[test]
fn an_invalid_router_is_ignored() {
    for router in [
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "127.0.0.1",
        "10.0.2.0",
        "10.0.2.255",
        "10.0.2.15",
        "172.16.0.1",
    ] {
        assert_eq!(leases(&answer::lease().router(router)), ["10.0.2.15/24"], "{router}");
    }
    assert_eq!(leases(&answer::lease().option(3, &[])), ["10.0.2.15/24"]);
}

#[test]
fn the_first_valid_router_is_used() {
    let routers = [[0; 4], [172, 16, 0, 1], [10, 0, 2, 4], [10, 0, 2, 5]].concat();
    assert_eq!(leases(&answer::lease().option(3, &routers)), ["10.0.2.15/24 10.0.2.4"]);
    // An incomplete address at the end of the option is ignored.
    assert_eq!(leases(&answer::lease().option(3, &[10, 0, 2, 4, 10])), ["10.0.2.15/24 10.0.2.4"]);
}

#[test]
fn an_unusable_acknowledgement_is_refused() {
    let mut link = link(|kind, _| {
        let answer = answer::lease();
        Some(if kind == DISCOVER { answer } else { answer.at("127.0.0.1") })
    });
    link.run(120);
    assert_eq!(link.texts(), [""; 0]);
    assert_eq!(link.refused, link.secs_of(REQUEST).len());
}

#[test]
fn an_unusable_renewal_does_not_renew() {
    let mut link = link(|kind, count| {
        let is_right = kind == DISCOVER || count == 1;
        Some(if is_right { answer::lease() } else { answer::lease().at("224.0.0.9") })
    });
    link.run(19);
    assert_eq!((link.texts().len(), link.host.events.len()), (1, 1));
    link.run(20);
    assert_eq!(link.host.events.len(), 2, "the lease expires");
}

#[test]
fn the_address_of_an_acknowledgement_counts() {
    let mut link = link(|kind, _| {
        Some(answer::lease().at(if kind == DISCOVER { "10.0.2.15" } else { "10.0.2.16" }))
    });
    link.run(1);
    assert_eq!(link.texts(), ["10.0.2.16/24 10.0.2.3"]);
}
