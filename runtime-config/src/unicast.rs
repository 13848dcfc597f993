//! Decides which IPv4 addresses a machine can have, and which can be its gateway.
//!
//! The same rules apply to the command line and to the leases of DHCP.

use core::net::Ipv4Addr;

/// Returns whether an address can belong to one machine. Such an address is not in 0.0.0.0/8 or 127.0.0.0/8
/// (RFC 1122 section 3.2.1.3), and it is below 224.0.0.0, where multicast, reserved and broadcast addresses
/// begin.
#[must_use]
pub const fn is_unicast(address: Ipv4Addr) -> bool {
    let first = address.octets()[0];
    first != 0 && first != 127 && first < 224
}

/// Returns whether a machine can have `address` in a network with a prefix of `prefix` bits, 1 to 32. The
/// first and the last address of a network stand for the network and for broadcasts. A /31 network has two
/// machines (RFC 3021), and a /32 network has one.
#[must_use]
pub const fn is_host(address: Ipv4Addr, prefix: u8) -> bool {
    if !is_unicast(address) || prefix == 0 || prefix > 32 {
        return false;
    }
    let host_bits = !network_bits(prefix);
    let host = address.to_bits() & host_bits;
    prefix >= 31 || (host != 0 && host != host_bits)
}

/// Returns whether a machine with `address` can send through `gateway`, which must be another machine in the
/// network of `prefix` bits. A /32 network has no other machine, so its gateway is assumed to be on the link,
/// as in cloud networks.
#[must_use]
pub const fn is_gateway(gateway: Ipv4Addr, address: Ipv4Addr, prefix: u8) -> bool {
    let differing = gateway.to_bits() ^ address.to_bits();
    if differing == 0 || prefix == 0 || prefix > 32 {
        return false;
    }
    if prefix == 32 {
        return is_unicast(gateway);
    }
    differing & network_bits(prefix) == 0 && is_host(gateway, prefix)
}

/// Returns the mask of a network with a prefix of `prefix` bits, 1 to 32.
const fn network_bits(prefix: u8) -> u32 {
    u32::MAX << (32 - prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Ipv4Addr {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_of_one_machine() {
        for (text, prefix) in [
            ("10.0.2.15", 24),
            ("10.0.2.15", 1),
            ("10.0.2.14", 31),
            ("10.0.2.15", 31),
            ("10.0.2.0", 32),
            ("10.0.2.255", 16),
            ("1.0.0.1", 8),
            ("169.254.3.4", 16),
            ("223.255.255.254", 24),
        ] {
            assert!(is_host(address(text), prefix), "{text}/{prefix}");
        }
    }

    #[test]
    fn addresses_of_no_machine() {
        for (text, prefix) in [
            ("0.0.0.0", 24),
            ("0.1.2.3", 24),
            ("127.0.0.1", 8),
            ("224.0.0.5", 24),
            ("240.0.0.1", 24),
            ("255.255.255.255", 32),
            ("10.0.2.0", 24),
            ("10.0.2.255", 24),
            ("10.0.2.15", 0),
            ("10.0.2.15", 33),
            ("128.0.0.0", 1),
        ] {
            assert!(!is_host(address(text), prefix), "{text}/{prefix}");
        }
    }

    #[test]
    fn gateways_are_other_machines_of_the_network() {
        let is_gateway =
            |gateway, prefix| is_gateway(address(gateway), address("10.0.2.15"), prefix);
        for (gateway, prefix) in
            [("10.0.2.2", 24), ("10.0.2.14", 31), ("10.0.2.2", 32), ("172.16.0.1", 32)]
        {
            assert!(is_gateway(gateway, prefix), "{gateway} on /{prefix}");
        }
        for (gateway, prefix) in [
            ("0.0.0.0", 24),
            ("255.255.255.255", 24),
            ("224.0.0.1", 24),
            ("10.0.2.255", 24),
            ("10.0.2.0", 24),
            ("10.0.2.15", 24),
            ("10.0.2.15", 32),
            ("127.0.0.1", 24),
            ("127.0.0.1", 32),
            ("224.0.0.1", 32),
            ("172.16.0.1", 24),
            ("240.0.0.1", 24),
            ("10.0.2.13", 31),
            ("10.0.2.2", 0),
        ] {
            assert!(!is_gateway(gateway, prefix), "{gateway} on /{prefix}");
        }
    }
}
