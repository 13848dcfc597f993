//! The interface to a network device.

use core::fmt;
use core::num::NonZeroUsize;

use smoltcp::phy::{Medium, TxToken};

/// The abilities of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// Whether packets have Ethernet headers.
    pub medium: Medium,
    /// Maximum bytes of an IPv4 packet that the network accepts.
    pub mtu: usize,
    /// Maximum bytes of a packet that the device segments; `None` without segmentation. A device with segmentation
    /// also completes TCP checksums.
    pub cuts: Option<NonZeroUsize>,
}

/// A received packet, with a slot for one answer.
pub struct Arrival<'a, S> {
    /// The packet, with its Ethernet header if the medium has one. The receiver may change the bytes.
    pub bytes: &'a mut [u8],
    /// Whether the device has verified the checksum of the TCP segment.
    pub is_sound: bool,
    /// The slot for an answer.
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

    /// Returns the hardware address, which is not used if the medium is IP.
    fn mac(&self) -> [u8; 6];

    /// Returns the abilities, which never change.
    fn abilities(&self) -> Abilities;

    /// Returns the next received packet, if there is a slot for an answer. The bytes are valid until the next call of
    /// `receive` or `kick`.
    fn receive(&mut self) -> Option<Arrival<'_, Self::Slot<'_>>>;

    /// Returns a slot for a packet, or `None` while the device is full.
    fn transmit(&mut self) -> Option<Self::Slot<'_>>;

    /// Notifies the device of the packets queued since the last kick. Called once per turn, so that many packets share
    /// one notification.
    fn kick(&mut self);

    /// Returns whether a packet has arrived.
    fn pending(&self) -> bool;

    /// Returns whether the device still has all queued packets, so that no packet can be sent or received.
    fn is_full(&self) -> bool;
}
