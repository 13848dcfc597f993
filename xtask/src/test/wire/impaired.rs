//! A network that is connected to the server's network by a faulty link.

use super::namespace::Namespace;
use super::shim::{FAR, Faults, Shim};
use super::topology::HOST;

/// The network and the faulty link to it.
#[derive(Debug)]
pub(super) struct ImpairedNetwork {
    pub(super) namespace: Namespace,
    /// The link. It is removed together with the network.
    _shim: Shim,
}

impl ImpairedNetwork {
    /// Creates the network for a server behind a bridge. The network has the address of the server's router.
    pub(super) fn new(near: &Namespace, faults: Faults, seed: u64) -> anyhow::Result<Self> {
        let namespace = Namespace::new()?;
        let shim = Shim::start(near, &namespace, faults, seed)?;
        namespace.ip(&format!("addr add {HOST}/24 dev {FAR}"))?;
        Ok(Self { namespace, _shim: shim })
    }
}
