//! A network at the far end of a cable with faults, on the server's link.

use super::namespace::Namespace;
use super::shim::{FAR, Faults, Shim};
use super::topology::HOST;

/// The network and its cable.
#[derive(Debug)]
pub(super) struct ImpairedNetwork {
    pub(super) space: Namespace,
    /// Ends with the network.
    _shim: Shim,
}

impl ImpairedNetwork {
    /// Makes it beside a server behind a bridge; it has the address of the server's router.
    pub(super) fn new(near: &Namespace, faults: Faults, seed: u64) -> anyhow::Result<Self> {
        let space = Namespace::new()?;
        let shim = Shim::start(near, &space, faults, seed)?;
        space.ip(&format!("addr add {HOST}/24 dev {FAR}"))?;
        Ok(Self { space, _shim: shim })
    }
}
