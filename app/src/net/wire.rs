//! The layer between smoltcp and the network device. It adds the link header to transmitted packets, records the
//! segments of connections, and cuts segments that are too large for the path.
//!
//! smoltcp expects a device that receives and sends. This layer implements two such devices: an [`Inlet`] holds one
//! received packet and can send one answer, and an [`Outlet`] only sends.

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

/// Maximum size of an IPv4 packet in bytes.
const PACKET_BYTES_MAX: usize = 65_535;

/// The link layer, the addresses of this machine, and the state that the transmission of packets needs.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) link: Link,
    pub(super) own: Addresses,
    pub(super) drops: Drops,
    abilities: Abilities,
    /// A buffer for packets that are cut or discarded.
    scratch: Vec<u8>,
    /// Identification of the last packet that routers may fragment.
    identification: u16,
}

impl Wire {
    /// Creates the layer and allocates its buffer. `abilities` are those of the device.
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

    /// Returns the maximum size of a transmitted packet in bytes.
    pub(super) fn mtu(&self) -> usize {
        self.abilities.mtu
    }

    /// Returns the maximum segment size that this machine announces.
    pub(super) fn own_segment(&self) -> u16 {
        u16::try_from(self.mtu()).unwrap_or(u16::MAX).saturating_sub(HEADERS)
    }

    /// Returns the device capabilities that are reported to smoltcp. With these, smoltcp does not verify the checksums
    /// of received packets, because this module's callers have already verified them.
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

    /// Writes a packet of `bytes` bytes with `write`, adds its link header, and sends both in `slot`. If the packet
    /// belongs to `connection`, its segment is recorded.
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

    /// Stores a packet until the hardware address of the neighbour `next` is known. Without `next`, or if the packet is
    /// too long, the packet is dropped. Its segment is recorded in each case, so that a dropped segment is
    /// retransmitted.
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

    /// Sends a packet of `bytes` bytes that was not created by smoltcp to `target`.
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

/// Records a transmitted packet of a connection, and allows routers to fragment the packet if the segment size cannot
/// be reduced further.
fn note(
    packet: &mut [u8],
    connection: Option<&mut TcpConnection>,
    identification: &mut u16,
    now: Instant,
) {
    let Some(connection) = connection else { return };
    // smoltcp writes no IPv4 options.
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
