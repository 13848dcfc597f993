//! The way of a packet that has come: whose it is, whether it may pass, and its socket.

mod begin;
mod own;

use smoltcp::iface::Interface;
use smoltcp::phy::TxToken;
use smoltcp::time::Instant;
use smoltcp::wire::EthernetAddress;

use super::addressing::Addressing;
use super::drops::Drop;
use super::ip::header::{ICMP, Ipv4Header, TCP, UDP};
use super::ip::icmp::{self, TooLarge};
use super::ip::udp;
use super::sockets::Sockets;
use super::tcp::answer::Answer;
use super::tcp::cookie::Cookies;
use super::tcp::guard::Verdict;
use super::tcp::segment::{self, Segment};
use super::wire::{Inlet, Wire};

/// All that a packet passes.
pub(super) struct Front {
    pub(super) interface: Interface,
    pub(super) sockets: Sockets,
    pub(super) wire: Wire,
    pub(super) addressing: Addressing,
    cookies: Cookies,
    /// No cookie comes back after this.
    cookies_until: Instant,
}

/// A packet, where it came from, and whether its TCP checksum needs no look.
#[derive(Debug)]
pub(super) struct Packet<'a> {
    pub(super) bytes: &'a mut [u8],
    pub(super) header: Ipv4Header,
    pub(super) mac: Option<EthernetAddress>,
    pub(super) is_sound: bool,
}

impl Packet<'_> {
    /// The bytes behind the header.
    fn payload(&mut self) -> &mut [u8] {
        &mut self.bytes[self.header.bytes..]
    }
}

impl Front {
    /// Puts the parts together.
    pub(super) fn new(
        interface: Interface,
        sockets: Sockets,
        wire: Wire,
        addressing: Addressing,
        seed: u64,
    ) -> Self {
        let cookies = Cookies::new([seed, seed.rotate_left(23)]);
        Self { interface, sockets, wire, addressing, cookies, cookies_until: Instant::ZERO }
    }

    /// Takes a packet. There is room for one answer.
    pub(super) fn take<S: TxToken>(
        &mut self,
        packet: &mut Packet<'_>,
        slot: S,
        now: Instant,
    ) -> Result<(), Drop> {
        let header = packet.header;
        // It may come before this machine has an address.
        if header.protocol == UDP
            && let Some(message) = udp::message_to_client(&header, packet.bytes, packet.is_sound)?
        {
            if self.addressing.hear(message, now)? {
                self.readdress();
            }
            return Ok(());
        }
        header.check_target(&self.wire.own)?;
        match header.protocol {
            TCP => self.take_segment(packet, slot, now),
            ICMP => match icmp::read(packet.payload(), header.target)? {
                Some(message) => self.narrow(message, now),
                None => self.pass_to_none(packet, slot, now),
            },
            _ => self.pass_to_none(packet, slot, now),
        }
    }

    /// Lets the network stack answer what is for no connection: with an echo, a RST, or "unreachable".
    fn pass_to_none<S: TxToken>(
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

    fn take_segment<S: TxToken>(
        &mut self,
        packet: &mut Packet<'_>,
        slot: S,
        now: Instant,
    ) -> Result<(), Drop> {
        let Ipv4Header { source, target, .. } = packet.header;
        let is_sound = packet.is_sound;
        let bytes = packet.payload();
        let segment = Segment::read(source, bytes)?;
        if !is_sound && !segment::is_sound(source, target, bytes) {
            return Err(Drop::TcpChecksum);
        }
        if let Some(index) = self.sockets.sets().find(segment.key) {
            return self.take_known(index, segment, packet, slot, now);
        }
        packet.header.check_source(&self.wire.own)?;
        if segment.begins() {
            self.begin(&segment, packet, slot, now)
        } else if self.may_be_greeted(&segment, now) {
            self.welcome(segment, packet, slot, now)
        } else {
            self.pass_to_none(packet, slot, now)
        }
    }

    /// Takes a segment of a connection.
    fn take_known<S: TxToken>(
        &mut self,
        index: usize,
        mut segment: Segment,
        packet: &mut Packet<'_>,
        slot: S,
        now: Instant,
    ) -> Result<(), Drop> {
        let sets = self.sockets.sets();
        let state = sets.get(index).state();
        let connection = sets.connection(index);
        let (verdict, resends) = connection.hear(state, &mut segment, packet.payload(), now);
        match verdict {
            Verdict::Pass | Verdict::PassAsLast => {
                self.pass(index, &segment, packet, slot, now);
                let sets = self.sockets.sets();
                sets.note_answer();
                if resends {
                    sets.resend(index, &mut self.interface, &mut self.wire, now);
                }
                Ok(())
            }
            Verdict::Ignore => Ok(()),
            Verdict::Drop(reason) => Err(reason),
            Verdict::Challenge(reason) => {
                if connection.may_challenge(now) {
                    let target = packet.header.target;
                    let answer = Answer::challenge(target, segment.key, connection);
                    self.answer(&answer, slot, now);
                }
                Err(reason)
            }
            Verdict::Renew => {
                self.sockets.renew(segment.key.local, index);
                self.begin(&segment, packet, slot, now)
            }
            Verdict::Again => {
                sets.hurry(index, now);
                Ok(())
            }
        }
    }

    /// Gives a segment to its socket.
    fn pass<S: TxToken>(
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

    fn answer(&mut self, answer: &Answer, slot: impl TxToken, now: Instant) {
        let write = |bytes: &mut [u8]| answer.write(bytes);
        self.wire.answer(slot, answer.target(), answer.bytes(), write, now);
    }

    /// Believes a router that a packet is too large, if this machine has sent it and it is not
    /// acknowledged yet (RFC 5927 section 7.2).
    fn narrow(&mut self, message: TooLarge, now: Instant) -> Result<(), Drop> {
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
