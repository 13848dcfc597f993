//! Begins connections. A SYN is answered by a socket or, if many handshakes are open, with a SYN cookie, which needs no
//! socket until the handshake is complete.

use smoltcp::phy::TxToken;
use smoltcp::time::{Duration, Instant};

use super::state::{Front, Packet};
use crate::net::drops::Drop;
use crate::net::ip::header::{HEADER_BYTES, Ipv4Header};
use crate::net::tcp::answer::Answer;
use crate::net::tcp::connection::TcpConnection;
use crate::net::tcp::cookie::SynOptions;
use crate::net::tcp::path;
use crate::net::tcp::segment::{ACK, RST, SYN, Segment, TcpOptions};
use crate::net::wire::{Nowhere, Swallow};

/// Maximum age of a valid cookie: two time slots of cookies.
const COOKIES_LAST: Duration = Duration::from_secs(128);

impl Front {
    /// Handles a SYN: passes it to a listening socket, or answers it with a cookie if many handshakes are open.
    pub(super) fn begin<S: TxToken>(
        &mut self,
        syn: &Segment,
        packet: &mut Packet<'_>,
        slot: S,
        now: Instant,
    ) -> Result<(), Drop> {
        let Some(pool) = self.sockets.pool(syn.key.local) else {
            return self.pass_to_none(packet, slot, now);
        };
        let options = TcpOptions::read(packet.payload(), syn.header_bytes);
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

    /// Initializes the state of the connection that begins with `syn` on socket `index`.
    fn prepare(&mut self, index: usize, syn: &Segment, options: &TcpOptions, now: Instant) {
        let mut connection = TcpConnection::begin(syn, options, self.wire.own_segment());
        let sets = self.sockets.sets();
        if let Some(bytes) = sets.paths.find(syn.key.address, now) {
            connection.path.lower(bytes, now);
        }
        *sets.connection(index) = connection;
    }

    /// Answers a SYN with a SYN-ACK that contains a cookie.
    fn greet<S: TxToken>(
        &mut self,
        syn: &Segment,
        options: &TcpOptions,
        window: u16,
        header: &Ipv4Header,
        slot: S,
        now: Instant,
    ) {
        let theirs = options.maximum_segment.filter(|bytes| *bytes > 0);
        let mss = theirs.unwrap_or(path::ALWAYS);
        let offer = SynOptions { mss, sack: options.is_sack_permitted };
        let cookie = self.cookies.number(&syn.key, syn.sequence, offer, now);
        self.cookies_until = now + COOKIES_LAST;
        let own = self.wire.own_segment();
        let answer = Answer::greeting(header.target, syn, cookie, window, own, offer.sack);
        self.answer(&answer, slot, now);
    }

    /// Returns whether the segment may be the ACK of a handshake with a cookie: a cookie was sent recently, and the
    /// port is served.
    pub(super) fn may_be_greeted(&self, segment: &Segment, now: Instant) -> bool {
        now < self.cookies_until
            && segment.flags & (SYN | ACK | RST) == ACK
            && self.sockets.pool(segment.key.local).is_some()
    }

    /// Handles the ACK of a peer that received a cookie, if the cookie is valid. Creates the SYN that the peer must
    /// have sent and passes it to a listening socket. Returns the index of this socket; the caller then passes the ACK
    /// to the socket.
    pub(super) fn welcome<S: TxToken>(
        &mut self,
        ack: &Segment,
        packet: &Packet<'_>,
        slot: S,
        now: Instant,
    ) -> Result<(usize, S), Drop> {
        let (number, cookie) = (ack.sequence.wrapping_sub(1), ack.acknowledged.wrapping_sub(1));
        let Some(offer) = self.cookies.open(&ack.key, number, cookie, now) else {
            self.pass_to_none(packet, slot, now)?;
            return Err(Drop::TcpCookie);
        };
        // If all sockets are in use, the ACK is dropped. The peer retransmits its first data with the same cookie, and
        // may get a socket then.
        self.sockets.rearm(now);
        let index = self.sockets.listener(ack.key.local).ok_or(Drop::HalfOpen)?;
        let answer = Answer::syn(packet.header.target, ack, offer.mss, offer.sack);
        let mut bytes = [0; Answer::BYTES_MAX];
        let bytes = &mut bytes[..answer.bytes()];
        answer.write(bytes);
        let mut syn = Segment { sequence: number, flags: SYN, payload_bytes: 0, ..*ack };
        syn.acknowledged = 0;
        let options = TcpOptions {
            maximum_segment: Some(offer.mss),
            is_sack_permitted: offer.sack,
            ..TcpOptions::default()
        };
        self.prepare(index, &syn, &options, now);
        let mut header = packet.header;
        (header.total, header.bytes) = (bytes.len(), HEADER_BYTES);
        let first = Packet { bytes, header, mac: packet.mac, is_sound: true };
        self.pass(index, &syn, &first, Nowhere, now);
        self.sockets.rearm(now);
        let (set, connection) = self.sockets.sets().parts(index);
        let mut swallow = Swallow::new(&self.wire, connection, now);
        self.interface.poll_egress(now, &mut swallow, set);
        connection.shift = cookie.wrapping_sub(connection.track.unacknowledged);
        Ok((index, slot))
    }
}
