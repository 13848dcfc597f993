//! A network at the far end of a faulty link to the server's network.

use super::namespace::Namespace;
use super::shim::{FAR, Faults, Shim};
use super::topology::HOST;

/// The network and its link.
#[derive(Debug)]
pub(super) struct ImpairedNetwork {
    pub(super) namespace: Namespace,
    /// The link ends with the network.
    _shim: Shim,
}

impl ImpairedNetwork {
    /// Makes the network beside a server behind a bridge; the network has the address of the server's
    /// router.
    pub(super) fn new(near: &Namespace, faults: Faults, seed: u64) -> anyhow::Result<Self> {
        let namespace = Namespace::new()?;
        let shim = Shim::start(near, &namespace, faults, seed)?;
        namespace.ip(&format!("addr add {HOST}/24 dev {FAR}"))?;
        Ok(Self { namespace, _shim: shim })
    }
}
