//! A smoltcp device that sends the packets of one connection.

use core::num::NonZeroU16;

use smoltcp::phy::{Device, DeviceCapabilities, PacketMeta, TxToken};
use smoltcp::time::Instant;

use super::inlet::Come;
use super::{Wire, note};
use crate::net::link::{self, Way};
use crate::net::nic::Nic;
use crate::net::tcp::connection::TcpConnection;
use crate::net::tcp::cut;
use crate::net::tcp::path::HEADERS;

/// A device that sends the packets of one connection and receives none.
#[derive(Debug)]
pub(in crate::net) struct Outlet<'a, N> {
    nic: &'a mut N,
    wire: &'a mut Wire,
    way: Way,
    connection: &'a mut TcpConnection,
    now: Instant,
}

impl<'a, N: Nic> Outlet<'a, N> {
    /// Creates the device of `connection`, whose packets are sent on the link as `way` says.
    #[inline]
    pub(in crate::net) fn new(
        nic: &'a mut N,
        wire: &'a mut Wire,
        way: Way,
        connection: &'a mut TcpConnection,
        now: Instant,
    ) -> Self {
        Self { nic, wire, way, connection, now }
    }

    /// Sends a packet of `bytes` bytes as several segments with at most `each` bytes of data. If the device becomes
    /// full, the remaining segments are not sent; they are retransmitted like segments that the network has lost.
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

/// A transmit token: the permission to send one packet of a connection.
#[derive(Debug)]
pub(in crate::net) struct Departure<'a, 'b, N> {
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
            // This does not occur, because the device was not full when the token was created. The packet would be
            // dropped.
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
        // The caller has already checked that the device is not full.
        Some(Departure { outlet: self, meta: PacketMeta::default() })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.wire.capabilities()
    }
}
