//! A network at the far end of a cable with faults, on the server's link.

use super::shim::{FAR, Faults, Shim};
use super::space::Space;
use super::topology::HOST;

/// The network and its cable.
#[derive(Debug)]
pub(super) struct Far {
    pub(super) space: Space,
    /// Ends with the network.
    _shim: Shim,
}

impl Far {
    /// Makes it beside a server behind a bridge; it has the address of the server's router.
    pub(super) fn new(near: &Space, faults: Faults, seed: u64) -> anyhow::Result<Self> {
        let space = Space::new()?;
        let shim = Shim::lay(near, &space, faults, seed)?;
        space.ip(&format!("addr add {HOST}/24 dev {FAR}"))?;
        Ok(Self { space, _shim: shim })
    }
}
