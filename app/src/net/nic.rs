//! The interface between the network stack and the driver of a network device.

use core::fmt;
use core::num::NonZeroUsize;

use smoltcp::phy::{Medium, TxToken};

/// The abilities of a network device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// `Medium::Ethernet` if packets have Ethernet headers, `Medium::Ip` if they begin with the IPv4 header.
    pub medium: Medium,
    /// Maximum size, in bytes, of an IPv4 packet on the network.
    pub mtu: usize,
    /// Maximum size, in bytes, of a packet that the device cuts into segments itself, link header included. `None` if
    /// the device cannot do that. A device with this ability also completes TCP checksums.
    pub cuts: Option<NonZeroUsize>,
}

/// A received packet, with the permission to send one answer.
pub struct Arrival<'a, S> {
    /// The packet, with its Ethernet header if the medium has one. The receiver may change the bytes.
    pub bytes: &'a mut [u8],
    /// Whether the device has verified the checksum of the TCP segment.
    pub is_sound: bool,
    /// The permission to send one answer.
    pub slot: S,
}

impl<S> fmt::Debug for Arrival<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arrival({} bytes)", self.bytes.len())
    }
}

/// A polled network device.
pub trait Nic {
    /// Permission to send one packet.
    type Slot<'a>: TxToken
    where
        Self: 'a;

    /// Returns the hardware address. The address is not used if packets have no Ethernet headers.
    fn mac(&self) -> [u8; 6];

    /// Returns the abilities, which never change.
    fn abilities(&self) -> Abilities;

    /// Returns the next received packet. Returns `None` if no packet has arrived, or if the device has no space for an
    /// answer.
    fn receive(&mut self) -> Option<Arrival<'_, Self::Slot<'_>>>;

    /// Returns the permission to send one packet, or `None` while the device is full.
    fn transmit(&mut self) -> Option<Self::Slot<'_>>;

    /// Notifies the device of the packets queued since the last call. Each turn of the server loop calls this once, so
    /// that many packets share one notification.
    fn kick(&mut self);

    /// Returns whether a packet has arrived and not yet been received.
    fn pending(&self) -> bool;

    /// Returns whether the queue of the device is full of packets that it has not sent yet. Until the device has sent
    /// some, no packet can be sent or received.
    fn is_full(&self) -> bool;
}
