//! Extracts the lease from the message of a DHCP server, and checks its values.

use core::fmt;
use core::net::Ipv4Addr;

use runtime_config::unicast;
use smoltcp::wire::Ipv4Cidr;

use super::message::ServerMessage;

/// Prefix length of a first lease that contains no mask. The prefix of the address class (8 for 10.0.0.0) is not used,
/// because machines of such a large network are mostly behind a router, but would be treated as neighbours.
const PREFIX_DEFAULT: u8 = 24;

/// The content of a lease. Both values are checked: the address can be that of a machine, and the router can be reached
/// from that address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) struct AddressLease {
    /// The address of this machine with its prefix.
    pub(in crate::net) address: Ipv4Cidr,
    /// The router, if there is one.
    pub(in crate::net) router: Option<Ipv4Addr>,
}

/// The parts of an accepted message that were ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ignored {
    /// Whether the mask is invalid. The mask of the previous lease is kept.
    pub(super) mask: bool,
    /// Whether the message contains routers, but all of them are unusable.
    pub(super) routers: bool,
}

/// The reason for which the lease in a message is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeaseError {
    /// A machine cannot have this address in a network with this prefix length.
    Address(Ipv4Addr, u8),
    /// The one bits of this mask are not contiguous.
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

/// Extracts the lease from an OFFER or ACK. If the mask or the router is missing or invalid, the value of the
/// `previous` lease is kept, provided that it is valid for the new address. Only an unusable address, or an invalid
/// mask in a first lease, is an error.
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

/// Returns the prefix length of a mask, 1 to 32. Returns `None` if the one bits of the mask are not contiguous or do
/// not begin at the highest bit.
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
    fn masks_have_contiguous_ones() {
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
