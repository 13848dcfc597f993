//! The cases of the layer `wire`.

mod addresses;
mod blind;
mod comes_back;
mod counters;
mod dhcp;
mod fragments;
mod icmp;
mod loss;
mod mtu;
mod neighbours;
mod noise;
mod old_ack;
mod path_mtu;
mod places;
mod port_reuse;
mod router;
mod strangers;
mod syn_flood;
mod windows;

use super::case::{WireCase, both, image};

/// All cases, in the order of the findings that they reproduce.
pub(super) const ALL: &[WireCase] = &[
    both("neighbours: 40 clients from 40 addresses wait as those from one", neighbours::many),
    both("neighbours: absent peers delay no client", neighbours::absent),
    both("changed_mac: a neighbour with another Ethernet address is found", neighbours::changed),
    both("router: absent peers delay no client behind a router", router::run),
    both("port_reuse: a kernel's client uses its port again at once", port_reuse::kernel),
    both("port_reuse: a SYN is answered in every state", port_reuse::states),
    both(
        "comes_back: a client that lost its connection is served from the same port",
        comes_back::run,
    ),
    both("blind: RST, SYN, SYN-ACK and data of an attacker change nothing", blind::run),
    both("old_ack: old ACKs, duplicates and one lost segment", old_ack::run),
    image("loss: a link with losses and reordering is as fast as with Linux", loss::run),
    both("path_mtu: large replies pass a small link, with and without ICMP", path_mtu::run),
    both("icmp: echo, and \"fragmentation needed\" of this connection only", icmp::run),
    both("fragments: a request in fragments is served", fragments::run),
    image("mtu: segments fit the device and the setting", mtu::run),
    image("addresses: words that name no machine", addresses::words),
    both("addresses: senders that cannot be", addresses::senders),
    image("dhcp: renewals that differ from the first lease", dhcp::renewals::run),
    image("dhcp: a server that starts late", dhcp::late::run),
    image("dhcp: leases that no machine can use", dhcp::unusable::run),
    image("dhcp: a server that refuses makes no storm", dhcp::refusals::run),
    image("dhcp: dnsmasq with changing answers", dhcp::dnsmasq::run),
    both("places: clients that never close keep no new client out", places::run),
    both("syn_flood: clients far away connect", syn_flood::run),
    both("strangers: a client with the password is served", strangers::writers),
    both("strangers: Redis' limits before AUTH", strangers::limits),
    image("counters: each damaged packet raises its own", counters::run),
    both("windows: small windows and readers that stop", windows::run),
    image("noise: random and mutated frames", noise::run),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        for (index, case) in ALL.iter().enumerate() {
            assert!(ALL[..index].iter().all(|other| other.name != case.name), "{}", case.name);
        }
    }
}
