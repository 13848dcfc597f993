//! The usable part of a server's message.

use core::fmt;
use core::net::Ipv4Addr;

use runtime_config::unicast;
use smoltcp::wire::Ipv4Cidr;

use super::message::ServerMessage;

/// The prefix of a first lease without a mask. The mask of the address's class would treat all of 10.0.0.0/8 as
/// neighbours, although most machines are behind a router.
const PREFIX_DEFAULT: u8 = 24;

/// The content of a lease: a valid address of a machine, and a usable router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) struct AddressLease {
    /// The address with its prefix.
    pub(in crate::net) address: Ipv4Cidr,
    /// The router, if there is one.
    pub(in crate::net) router: Option<Ipv4Addr>,
}

/// Ignored parts of an accepted message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ignored {
    /// Whether the mask is invalid.
    pub(super) mask: bool,
    /// Whether no router is usable.
    pub(super) routers: bool,
}

/// The reason for the rejection of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeaseError {
    /// The address is not valid in its network.
    Address(Ipv4Addr, u8),
    /// The ones of the mask are not contiguous.
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

/// Extracts the lease of an OFFER or ACK. A missing or invalid field keeps the value of the `previous` lease if that is
/// still valid. Only an unusable address, or an invalid mask in a first lease, is an error.
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

/// Returns the prefix of a mask, 1 to 32, or `None` if its ones are not contiguous.
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
