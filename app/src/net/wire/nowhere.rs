//! Devices that discard the packets that smoltcp sends.

use alloc::vec;

use smoltcp::phy::{Device, DeviceCapabilities, TxToken};
use smoltcp::time::Instant;

use super::inlet::Come;
use super::{Wire, note};
use crate::net::tcp::connection::TcpConnection;

/// A transmit token whose packet is discarded.
#[derive(Debug)]
pub(in crate::net) struct Nowhere;

impl TxToken for Nowhere {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, bytes: usize, write: F) -> R {
        // Packets that consist of headers with options are written to the stack, and only longer packets need an
        // allocation.
        const BYTES: usize = 128;
        if bytes <= BYTES { write(&mut [0; BYTES][..bytes]) } else { write(&mut vec![0; bytes]) }
    }
}

/// A device that discards packets, but records them as transmitted segments of a connection. It discards the SYN-ACK of
/// a socket whose peer has already received a SYN-ACK with a cookie.
#[derive(Debug)]
pub(in crate::net) struct Swallow<'a> {
    connection: &'a mut TcpConnection,
    capabilities: DeviceCapabilities,
    now: Instant,
}

impl<'a> Swallow<'a> {
    /// Creates a device that records its packets as segments of `connection`.
    pub(in crate::net) fn new(
        wire: &Wire,
        connection: &'a mut TcpConnection,
        now: Instant,
    ) -> Self {
        Self { connection, capabilities: wire.capabilities(), now }
    }
}

/// A transmit token whose packet is recorded and discarded.
#[derive(Debug)]
pub(in crate::net) struct Swallowed<'a>(&'a mut TcpConnection, Instant);

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
