//! Passes received packets to a socket or to smoltcp without a socket, sends answers that need no socket, and handles
//! routers' messages about packets that are too large.

use smoltcp::phy::TxToken;
use smoltcp::time::Instant;

use super::state::{Front, Packet};
use crate::net::drops::Drop;
use crate::net::ip::icmp::TooLarge;
use crate::net::tcp::answer::Answer;
use crate::net::tcp::segment::{self, Segment};
use crate::net::wire::Inlet;

impl Front {
    /// Passes a packet that belongs to no connection to smoltcp, which answers with an echo reply, a RST or
    /// "unreachable".
    pub(super) fn pass_to_none<S: TxToken>(
        &mut self,
        packet: &Packet<'_>,
        slot: S,
        now: Instant,
    ) -> Result<(), Drop> {
        let Self { interface, sockets, wire, .. } = self;
        packet.header.check_source(&wire.own)?;
        let mut inlet = Inlet::new(packet.bytes, slot, wire, packet.header.source, None, now);
        interface.poll_ingress_single(now, &mut inlet, sockets.sets().common());
        Ok(())
    }

    /// Passes a segment to socket `index`, and the socket's answer to `slot`.
    pub(super) fn pass<S: TxToken>(
        &mut self,
        index: usize,
        segment: &Segment,
        packet: &Packet<'_>,
        slot: S,
        now: Instant,
    ) {
        let Self { interface, sockets, wire, .. } = self;
        let sets = sockets.sets();
        sets.hear(index, segment.window == 0, now);
        let (set, connection) = sets.parts(index);
        let source = packet.header.source;
        wire.link.meet(&connection.hop, source, packet.mac, &wire.own, now);
        let mut inlet = Inlet::new(packet.bytes, slot, wire, source, Some(connection), now);
        interface.poll_ingress_single(now, &mut inlet, set);
    }

    pub(super) fn answer(&mut self, answer: &Answer, slot: impl TxToken, now: Instant) {
        let write = |bytes: &mut [u8]| answer.write(bytes);
        self.wire.answer(slot, answer.target(), answer.bytes(), write, now);
    }

    /// Handles the message of a router that a packet of a connection is too large. The message is accepted only if the
    /// packet is in flight (RFC 5927 section 7.2); an attacker would have to guess its sequence number. The segment
    /// size is then reduced, and all unacknowledged bytes are retransmitted.
    pub(super) fn narrow(&mut self, message: TooLarge, now: Instant) -> Result<(), Drop> {
        let sets = self.sockets.sets();
        let index = sets.find(message.key).ok_or(Drop::Icmp)?;
        let connection = sets.connection(index);
        let track = &connection.track;
        let sequence = message.sequence.wrapping_sub(connection.shift);
        let is_in_flight = segment::ahead(track.unacknowledged, sequence) >= 0
            && segment::ahead(sequence, track.next) > 0;
        if !is_in_flight {
            return Err(Drop::Icmp);
        }
        let Some(bytes) = message.bytes.or_else(|| connection.path.next_step()) else {
            return Ok(());
        };
        if connection.path.lower(bytes, now) {
            let bytes = connection.path.bytes(now);
            sets.paths.note(message.key.address, bytes, now);
            sets.hurry(index, now);
        }
        Ok(())
    }
}
