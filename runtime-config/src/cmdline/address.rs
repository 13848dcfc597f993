//! The value of `ip=`: how the guest gets its IPv4 address.

use core::fmt;
use core::net::Ipv4Addr;
use core::str::FromStr;

use crate::unicast;

/// The source of the guest's IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpConfig {
    /// DHCP. If no DHCP server answers, the guest takes
    /// [`ports::GUEST_ADDRESS`](crate::ports::GUEST_ADDRESS).
    Dhcp,
    /// The address that the command line states.
    Static {
        /// The address of the guest.
        address: Ipv4Addr,
        /// Number of bits of the network part of the address, 1 to 32.
        prefix: u8,
        /// The default gateway, if there is one.
        gateway: Option<Ipv4Addr>,
    },
}

/// The reason why a value of `ip=` is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadAddress {
    /// The value is neither `dhcp` nor `A.B.C.D/PREFIX[,GATEWAY]`.
    Malformed,
    /// The address cannot belong to a machine, for example because it is a broadcast address.
    NotHost(Ipv4Addr),
    /// The machine cannot send through the gateway, because the gateway is not in its network.
    NotGateway {
        /// The gateway.
        gateway: Ipv4Addr,
        /// The value without the gateway, which the guest can use instead.
        without: IpConfig,
    },
}

impl FromStr for IpConfig {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        if text == "dhcp" {
            return Ok(Self::Dhcp);
        }
        let (network, gateway) = match text.split_once(',') {
            Some((network, gateway)) => (network, Some(parse_address(gateway)?)),
            None => (text, None),
        };
        let (address, prefix) = network.split_once('/').ok_or(BadAddress::Malformed)?;
        let address = parse_address(address)?;
        let prefix = prefix.parse().ok().filter(|bits| (1..=32).contains(bits));
        let prefix = prefix.ok_or(BadAddress::Malformed)?;
        if !unicast::is_host(address, prefix) {
            return Err(BadAddress::NotHost(address));
        }
        match gateway {
            Some(gateway) if !unicast::is_gateway(gateway, address, prefix) => {
                let without = Self::Static { address, prefix, gateway: None };
                Err(BadAddress::NotGateway { gateway, without })
            }
            _ => Ok(Self::Static { address, prefix, gateway }),
        }
    }
}

fn parse_address(text: &str) -> Result<Ipv4Addr, BadAddress> {
    text.parse().map_err(|_| BadAddress::Malformed)
}

impl fmt::Display for IpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dhcp => f.write_str("dhcp"),
            Self::Static { address, prefix, gateway: None } => write!(f, "{address}/{prefix}"),
            Self::Static { address, prefix, gateway: Some(gateway) } => {
                write!(f, "{address}/{prefix},{gateway}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_round_trip() {
        for text in [
            "dhcp",
            "10.0.2.15/24",
            "10.0.2.15/24,10.0.2.2",
            "1.2.3.4/32",
            "1.2.3.4/32,5.6.7.8",
            "10.0.2.15/31",
            "10.0.2.15/31,10.0.2.14",
            "10.0.2.15/1",
        ] {
            assert_eq!(text.parse::<IpConfig>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn malformed_addresses_are_refused() {
        for text in ["", "DHCP", "10.0.2.15", "10.0.2/24", "1.2.3.4/0", "1.2.3.4/33", "1.2.3.4/24,"]
        {
            assert_eq!(text.parse::<IpConfig>(), Err(BadAddress::Malformed), "{text}");
        }
    }

    #[test]
    fn addresses_of_no_machine_are_refused() {
        for text in ["0.0.0.0/24", "127.0.0.1/8", "224.0.0.5/24", "10.0.2.255/24", "10.0.2.0/24"] {
            let address = text.split_once('/').unwrap().0.parse().unwrap();
            assert_eq!(text.parse::<IpConfig>(), Err(BadAddress::NotHost(address)), "{text}");
        }
    }

    #[test]
    fn a_gateway_that_cannot_be_used_leaves_the_rest() {
        let without = "10.0.2.15/24".parse().unwrap();
        for text in ["0.0.0.0", "255.255.255.255", "224.0.0.1", "10.0.2.15", "172.16.0.1"] {
            let expected = BadAddress::NotGateway { gateway: text.parse().unwrap(), without };
            assert_eq!(format!("10.0.2.15/24,{text}").parse::<IpConfig>(), Err(expected));
        }
    }
}
