//! Builds TCP segments without data, without a smoltcp socket: challenge ACKs and SYN-ACKs with a cookie, which are
//! sent to a peer, and segments that are passed to a socket as if a peer had sent them.

use core::net::Ipv4Addr;

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    IpProtocol, Ipv4Packet, Ipv4Repr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber,
};

use super::connection::TcpConnection;
use super::segment::Segment;
use crate::net::route::Key;

/// A TCP segment without data and the addresses of its packet.
#[derive(Clone, Copy, Debug)]
pub(in crate::net) struct Answer {
    source: Ipv4Addr,
    key: Key,
    control: TcpControl,
    sequence: u32,
    acknowledged: Option<u32>,
    window: u16,
    maximum_segment: Option<u16>,
    is_sack_permitted: bool,
}

impl Answer {
    /// Maximum size of a packet in bytes: 40 bytes of headers, and the options of a SYN.
    pub(in crate::net) const BYTES_MAX: usize = 60;

    /// Creates a challenge ACK for `connection` (RFC 5961): an empty segment with the current sequence and
    /// acknowledgement numbers of the connection. `source` is the address of this machine.
    pub(in crate::net) fn challenge(
        source: Ipv4Addr,
        key: Key,
        connection: &TcpConnection,
    ) -> Self {
        let track = &connection.track;
        Self {
            source,
            key,
            control: TcpControl::None,
            sequence: track.next.wrapping_add(connection.shift),
            acknowledged: Some(track.expected),
            window: track.told_window,
            maximum_segment: None,
            is_sack_permitted: false,
        }
    }

    /// Creates a SYN-ACK whose sequence number is `cookie`. No state of the handshake is kept, because the cookie
    /// encodes that state (RFC 4987 section 3.6).
    pub(in crate::net) fn greeting(
        source: Ipv4Addr,
        syn: &Segment,
        cookie: u32,
        window: u16,
        maximum_segment: u16,
        is_sack_permitted: bool,
    ) -> Self {
        Self {
            source,
            key: syn.key,
            control: TcpControl::Syn,
            sequence: cookie,
            acknowledged: Some(syn.sequence.wrapping_add(1)),
            window,
            maximum_segment: Some(maximum_segment),
            is_sack_permitted,
        }
    }

    /// Creates the SYN that the peer must have sent to `target` before its `ack`, which answered a cookie. The socket
    /// receives this SYN first, because the SYN of the peer was answered without a socket.
    pub(in crate::net) fn syn(
        target: Ipv4Addr,
        ack: &Segment,
        maximum_segment: u16,
        is_sack_permitted: bool,
    ) -> Self {
        let Key { address, port, local } = ack.key;
        Self {
            source: address,
            key: Key { address: target, port: local, local: port },
            control: TcpControl::Syn,
            sequence: ack.sequence.wrapping_sub(1),
            acknowledged: None,
            window: ack.window,
            maximum_segment: Some(maximum_segment),
            is_sack_permitted,
        }
    }

    /// Creates a segment from the peer to `target` that acknowledges again the bytes that the peer has already
    /// acknowledged. A smoltcp socket retransmits when it receives such duplicates.
    pub(in crate::net) fn duplicate(
        target: Ipv4Addr,
        key: Key,
        connection: &TcpConnection,
    ) -> Self {
        let track = &connection.track;
        Self {
            source: key.address,
            key: Key { address: target, port: key.local, local: key.port },
            control: TcpControl::None,
            sequence: track.expected,
            acknowledged: Some(track.unacknowledged),
            window: track.window,
            maximum_segment: None,
            is_sack_permitted: false,
        }
    }

    /// Returns the address of the receiver.
    pub(in crate::net) fn target(&self) -> Ipv4Addr {
        self.key.address
    }

    fn tcp(&self) -> TcpRepr<'static> {
        let number = |number: u32| TcpSeqNumber(number.cast_signed());
        TcpRepr {
            src_port: self.key.local,
            dst_port: self.key.port,
            control: self.control,
            seq_number: number(self.sequence),
            ack_number: self.acknowledged.map(number),
            window_len: self.window,
            window_scale: None,
            max_seg_size: self.maximum_segment,
            sack_permitted: self.is_sack_permitted,
            sack_ranges: [None; 3],
            timestamp: None,
            payload: &[],
        }
    }

    fn ip(&self) -> Ipv4Repr {
        Ipv4Repr {
            src_addr: self.source,
            dst_addr: self.key.address,
            next_header: IpProtocol::Tcp,
            payload_len: self.tcp().buffer_len(),
            hop_limit: 64,
        }
    }

    /// Returns the size of the whole packet in bytes, headers included.
    pub(in crate::net) fn bytes(&self) -> usize {
        let ip = self.ip();
        ip.buffer_len() + ip.payload_len
    }

    /// Writes the whole packet with its checksums to `bytes`, which must have the length of [`bytes`](Self::bytes).
    pub(in crate::net) fn write(&self, bytes: &mut [u8]) {
        let (ip, tcp, checksums) = (self.ip(), self.tcp(), ChecksumCapabilities::default());
        let mut packet = Ipv4Packet::new_unchecked(bytes);
        ip.emit(&mut packet, &checksums);
        let mut segment = TcpPacket::new_unchecked(packet.payload_mut());
        tcp.emit(&mut segment, &ip.src_addr.into(), &ip.dst_addr.into(), &checksums);
    }
}
