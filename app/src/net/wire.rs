//! What lies between the network stack and the device: each packet gets its way on the link, and
//! each segment of a connection is noted and made to fit.
//!
//! The network stack takes packets from a device and gives some to it. It gets two: an [`Inlet`] that
//! holds one packet that has come, with room for the answer, and an [`Outlet`] that sends.

use alloc::vec;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::num::{NonZeroU16, NonZeroUsize};

use smoltcp::phy::{Checksum, Device, DeviceCapabilities, Medium, PacketMeta, RxToken, TxToken};
use smoltcp::time::Instant;

use super::drops::{Drop, Drops};
use super::ip::addresses::Addresses;
use super::ip::header::HEADER_BYTES;
use super::link::{self, Link, Way};
use super::nic::{Abilities, Nic};
use super::tcp::connection::Connection;
use super::tcp::cut;
use super::tcp::path::HEADERS;
use super::tcp::segment::Segment;

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

    /// What the network stack is told of its device. It adds up no checksum of what comes: that was done in
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
        connection: Option<&mut Connection>,
        now: Instant,
    ) -> R {
        let header = if let Way::To(_) = way { link::HEADER_BYTES } else { 0 };
        slot.consume(header + bytes, |frame| {
            let (front, packet) = frame.split_at_mut(header);
            let result = write(packet);
            self.note(packet, connection, now);
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
        connection: Option<&mut Connection>,
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

    fn note(&mut self, packet: &mut [u8], connection: Option<&mut Connection>, now: Instant) {
        note(packet, connection, &mut self.identification, now);
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
    connection: Option<&mut Connection>,
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

/// One packet that has come, and room for the answer, which goes to where it came from.
#[derive(Debug)]
pub(super) struct Inlet<'a, S> {
    packet: Option<&'a [u8]>,
    slot: Option<S>,
    wire: &'a mut Wire,
    source: Ipv4Addr,
    connection: Option<&'a mut Connection>,
    now: Instant,
}

impl<'a, S: TxToken> Inlet<'a, S> {
    /// A packet; the answer is noted of a connection if there is one.
    #[inline]
    pub(super) fn new(
        packet: &'a [u8],
        slot: S,
        wire: &'a mut Wire,
        source: Ipv4Addr,
        connection: Option<&'a mut Connection>,
        now: Instant,
    ) -> Self {
        Self { packet: Some(packet), slot: Some(slot), wire, source, connection, now }
    }
}

/// The bytes of a packet that has come.
#[derive(Debug)]
pub(super) struct Come<'a>(&'a [u8]);

impl RxToken for Come<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

/// Room for the answer.
#[derive(Debug)]
pub(super) struct Reply<'a, S> {
    slot: S,
    wire: &'a mut Wire,
    target: Ipv4Addr,
    connection: Option<&'a mut Connection>,
    now: Instant,
}

impl<S: TxToken> TxToken for Reply<'_, S> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, bytes: usize, write: F) -> R {
        let Self { slot, wire, target, mut connection, now } = self;
        let Wire { link, own, .. } = &mut *wire;
        let way = match &mut connection {
            Some(connection) => link.way_of(&mut connection.hop, target, false, own, now),
            None => link.way(target, own, now),
        };
        match way {
            Way::Plain | Way::To(_) => wire.frame(slot, way, bytes, write, connection, now),
            Way::Wait(next) => wire.park(Some(next), bytes, write, connection, now),
            Way::Nowhere => wire.park(None, bytes, write, connection, now),
        }
    }
}

impl<S: TxToken> Device for Inlet<'_, S> {
    type RxToken<'b>
        = Come<'b>
    where
        Self: 'b;
    type TxToken<'b>
        = Reply<'b, S>
    where
        Self: 'b;

    fn receive(&mut self, _now: Instant) -> Option<(Come<'_>, Reply<'_, S>)> {
        let (packet, slot) = (self.packet.take()?, self.slot.take()?);
        let (target, now) = (self.source, self.now);
        let connection = self.connection.as_deref_mut();
        Some((Come(packet), Reply { slot, wire: self.wire, target, connection, now }))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Reply<'_, S>> {
        None
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.wire.capabilities()
    }
}

/// The way out of one connection.
#[derive(Debug)]
pub(super) struct Outlet<'a, N> {
    nic: &'a mut N,
    wire: &'a mut Wire,
    way: Way,
    connection: &'a mut Connection,
    now: Instant,
}

impl<'a, N: Nic> Outlet<'a, N> {
    /// The way of a connection.
    #[inline]
    pub(super) fn new(
        nic: &'a mut N,
        wire: &'a mut Wire,
        way: Way,
        connection: &'a mut Connection,
        now: Instant,
    ) -> Self {
        Self { nic, wire, way, connection, now }
    }

    /// Sends a packet in pieces, as far as the device takes them; the rest is lost, as on the way.
    fn cut<R>(&mut self, bytes: usize, each: u16, write: impl FnOnce(&mut [u8]) -> R) -> R {
        let Self { nic, wire, way, connection, now } = self;
        let result = write(&mut wire.scratch[..bytes]);
        note(&mut wire.scratch[..bytes], Some(connection), &mut wire.identification, *now);
        let header = if let Way::To(_) = way { link::HEADER_BYTES } else { 0 };
        for piece in cut::pieces(&wire.scratch[..bytes], each) {
            let Some(slot) = nic.transmit() else { break };
            slot.consume(header + piece.bytes(), |frame| {
                let (front, packet) = frame.split_at_mut(header);
                piece.write(&wire.scratch[..bytes], packet);
                if let Way::To(mac) = way {
                    wire.link.address(front, *mac);
                }
            });
        }
        result
    }
}

/// The right to send one packet of a connection.
#[derive(Debug)]
pub(super) struct Departure<'a, 'b, N> {
    outlet: &'a mut Outlet<'b, N>,
    meta: PacketMeta,
}

impl<N: Nic> TxToken for Departure<'_, '_, N> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, bytes: usize, write: F) -> R {
        let Self { outlet, mut meta } = self;
        match outlet.way {
            Way::Plain | Way::To(_) => {}
            Way::Wait(next) => {
                let Outlet { wire, connection, now, .. } = outlet;
                return wire.park(Some(next), bytes, write, Some(connection), *now);
            }
            Way::Nowhere => {
                let Outlet { wire, connection, now, .. } = outlet;
                return wire.park(None, bytes, write, Some(connection), *now);
            }
        }
        let fits = outlet.connection.path.bytes(outlet.now);
        if bytes > usize::from(fits) + usize::from(HEADERS) {
            if outlet.wire.abilities.cuts.is_none() {
                return outlet.cut(bytes, fits, write);
            }
            let each = meta.segmentation_offload_size.map_or(fits, |each| each.get().min(fits));
            meta.segmentation_offload_size = NonZeroU16::new(each);
        }
        let Outlet { nic, wire, way, connection, now } = outlet;
        let Some(mut slot) = nic.transmit() else {
            // There was room when this was made.
            return wire.park(None, bytes, write, Some(connection), *now);
        };
        slot.set_meta(meta);
        wire.frame(slot, *way, bytes, write, Some(connection), *now)
    }

    fn set_meta(&mut self, meta: PacketMeta) {
        self.meta = meta;
    }
}

impl<'b, N: Nic> Device for Outlet<'b, N> {
    type RxToken<'a>
        = Come<'a>
    where
        Self: 'a;
    type TxToken<'a>
        = Departure<'a, 'b, N>
    where
        Self: 'a;

    fn receive(&mut self, _now: Instant) -> Option<(Come<'_>, Departure<'_, 'b, N>)> {
        None
    }

    fn transmit(&mut self, _now: Instant) -> Option<Departure<'_, 'b, N>> {
        (!self.nic.is_full()).then_some(Departure { outlet: self, meta: PacketMeta::default() })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.wire.capabilities()
    }
}

/// Room for a packet that is not sent.
#[derive(Debug)]
pub(super) struct Nowhere;

impl TxToken for Nowhere {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, bytes: usize, write: F) -> R {
        // Headers with their options.
        const BYTES: usize = 128;
        if bytes <= BYTES { write(&mut [0; BYTES][..bytes]) } else { write(&mut vec![0; bytes]) }
    }
}

/// A way out on which packets are noted, and not sent.
#[derive(Debug)]
pub(super) struct Swallow<'a> {
    connection: &'a mut Connection,
    capabilities: DeviceCapabilities,
    now: Instant,
}

impl<'a> Swallow<'a> {
    /// Notes the packets of a connection.
    pub(super) fn new(wire: &Wire, connection: &'a mut Connection, now: Instant) -> Self {
        Self { connection, capabilities: wire.capabilities(), now }
    }
}

/// Room for a packet that is noted.
#[derive(Debug)]
pub(super) struct Swallowed<'a>(&'a mut Connection, Instant);

impl TxToken for Swallowed<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, bytes: usize, write: F) -> R {
        Nowhere.consume(bytes, |packet| {
            let result = write(packet);
            note(packet, Some(self.0), &mut 0, self.1);
            result
        })
    }
}

impl Device for Swallow<'_> {
    type RxToken<'a>
        = Come<'a>
    where
        Self: 'a;
    type TxToken<'a>
        = Swallowed<'a>
    where
        Self: 'a;

    fn receive(&mut self, _now: Instant) -> Option<(Come<'_>, Swallowed<'_>)> {
        None
    }

    fn transmit(&mut self, _now: Instant) -> Option<Swallowed<'_>> {
        Some(Swallowed(self.connection, self.now))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.capabilities.clone()
    }
}
