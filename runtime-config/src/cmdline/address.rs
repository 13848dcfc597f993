//! The value of `ip=`.

use core::fmt;
use core::net::Ipv4Addr;
use core::str::FromStr;

/// How the guest gets its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpConfig {
    /// It asks by DHCP, and falls back to the address of the user network.
    Dhcp,
    /// It takes the one it is given.
    Static {
        /// Its address.
        address: Ipv4Addr,
        /// Bits of the network part, 1 to 32.
        prefix: u8,
        /// Its way out of the network, where there is one.
        gateway: Option<Ipv4Addr>,
    },
}

/// Says that a value is neither `dhcp` nor `A.B.C.D/PREFIX[,GATEWAY]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadAddress;

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
        let (address, prefix) = network.split_once('/').ok_or(BadAddress)?;
        let prefix = prefix.parse().ok().filter(|bits| (1..=32).contains(bits));
        Ok(Self::Static {
            address: parse_address(address)?,
            prefix: prefix.ok_or(BadAddress)?,
            gateway,
        })
    }
}

fn parse_address(text: &str) -> Result<Ipv4Addr, BadAddress> {
    text.parse().map_err(|_| BadAddress)
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
        for text in ["dhcp", "10.0.2.15/24", "10.0.2.15/24,10.0.2.2", "1.2.3.4/32"] {
            assert_eq!(text.parse::<IpConfig>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn bad_addresses_are_refused() {
        for text in ["", "DHCP", "10.0.2.15", "10.0.2/24", "1.2.3.4/0", "1.2.3.4/33", "1.2.3.4/24,"]
        {
            assert_eq!(text.parse::<IpConfig>(), Err(BadAddress), "{text}");
        }
    }
}
