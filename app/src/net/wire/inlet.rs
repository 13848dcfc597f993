//! A smoltcp device that delivers one received packet and can send one answer.

use core::net::Ipv4Addr;

use smoltcp::phy::{Device, DeviceCapabilities, RxToken, TxToken};
use smoltcp::time::Instant;

use super::Wire;
use crate::net::link::Way;
use crate::net::tcp::connection::TcpConnection;

/// A device that delivers one received packet, with the permission to send one answer to its sender.
#[derive(Debug)]
pub(in crate::net) struct Inlet<'a, S> {
    packet: Option<&'a [u8]>,
    slot: Option<S>,
    wire: &'a mut Wire,
    source: Ipv4Addr,
    connection: Option<&'a mut TcpConnection>,
    now: Instant,
}

impl<'a, S: TxToken> Inlet<'a, S> {
    /// Creates a device that delivers `packet` from `source`. The answer is sent in `slot`, and recorded as a segment
    /// of `connection`, if there is one.
    #[inline]
    pub(in crate::net) fn new(
        packet: &'a [u8],
        slot: S,
        wire: &'a mut Wire,
        source: Ipv4Addr,
        connection: Option<&'a mut TcpConnection>,
        now: Instant,
    ) -> Self {
        Self { packet: Some(packet), slot: Some(slot), wire, source, connection, now }
    }
}

/// The bytes of a received packet.
#[derive(Debug)]
pub(in crate::net) struct Come<'a>(&'a [u8]);

impl RxToken for Come<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

/// The permission to send the answer to a received packet.
#[derive(Debug)]
pub(in crate::net) struct ReplyToken<'a, S> {
    slot: S,
    wire: &'a mut Wire,
    target: Ipv4Addr,
    connection: Option<&'a mut TcpConnection>,
    now: Instant,
}

impl<S: TxToken> TxToken for ReplyToken<'_, S> {
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
        = ReplyToken<'b, S>
    where
        Self: 'b;

    fn receive(&mut self, _now: Instant) -> Option<(Come<'_>, ReplyToken<'_, S>)> {
        let (packet, slot) = (self.packet.take()?, self.slot.take()?);
        let (target, now) = (self.source, self.now);
        let connection = self.connection.as_deref_mut();
        Some((Come(packet), ReplyToken { slot, wire: self.wire, target, connection, now }))
    }

    fn transmit(&mut self, _now: Instant) -> Option<ReplyToken<'_, S>> {
        None
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.wire.capabilities()
    }
}
