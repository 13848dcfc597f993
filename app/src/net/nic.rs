//! The seam to a network device.

use smoltcp::phy::Device;
use smoltcp::wire::{EthernetAddress, HardwareAddress};

/// A network device that can be told to send and asked whether something has come.
pub trait Nic: Device {
    /// Its hardware address; of no meaning where the medium is IP.
    fn mac(&self) -> [u8; 6];

    /// The address as smoltcp wants it. A device whose medium is IP overrides this.
    fn hardware(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(EthernetAddress(self.mac()))
    }

    /// Makes the device look at what has been queued since the last kick. Called once a turn, so
    /// that many packets share one doorbell.
    fn kick(&mut self);

    /// The first bytes of the packet that [`receive`](Device::receive) hands out next, at least 64 of
    /// it if it has as many. What is behind a shorter one's end means nothing.
    ///
    /// To be asked before each `receive`: here packets that nobody can use are thrown away.
    fn front(&mut self) -> Option<&[u8]>;

    /// Whether a packet waits to be received.
    fn pending(&self) -> bool;

    /// Whether the device still has all that was queued, so that nothing can be sent or received.
    fn is_full(&self) -> bool;
}
