//! The usable part of a server's message.

use core::fmt;
use core::net::Ipv4Addr;

use runtime_config::unicast;
use smoltcp::wire::Ipv4Cidr;

use super::message::ServerMessage;

/// The prefix of a first lease without a mask. The mask of the address's class would make neighbours of all
/// of 10.0.0.0/8, most of whom are behind a router.
const PREFIX_DEFAULT: u8 = 24;

/// The content of a lease: an address that one machine can have, and a router that it can send through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) struct AddressLease {
    /// The address with its prefix.
    pub(in crate::net) address: Ipv4Cidr,
    /// The way out of the network, where there is one.
    pub(in crate::net) router: Option<Ipv4Addr>,
}

/// Parts of a message that were not taken, though the rest was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ignored {
    /// A mask that is none.
    pub(super) mask: bool,
    /// Routers of which none can be sent through.
    pub(super) routers: bool,
}

/// The reason why nothing of a message is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeaseError {
    /// No machine can have the address in its network.
    Address(Ipv4Addr, u8),
    /// The mask is not one run of ones.
    Mask(Ipv4Addr),
}

impl fmt::Display for LeaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address, prefix) => {
                write!(f, "{address}/{prefix}, an address that no machine can have")
            }
            Self::Mask(mask) => write!(f, "{mask}, which is not a mask"),
        }
    }
}

/// Reads the lease of an OFFER or ACK. A field that is absent or wrong stays as in the `previous` lease, as far
/// as it still fits; only an address that cannot be used, or a first lease with a wrong mask, is refused.
pub(super) fn of(
    message: &ServerMessage<'_>,
    previous: Option<&AddressLease>,
) -> Result<(AddressLease, Ignored), LeaseError> {
    let old_prefix = previous.map(|lease| lease.address.prefix_len());
    let mut ignored = Ignored::default();
    let prefix = match (message.mask.map(|mask| (mask, prefix(mask))), old_prefix) {
        (Some((_, Some(prefix))), _) => prefix,
        (Some((mask, None)), None) => return Err(LeaseError::Mask(mask)),
        (Some((_, None)), Some(prefix)) => {
            ignored.mask = true;
            prefix
        }
        (None, prefix) => prefix.unwrap_or(PREFIX_DEFAULT),
    };
    let address = message.address;
    if !unicast::is_host(address, prefix) || address == message.server {
        return Err(LeaseError::Address(address, prefix));
    }
    let is_gateway = |router: &Ipv4Addr| unicast::is_gateway(*router, address, prefix);
    let router = message.routers().find(is_gateway);
    ignored.routers = router.is_none() && message.routers().next().is_some();
    let old_router = previous.and_then(|lease| lease.router).filter(is_gateway);
    let address = Ipv4Cidr::new(address, prefix);
    Ok((AddressLease { address, router: router.or(old_router) }, ignored))
}

/// The number of ones in a mask that is one run of them, 1 to 32.
fn prefix(mask: Ipv4Addr) -> Option<u8> {
    let bits = mask.to_bits();
    let prefix = bits.leading_ones();
    let is_run = prefix > 0 && prefix == bits.count_ones();
    u8::try_from(prefix).ok().filter(|_| is_run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_one_run_of_ones() {
        for (mask, expected) in [
            ("255.255.255.0", Some(24)),
            ("255.255.255.255", Some(32)),
            ("255.255.255.254", Some(31)),
            ("128.0.0.0", Some(1)),
            ("0.0.0.0", None),
            ("255.0.255.0", None),
            ("0.0.0.255", None),
            ("127.0.0.0", None),
        ] {
            assert_eq!(prefix(mask.parse().unwrap()), expected, "{mask}");
        }
    }
}
