//! Tests of addresses from each source (configuration, DHCP and fallback), in virtual time.

use super::*;
use crate::net::dhcp::tests::MAC;
use crate::net::dhcp::tests::answer::{self, Answer, DISCOVER};
use crate::net::dhcp::tests::link::{Link, TestHost};
use crate::net::dhcp::tests::paced::logged;

/// An [`Addressing`], and each address and gateway that it has reported, with the time in seconds.
struct Watched {
    addressing: Addressing,
    states: Vec<(i64, String)>,
}

impl Watched {
    fn note(&mut self, is_changed: bool, now: Instant) {
        if is_changed {
            self.states.push((now.secs(), state(&self.addressing)));
        }
    }
}

fn state(addressing: &Addressing) -> String {
    let shown = |value: Option<String>| value.unwrap_or("none".to_owned());
    let address = shown(addressing.address().map(|address| address.to_string()));
    let gateway = shown(addressing.gateway().map(|gateway| gateway.to_string()));
    format!("{address} {gateway}")
}

impl TestHost for Watched {
    fn poll(&mut self, now: Instant) {
        let is_changed = self.addressing.poll(now);
        self.note(is_changed, now);
    }

    fn hear(&mut self, payload: &[u8], now: Instant) -> Result<(), Drop> {
        let is_changed = self.addressing.hear(payload, now)?;
        self.note(is_changed, now);
        Ok(())
    }

    fn packet(&mut self, now: Instant) -> Option<Outgoing> {
        self.addressing.packet(now)
    }

    fn wake_at(&self) -> Option<Instant> {
        self.addressing.wake_at()
    }
}

fn of(config: &str) -> Addressing {
    let (address, gateway) = config.split_once(',').map_or((config, None), |(a, g)| (a, Some(g)));
    let (host, prefix) = address.split_once('/').unwrap();
    // The configuration is built directly, because the parser of the command line would refuse some of these values.
    let config = IpConfig::Static {
        address: host.parse().unwrap(),
        prefix: prefix.parse().unwrap(),
        gateway: gateway.map(|gateway| gateway.parse().unwrap()),
    };
    Addressing::new(&config, Some(MAC), 1, Instant::ZERO)
}

fn link<F: FnMut(u8, usize) -> Option<Answer>>(plan: F) -> Link<Watched, F> {
    let addressing = Addressing::new(&IpConfig::Dhcp, Some(MAC), 1, Instant::ZERO);
    Link::new(Watched { addressing, states: Vec::new() }, plan)
}

/// Runs DHCP for `secs` seconds with a server that answers as `plan` says. Returns each address and gateway, with the
/// time in seconds at which it was set.
fn states(secs: u64, plan: impl FnMut(u8, usize) -> Option<Answer>) -> Vec<(i64, String)> {
    let mut link = link(plan);
    link.run(secs);
    let last = link.host.states.last().map_or("none none", |(_, state)| state);
    assert_eq!(state(&link.host.addressing), last, "a change is not reported");
    link.host.states
}

fn at(secs: i64, state: &str) -> (i64, String) {
    (secs, state.to_owned())
}

const FALLBACK: &str = "10.0.2.15/24 10.0.2.2";

#[test]
fn a_static_address_needs_no_server() {
    for (config, expected) in [
        ("10.0.2.15/24,10.0.2.2", "10.0.2.15/24 10.0.2.2"),
        ("10.0.2.15/24", "10.0.2.15/24 none"),
        ("10.0.2.15/31,10.0.2.14", "10.0.2.15/31 10.0.2.14"),
        ("10.0.2.15/32,10.0.2.2", "10.0.2.15/32 10.0.2.2"),
        ("10.0.2.15/32,172.16.0.1", "10.0.2.15/32 172.16.0.1"),
        ("10.0.2.15/1", "10.0.2.15/1 none"),
    ] {
        let mut addressing = of(config);
        assert_eq!(state(&addressing), expected);
        assert_eq!(addressing.wake_at(), None);
        assert!(!addressing.poll(Instant::from_secs(9)));
        assert!(addressing.packet(Instant::from_secs(9)).is_none());
        assert_eq!(addressing.hear(&[], Instant::from_secs(9)), Ok(false));
    }
}

#[test]
fn an_invalid_gateway_is_ignored_with_one_line() {
    for gateway in [
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "10.0.2.255",
        "10.0.2.0",
        "10.0.2.15",
        "127.0.0.1",
        "172.16.0.1",
        "240.0.0.1",
    ] {
        let mut shown = String::new();
        let lines = logged(|| shown = state(&of(&format!("10.0.2.15/24,{gateway}"))));
        assert_eq!(shown, "10.0.2.15/24 none");
        let ignored =
            format!("gateway {gateway} is ignored: no machine of the network can have it");
        assert_eq!(lines, [ignored.as_str(), "address 10.0.2.15/24, no gateway"]);
    }
}

#[test]
fn an_invalid_address_is_replaced_by_dhcp() {
    for config in [
        "0.0.0.0/24",
        "255.255.255.255/32",
        "224.0.0.5/24",
        "10.0.2.255/24",
        "10.0.2.0/24",
        "127.0.0.1/8",
        "1.2.3.4/0",
        "1.2.3.4/99",
    ] {
        let mut addressing = None;
        let lines = logged(|| addressing = Some(of(config)));
        assert_eq!(lines, [format!("address {config} is ignored: no machine can have it")]);
        let mut addressing = addressing.unwrap();
        assert!(addressing.packet(Instant::ZERO).is_some(), "{config}");
        assert!(addressing.poll(Instant::from_secs(3)));
        assert_eq!(state(&addressing), FALLBACK);
    }
}

#[test]
fn a_medium_without_hardware_addresses_gets_the_fallback_at_once() {
    let addressing = Addressing::new(&IpConfig::Dhcp, None, 1, Instant::ZERO);
    assert_eq!((state(&addressing).as_str(), addressing.wake_at()), (FALLBACK, None));
}

#[test]
fn the_fallback_is_set_after_three_seconds() {
    assert_eq!(states(2, |_, _| None), []);
    // The fallback address is set at 3 s, although the client continues to send DISCOVERs.
    assert_eq!(states(3, |_, _| None), [at(3, FALLBACK)]);
    assert_eq!(states(500, |_, _| None), [at(3, FALLBACK)]);
    // Unusable offers do not prevent the fallback address.
    let unusable = |_, _| Some(answer::lease().at("127.0.0.1"));
    assert_eq!(states(500, unusable), [at(3, FALLBACK)]);
}

#[test]
fn a_lease_prevents_the_fallback() {
    let lease = |_, _| Some(answer::lease());
    assert_eq!(states(500, lease), [at(0, "10.0.2.15/24 10.0.2.3")]);
    // The fallback address is not set after the end of the lease either.
    let once = |_, count| (count == 1).then(answer::lease);
    assert_eq!(states(500, once), [at(0, "10.0.2.15/24 10.0.2.3"), at(20, "none none")]);
}

#[test]
fn a_late_server_replaces_the_fallback() {
    let late = |answer: Answer| {
        let mut link =
            link(move |kind, count| (kind != DISCOVER || count > 4).then(|| answer.clone()));
        link.run(12);
        link.host.states.into_iter().map(|(_, state)| state).collect::<Vec<_>>()
    };
    let lease = answer::lease().mask("255.255.0.0").router("10.0.2.4");
    assert_eq!(late(lease.clone()), [FALLBACK, "10.0.2.15/16 10.0.2.4"]);
    // The gateway of the fallback is removed if the lease has no gateway.
    assert_eq!(late(answer::lease().option(3, &[])), [FALLBACK, "10.0.2.15/24 none"]);
    assert_eq!(late(lease.at("10.0.9.9")), [FALLBACK, "10.0.9.9/16 10.0.2.4"]);
    // A lease with the same values as the fallback is not reported as a change.
    assert_eq!(late(answer::lease().router("10.0.2.2")), [FALLBACK]);
}

#[test]
fn renewals_that_change_something_are_reported() {
    let first = "10.0.2.15/24 10.0.2.3";
    for (then, expected) in [
        (answer::lease().router("10.0.2.4"), "10.0.2.15/24 10.0.2.4"),
        (answer::lease().mask("255.255.0.0"), "10.0.2.15/16 10.0.2.3"),
        (answer::lease().at("10.0.2.16"), "10.0.2.16/24 10.0.2.3"),
    ] {
        let plan = |kind, count| {
            let is_first = kind == DISCOVER || count == 1;
            Some(if is_first { answer::lease() } else { then.clone() })
        };
        assert_eq!(states(30, plan), [at(0, first), at(5, expected)]);
    }
    assert_eq!(states(30, |_, _| Some(answer::lease())), [at(0, first)]);
}

#[test]
fn a_refusal_removes_the_address() {
    let plan = |kind, count| {
        Some(if kind == DISCOVER || count == 1 { answer::lease() } else { answer::nak() })
    };
    assert_eq!(states(30, plan), [at(0, "10.0.2.15/24 10.0.2.3"), at(5, "none none")]);
    let again = |kind, count| {
        Some(if kind == DISCOVER || count != 2 { answer::lease() } else { answer::nak() })
    };
    let lease = "10.0.2.15/24 10.0.2.3";
    assert_eq!(states(30, again), [at(0, lease), at(5, "none none"), at(6, lease)]);
}

#[test]
fn each_event_is_one_line() {
    let plan = |kind, count| {
        Some(if kind == DISCOVER || count % 3 != 0 { answer::lease() } else { answer::nak() })
    };
    let lines = logged(|| link(plan).run(20));
    let lease = "address 10.0.2.15/24, gateway 10.0.2.3";
    let nak = "DHCP server 10.0.2.2 refuses the request";
    let lost = "DHCP lease of 10.0.2.15/24 lost, the server has refused it: no address";
    assert_eq!(lines, [lease, nak, lost, lease]);
    let lines = logged(|| link(|_, _| None).run(20));
    assert_eq!(lines, ["no DHCP lease in 3 s", "address 10.0.2.15/24, gateway 10.0.2.2"]);
    let expired = logged(|| link(|_, count| (count == 1).then(answer::lease)).run(90));
    let lost = "DHCP lease of 10.0.2.15/24 lost, its time is over: no address";
    assert_eq!(expired, [lease, lost]);
}
