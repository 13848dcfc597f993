//! The layer between the network stack and the device: each packet gets its way on the link, and
//! each segment of a connection is noted and made to fit.
//!
//! The network stack takes packets from a device and gives some to it. It gets two: an [`Inlet`] that
//! holds one packet that has come, with room for the answer, and an [`Outlet`] that sends.

mod inlet;
mod nowhere;
mod outlet;

use alloc::vec;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::num::NonZeroUsize;

use smoltcp::phy::{Checksum, DeviceCapabilities, Medium, TxToken};
use smoltcp::time::Instant;

use super::drops::{Drop, Drops};
use super::ip::addresses::Addresses;
use super::ip::header::HEADER_BYTES;
use super::link::{self, Link, Way};
use super::nic::Abilities;
use super::tcp::connection::TcpConnection;
use super::tcp::cut;
use super::tcp::path::HEADERS;
use super::tcp::segment::Segment;

pub(super) use inlet::Inlet;
pub(super) use nowhere::{Nowhere, Swallow};
pub(super) use outlet::Outlet;

/// Bytes of the longest packet.
const PACKET_BYTES_MAX: usize = 65_535;

/// The link, and what is noted of packets on their way to it.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) link: Link,
    pub(super) own: Addresses,
    pub(super) drops: Drops,
    abilities: Abilities,
    /// Packets that are cut, and those that go nowhere.
    scratch: Vec<u8>,
    /// Of the last packet that may be cut into fragments.
    identification: u16,
}

impl Wire {
    /// Takes the memory for packets that are cut.
    pub(super) fn new(link: Link, abilities: Abilities, seed: u64) -> Self {
        let [.., high, low] = seed.to_be_bytes();
        Self {
            link,
            own: Addresses::default(),
            drops: Drops::default(),
            abilities,
            scratch: vec![0; PACKET_BYTES_MAX],
            identification: u16::from_be_bytes([high, low]),
        }
    }

    /// Bytes of the longest packet out.
    pub(super) fn mtu(&self) -> usize {
        self.abilities.mtu
    }

    /// The longest segment that this end takes and sends.
    pub(super) fn own_segment(&self) -> u16 {
        u16::try_from(self.mtu()).unwrap_or(u16::MAX).saturating_sub(HEADERS)
    }

    /// The capabilities that the network stack sees. It adds up no checksum of packets in: that was done in
    /// front of it.
    pub(super) fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu();
        capabilities.checksum.ipv4 = Checksum::Tx;
        capabilities.checksum.tcp = Checksum::Tx;
        if let Some(bytes) = self.abilities.cuts {
            capabilities.checksum.tcp = Checksum::None;
            let header = self.link.header_bytes();
            capabilities.segmentation.tcpv4 = NonZeroUsize::new(bytes.get() - header);
        }
        capabilities
    }

    /// Writes a packet to its place, with what goes in front of it.
    fn frame<R>(
        &mut self,
        slot: impl TxToken,
        way: Way,
        bytes: usize,
        write: impl FnOnce(&mut [u8]) -> R,
        connection: Option<&mut TcpConnection>,
        now: Instant,
    ) -> R {
        let header = if let Way::To(_) = way { link::HEADER_BYTES } else { 0 };
        slot.consume(header + bytes, |frame| {
            let (front, packet) = frame.split_at_mut(header);
            let result = write(packet);
            note(packet, connection, &mut self.identification, now);
            if let Way::To(mac) = way {
                self.link.address(front, mac);
            }
            result
        })
    }

    /// Writes a packet that cannot be sent now.
    fn park<R>(
        &mut self,
        next: Option<Ipv4Addr>,
        bytes: usize,
        write: impl FnOnce(&mut [u8]) -> R,
        connection: Option<&mut TcpConnection>,
        now: Instant,
    ) -> R {
        if let Some(room) = next.and_then(|next| self.link.waiting_room(next, bytes)) {
            let result = write(room);
            note(room, connection, &mut self.identification, now);
            return result;
        }
        self.drops.note(Drop::NoNeighbor);
        let result = write(&mut self.scratch[..bytes]);
        note(&mut self.scratch[..bytes], connection, &mut self.identification, now);
        result
    }

    /// Sends a packet of its own making in the room of an answer.
    pub(super) fn answer(
        &mut self,
        slot: impl TxToken,
        target: Ipv4Addr,
        bytes: usize,
        write: impl FnOnce(&mut [u8]),
        now: Instant,
    ) {
        let way = if target == Ipv4Addr::BROADCAST {
            self.link.way_to_all()
        } else {
            self.link.way(target, &self.own, now)
        };
        match way {
            way @ (Way::Plain | Way::To(_)) => self.frame(slot, way, bytes, write, None, now),
            Way::Wait(next) => self.park(Some(next), bytes, write, None, now),
            Way::Nowhere => self.park(None, bytes, write, None, now),
        }
    }
}

/// Notes a packet of a connection that goes out, and lets it fit.
fn note(
    packet: &mut [u8],
    connection: Option<&mut TcpConnection>,
    identification: &mut u16,
    now: Instant,
) {
    let Some(connection) = connection else { return };
    // The network stack writes no options in front of a segment.
    if let Some(tcp) = packet.get_mut(HEADER_BYTES..)
        && let Ok(segment) = Segment::read(Ipv4Addr::UNSPECIFIED, tcp)
    {
        connection.send(&segment, tcp, now);
    }
    if connection.path.is_narrow() {
        *identification = identification.wrapping_add(1);
        cut::allow_fragments(packet, *identification);
    }
}
