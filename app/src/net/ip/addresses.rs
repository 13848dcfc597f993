//! The address of this machine and of its gateway, and decisions that follow from them: valid senders, neighbours and
//! the next hop.

use core::net::Ipv4Addr;

use runtime_config::unicast;
use smoltcp::wire::Ipv4Cidr;

/// The IPv4 address of this machine and its gateway. Both may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::net) struct Addresses {
    own: Option<Ipv4Cidr>,
    gateway: Option<Ipv4Addr>,
}

impl Addresses {
    /// Creates the addresses from the address `own` of this machine, with its prefix, and the gateway.
    pub(in crate::net) fn new(own: Option<Ipv4Cidr>, gateway: Option<Ipv4Addr>) -> Self {
        Self { own, gateway }
    }

    /// Returns the address of this machine.
    pub(in crate::net) fn address(&self) -> Option<Ipv4Addr> {
        self.own.map(|own| own.address())
    }

    /// Returns the gateway.
    pub(in crate::net) fn gateway(&self) -> Option<Ipv4Addr> {
        self.gateway
    }

    /// Returns whether `address` is that of this machine.
    pub(in crate::net) fn is_own(&self, address: Ipv4Addr) -> bool {
        self.address() == Some(address)
    }

    /// Returns whether `address` may be that of another machine on the link: it is in the network of this machine, or
    /// it is the gateway.
    pub(in crate::net) fn is_neighbor(&self, address: Ipv4Addr) -> bool {
        let is_near = self.own.is_some_and(|own| own.contains_addr(&address));
        self.is_source(address) && (is_near || self.gateway == Some(address))
    }

    /// Returns whether `address` is valid as the source of a received packet: it is the address of a single machine
    /// other than this one.
    pub(in crate::net) fn is_source(&self, address: Ipv4Addr) -> bool {
        let near = self.own.filter(|own| own.contains_addr(&address));
        match near {
            Some(own) => unicast::is_host(address, own.prefix_len()) && own.address() != address,
            None => unicast::is_unicast(address),
        }
    }

    /// Returns the machine on the link to which packets for `target` are sent: `target` itself or the gateway. Returns
    /// `None` if there is no route.
    pub(in crate::net) fn next_hop(&self, target: Ipv4Addr) -> Option<Ipv4Addr> {
        if self.is_neighbor(target) {
            return Some(target);
        }
        self.gateway.filter(|_| self.is_source(target))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(own: &str, prefix: u8, gateway: Option<&str>) -> Addresses {
        let own = Ipv4Cidr::new(own.parse().unwrap(), prefix);
        Addresses::new(Some(own), gateway.map(|gateway| gateway.parse().unwrap()))
    }

    fn hop(addresses: &Addresses, target: &str) -> Option<String> {
        addresses.next_hop(target.parse().unwrap()).map(|next| next.to_string())
    }

    #[test]
    fn the_next_hop_is_the_neighbour_or_the_gateway() {
        let routed = addresses("10.0.2.15", 24, Some("10.0.2.2"));
        assert_eq!(hop(&routed, "10.0.2.7").as_deref(), Some("10.0.2.7"));
        assert_eq!(hop(&routed, "192.0.2.1").as_deref(), Some("10.0.2.2"));
        let local = addresses("10.0.2.15", 24, None);
        assert_eq!(hop(&local, "192.0.2.1"), None);
        let alone = addresses("10.0.2.15", 32, Some("10.0.2.2"));
        assert_eq!(hop(&alone, "10.0.2.2").as_deref(), Some("10.0.2.2"));
        assert_eq!(hop(&alone, "10.0.2.7").as_deref(), Some("10.0.2.2"));
        let pair = addresses("10.0.2.14", 31, None);
        assert_eq!(hop(&pair, "10.0.2.15").as_deref(), Some("10.0.2.15"));
        assert_eq!(hop(&Addresses::default(), "10.0.2.7"), None);
    }

    #[test]
    fn addresses_of_many_machines_have_no_next_hop() {
        let routed = addresses("10.0.2.15", 24, Some("10.0.2.2"));
        for target in [
            "0.0.0.0",
            "0.0.0.1",
            "127.0.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "10.0.2.0",
            "10.0.2.255",
            "10.0.2.15",
        ] {
            assert_eq!(hop(&routed, target), None, "{target}");
            assert!(!routed.is_source(target.parse().unwrap()), "{target}");
            assert!(!routed.is_neighbor(target.parse().unwrap()), "{target}");
        }
    }
}
