//! The seam to a network device.

use core::fmt;
use core::num::NonZeroUsize;

use smoltcp::phy::{Medium, TxToken};

/// The abilities of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// Whether packets have Ethernet headers.
    pub medium: Medium,
    /// Bytes of the longest IPv4 packet that goes out in one piece.
    pub mtu: usize,
    /// Bytes of the longest packet that the device cuts into segments of TCP; `None` where it cuts none.
    /// A device that does also completes the checksums of TCP.
    pub cuts: Option<NonZeroUsize>,
}

/// A packet that has come, and the room for one answer.
pub struct Arrival<'a, S> {
    /// The packet, with its Ethernet header where the medium has one. Its bytes may be changed.
    pub bytes: &'a mut [u8],
    /// Whether the device vouches for the checksum of its TCP segment.
    pub is_sound: bool,
    /// Room for a packet out.
    pub slot: S,
}

impl<S> fmt::Debug for Arrival<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arrival({} bytes)", self.bytes.len())
    }
}

/// A network device that can be told to send and asked whether something has come.
pub trait Nic {
    /// The right to send one packet.
    type Slot<'a>: TxToken
    where
        Self: 'a;

    /// Its hardware address; of no meaning where the medium is IP.
    fn mac(&self) -> [u8; 6];

    /// Its abilities, which do not change.
    fn abilities(&self) -> Abilities;

    /// The next packet that has come, if there is room for an answer. Its bytes are the caller's until
    /// the next call of `receive` or `kick`.
    fn receive(&mut self) -> Option<Arrival<'_, Self::Slot<'_>>>;

    /// Room for a packet out, `None` while the device is full.
    fn transmit(&mut self) -> Option<Self::Slot<'_>>;

    /// Makes the device look at what has been queued since the last kick. Called once a turn, so
    /// that many packets share one doorbell.
    fn kick(&mut self);

    /// Whether a packet waits to be received.
    fn pending(&self) -> bool;

    /// Whether the device still has all that was queued, so that nothing can be sent or received.
    fn is_full(&self) -> bool;
}
