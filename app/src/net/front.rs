//! The way of a packet that has come: whose it is, whether it may pass, and its socket.

use smoltcp::iface::Interface;
use smoltcp::phy::TxToken;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::EthernetAddress;

use super::addressing::Addressing;
use super::drops::Drop;
use super::ip::addresses::Addresses;
use super::ip::header::{HEADER_BYTES, Header, ICMP, TCP, UDP};
use super::ip::icmp::{self, TooLarge};
use super::ip::udp;
use super::nic::Nic;
use super::sockets::Sockets;
use super::tcp::answer::Answer;
use super::tcp::connection::Connection;
use super::tcp::cookie::{Cookies, Offer};
use super::tcp::guard::Verdict;
use super::tcp::path;
use super::tcp::segment::{self, ACK, Options, RST, SYN, Segment};
use super::wire::{Inlet, Nowhere, Swallow, Wire};

/// How long after the last cookie one may come back: two of its slots of time.
const COOKIES_LAST: Duration = Duration::from_secs(128);

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
    pub(super) header: Header,
    pub(super) mac: Option<EthernetAddress>,
    pub(super) is_sound: bool,
}

impl Packet<'_> {
    /// What is behind the header.
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
        header.check(&self.wire.own)?;
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
        let mut inlet = Inlet::new(packet.bytes, slot, wire, packet.header.source, None, now);
        interface.poll_ingress_single(now, &mut inlet, sockets.cells().common());
        Ok(())
    }

    fn take_segment<S: TxToken>(
        &mut self,
        packet: &mut Packet<'_>,
        slot: S,
        now: Instant,
    ) -> Result<(), Drop> {
        let Header { source, target, .. } = packet.header;
        let is_sound = packet.is_sound;
        let bytes = packet.payload();
        let segment = Segment::read(source, bytes)?;
        if !is_sound && !segment::is_sound(source, target, bytes) {
            return Err(Drop::TcpChecksum);
        }
        match self.sockets.cells().find(segment.key) {
            Some(index) => self.take_known(index, segment, packet, slot, now),
            None if segment.begins() => self.begin(&segment, packet, slot, now),
            None if self.may_be_greeted(&segment, now) => self.welcome(segment, packet, slot, now),
            None => self.pass_to_none(packet, slot, now),
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
        let cells = self.sockets.cells();
        let state = cells.get(index).state();
        let connection = cells.connection(index);
        let (verdict, resends) = connection.hear(state, &mut segment, packet.payload(), now);
        match verdict {
            Verdict::Pass | Verdict::PassAsLast => {
                self.pass(index, &segment, packet, slot, now);
                let cells = self.sockets.cells();
                cells.note_answer();
                if resends {
                    cells.resend(index, &mut self.interface, &mut self.wire, now);
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
                cells.hurry(index, now);
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
        let cells = sockets.cells();
        cells.hear(index, segment.window == 0, now);
        let (set, connection) = cells.parts(index);
        let source = packet.header.source;
        wire.link.meet(&connection.hop, source, packet.mac, &wire.own, now);
        let mut inlet = Inlet::new(packet.bytes, slot, wire, source, Some(connection), now);
        interface.poll_ingress_single(now, &mut inlet, set);
    }

    /// Begins a connection: with a socket, or with a cookie where handshakes press.
    fn begin<S: TxToken>(
        &mut self,
        syn: &Segment,
        packet: &mut Packet<'_>,
        slot: S,
        now: Instant,
    ) -> Result<(), Drop> {
        let Some(pool) = self.sockets.pool(syn.key.local) else {
            return self.pass_to_none(packet, slot, now);
        };
        let options = Options::read(packet.payload(), syn.header_bytes);
        let listener = self.sockets.listener(syn.key.local).filter(|_| !pool.is_pressed());
        let Some(index) = listener else {
            let window = pool.window();
            self.greet(syn, &options, window, &packet.header, slot, now);
            return Ok(());
        };
        self.prepare(index, syn, &options, now);
        self.pass(index, syn, packet, slot, now);
        self.sockets.rearm(now);
        Ok(())
    }

    /// Sets up what is noted of a new connection.
    fn prepare(&mut self, index: usize, syn: &Segment, options: &Options, now: Instant) {
        let mut connection = Connection::begin(syn, options, self.wire.own_segment());
        let cells = self.sockets.cells();
        if let Some(bytes) = cells.paths.find(syn.key.address, now) {
            connection.path.lower(bytes, now);
        }
        *cells.connection(index) = connection;
    }

    /// Answers a SYN with a cookie.
    fn greet<S: TxToken>(
        &mut self,
        syn: &Segment,
        options: &Options,
        window: u16,
        header: &Header,
        slot: S,
        now: Instant,
    ) {
        let theirs = options.maximum_segment.filter(|bytes| *bytes > 0);
        let mss = theirs.unwrap_or(path::ALWAYS);
        let offer = Offer { mss, sack: options.is_sack_permitted };
        let cookie = self.cookies.number(&syn.key, syn.sequence, offer, now);
        self.cookies_until = now + COOKIES_LAST;
        let own = self.wire.own_segment();
        let answer = Answer::greeting(header.target, syn, cookie, window, own, offer.sack);
        self.answer(&answer, slot, now);
    }

    fn may_be_greeted(&self, segment: &Segment, now: Instant) -> bool {
        now < self.cookies_until
            && segment.flags & (SYN | ACK | RST) == ACK
            && self.sockets.pool(segment.key.local).is_some()
    }

    /// Takes the ACK of a peer that was greeted with a cookie: a socket gets the SYN that it must have
    /// sent, and then the ACK.
    fn welcome<S: TxToken>(
        &mut self,
        ack: Segment,
        packet: &mut Packet<'_>,
        slot: S,
        now: Instant,
    ) -> Result<(), Drop> {
        let (number, cookie) = (ack.sequence.wrapping_sub(1), ack.acknowledged.wrapping_sub(1));
        let Some(offer) = self.cookies.open(&ack.key, number, cookie, now) else {
            self.pass_to_none(packet, slot, now)?;
            return Err(Drop::TcpCookie);
        };
        // Where all sockets are taken the peer sends its request again, and gets one then.
        let index = self.sockets.listener(ack.key.local).ok_or(Drop::HalfOpen)?;
        let answer = Answer::syn(packet.header.target, &ack, offer.mss, offer.sack);
        let mut bytes = [0; Answer::BYTES_MAX];
        let bytes = &mut bytes[..answer.bytes()];
        answer.write(bytes);
        let mut syn = Segment { sequence: number, flags: SYN, payload_bytes: 0, ..ack };
        syn.acknowledged = 0;
        let options = Options {
            maximum_segment: Some(offer.mss),
            is_sack_permitted: offer.sack,
            ..Options::default()
        };
        self.prepare(index, &syn, &options, now);
        let mut header = packet.header;
        (header.total, header.bytes) = (bytes.len(), HEADER_BYTES);
        let first = Packet { bytes, header, mac: packet.mac, is_sound: true };
        self.pass(index, &syn, &first, Nowhere, now);
        self.sockets.rearm(now);
        let (set, connection) = self.sockets.cells().parts(index);
        let mut swallow = Swallow::new(&self.wire, connection, now);
        self.interface.poll_egress(now, &mut swallow, set);
        connection.shift = cookie.wrapping_sub(connection.track.unacknowledged);
        self.take_known(index, ack, packet, slot, now)
    }

    fn answer(&mut self, answer: &Answer, slot: impl TxToken, now: Instant) {
        let write = |bytes: &mut [u8]| answer.write(bytes);
        self.wire.answer(slot, answer.target(), answer.bytes(), write, now);
    }

    /// Believes a router that a packet is too large, if this machine has sent it and it is not
    /// acknowledged yet (RFC 5927 section 7.2).
    fn narrow(&mut self, message: TooLarge, now: Instant) -> Result<(), Drop> {
        let cells = self.sockets.cells();
        let index = cells.find(message.key).ok_or(Drop::Icmp)?;
        let connection = cells.connection(index);
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
            cells.paths.note(message.key.address, bytes, now);
            cells.hurry(index, now);
        }
        Ok(())
    }

    /// Takes the address and the gateway that the search has found.
    pub(super) fn readdress(&mut self) {
        let own = Addresses::new(self.addressing.address(), self.addressing.gateway());
        if self.wire.own.address() != own.address() {
            self.wire.link.forget();
        }
        self.wire.own = own;
        self.interface.update_ip_addrs(|addresses| {
            addresses.clear();
            if let Some(address) = self.addressing.address() {
                // One address always fits: the list was just emptied.
                let _ = addresses.push(smoltcp::wire::IpCidr::Ipv4(address));
            }
        });
    }

    /// Sends what this machine has to say by itself: DHCP messages, announcements, questions.
    pub(super) fn send_own<N: Nic>(&mut self, nic: &mut N, now: Instant) {
        while !nic.is_full()
            && let Some(message) = self.addressing.packet(now)
            && let Some(slot) = nic.transmit()
        {
            let (packet, write) = (&message.packet, |bytes: &mut [u8]| {
                bytes.copy_from_slice(&message.packet);
            });
            self.wire.answer(slot, message.to, packet.len(), write, now);
        }
        let Wire { link, own, drops, .. } = &mut self.wire;
        link.poll(nic, own, drops, now);
    }
}
