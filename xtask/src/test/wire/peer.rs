//! A TCP peer that sends and receives frames itself. No kernel on the link has its address.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use etherparse::{TcpHeader, TcpOptionElement};

use super::frames::{Frames, GUEST_MAC};
use super::namespace::Namespace;
use super::packet::{Arp, BROADCAST, Ends, Heard, Mac, Segment};
use super::segment::{Flags, Out};
use super::topology::GUEST;

/// A simulated TCP peer.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) frames: Frames,
    pub(super) mac: Mac,
    pub(super) address: Ipv4Addr,
    pub(super) port: u16,
    pub(super) to_port: u16,
    /// The sequence number of the next byte that the peer sends.
    pub(super) seq: u32,
    /// The sequence number of the next byte that the peer expects.
    pub(super) ack: u32,
    /// The largest segment size that the peer announces.
    pub(super) mss: u16,
    /// Whether the peer answers ARP requests for its address.
    pub(super) resolves: bool,
}

/// Maximum time of an answer that must be immediate, on a busy host.
pub(super) const SOON: Duration = Duration::from_secs(2);
/// Time after which the absence of an answer counts as proven.
pub(super) const QUIET: Duration = Duration::from_millis(300);

impl Peer {
    /// The address of a peer that can have any address.
    pub(super) const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 50);
    pub(super) const MAC: Mac = [2, 0, 0, 0, 0, 0x50];

    /// Creates a peer, and announces its address to the server.
    pub(super) fn new(namespace: &Namespace, device: &str, port: u16) -> anyhow::Result<Self> {
        Self::at(namespace, device, Self::ADDRESS, Self::MAC, port)
    }

    /// Creates a peer with this address.
    pub(super) fn at(
        namespace: &Namespace,
        device: &str,
        address: Ipv4Addr,
        mac: Mac,
        port: u16,
    ) -> anyhow::Result<Self> {
        let frames = Frames::open(namespace, device)?;
        let to_port = runtime_config::ports::RESP;
        let peer = Self {
            frames,
            mac,
            address,
            port,
            to_port,
            seq: 1000,
            ack: 0,
            mss: 1460,
            resolves: true,
        };
        let ask = Arp { operation: 1, sender_mac: mac, sender: address, target: GUEST };
        peer.frames.send(&ask.frame(mac, BROADCAST)?)?;
        Ok(peer)
    }

    /// Returns the source and destination addresses of the peer's packets.
    pub(super) fn ends(&self) -> Ends {
        Ends { from_mac: self.mac, to_mac: GUEST_MAC, from: self.address, to: GUEST }
    }

    /// Returns the frame with a segment.
    pub(super) fn frame(&self, out: Out<'_>) -> anyhow::Result<Vec<u8>> {
        let seq = out.seq.unwrap_or(self.seq);
        let mut header = TcpHeader::new(self.port, self.to_port, seq, out.window);
        out.flags.apply(&mut header);
        if header.ack {
            header.acknowledgment_number = out.ack.unwrap_or(self.ack);
        }
        if header.syn {
            let mss = out.mss.unwrap_or(self.mss);
            header.set_options(&[TcpOptionElement::MaximumSegmentSize(mss)])?;
        }
        self.ends().tcp(header, out.data)
    }

    /// Sends a segment. The peer's sequence number is not advanced.
    pub(super) fn send(&self, out: Out<'_>) -> anyhow::Result<()> {
        Ok(self.frames.send(&self.frame(out)?)?)
    }

    /// Sends data or a FIN, and advances the peer's sequence number.
    pub(super) fn push(&mut self, out: Out<'_>) -> anyhow::Result<()> {
        self.send(out)?;
        let length = u32::try_from(out.data.len())? + u32::from(out.flags.has(Flags::FIN));
        self.seq = self.seq.wrapping_add(length);
        Ok(())
    }

    /// Collects segments until the last expected one has arrived, or until the time has passed.
    pub(super) fn gather(
        &mut self,
        limit: Duration,
        mut is_last: impl FnMut(&Segment) -> bool,
    ) -> anyhow::Result<Vec<Segment>> {
        let deadline = Instant::now() + limit;
        let mut segments = Vec::new();
        while let Some(heard) = self.frames.hear(deadline)? {
            match heard {
                Heard::Arp(arp) if arp.operation == 1 && arp.target == self.address => {
                    self.answer(arp)?;
                }
                Heard::Tcp(segment) if self.is_mine(&segment) => {
                    let is_last = is_last(&segment);
                    segments.push(*segment);
                    if is_last {
                        break;
                    }
                }
                _ => {}
            }
        }
        Ok(segments)
    }

    fn is_mine(&self, segment: &Segment) -> bool {
        segment.to == self.address && segment.header.destination_port == self.port
    }

    fn answer(&self, asked: Arp) -> anyhow::Result<()> {
        if !self.resolves {
            return Ok(());
        }
        let (mac, sender) = (self.mac, self.address);
        let answer = Arp { operation: 2, sender_mac: mac, sender, target: asked.sender };
        Ok(self.frames.send(&answer.frame(mac, GUEST_MAC)?)?)
    }

    /// Collects all segments that arrive within `time`.
    pub(super) fn drain(&mut self, time: Duration) -> anyhow::Result<Vec<Segment>> {
        self.gather(time, |_| false)
    }

    /// Collects segments until one satisfies the condition, and for a short time after it.
    pub(super) fn wait_for(
        &mut self,
        is_last: impl FnMut(&Segment) -> bool,
    ) -> anyhow::Result<Vec<Segment>> {
        self.gather(SOON, is_last)
    }

    /// Advances the expected sequence number to the end of the received segments.
    pub(super) fn take(&mut self, segments: &[Segment]) {
        for segment in segments {
            let ahead = segment.end().wrapping_sub(self.ack);
            if ahead < u32::MAX / 2 {
                self.ack = segment.end();
            }
        }
    }

    /// Sends a SYN, and returns the answer. The third step of the handshake is not made.
    pub(super) fn knock(&mut self, isn: u32) -> anyhow::Result<Segment> {
        self.seq = isn;
        self.send(Out::new(Flags::SYN))?;
        let segments = self.wait_for(|segment| segment.flags() == Flags::SYN_ACK)?;
        let answer = segments.into_iter().find(|segment| segment.flags() == Flags::SYN_ACK);
        let answer = answer.context("no answer to a SYN")?;
        self.ack = answer.end();
        self.seq = isn.wrapping_add(1);
        Ok(answer)
    }

    /// Opens a connection.
    pub(super) fn open(&mut self, isn: u32) -> anyhow::Result<Segment> {
        let answer = self.knock(isn)?;
        self.send(Out::new(Flags::ACK))?;
        Ok(answer)
    }

    /// Sends a `PING`. Returns whether a `PONG` arrives, and all segments that have arrived.
    pub(super) fn pongs(&mut self) -> anyhow::Result<(bool, Vec<Segment>)> {
        const PONG: &[u8] = b"+PONG";
        self.push(Out::data(b"PING\r\n"))?;
        let has_pong =
            |segment: &Segment| segment.data.windows(PONG.len()).any(|part| part == PONG);
        let is_last = |segment: &Segment| has_pong(segment) || segment.header.rst;
        let segments = self.gather(SOON / 2, is_last)?;
        let lives = segments.iter().any(has_pong);
        self.take(&segments);
        if lives {
            self.send(Out::new(Flags::ACK))?;
        }
        Ok((lives, segments))
    }

    /// Sends a RST, which ends the connection at the server.
    pub(super) fn reset(&self) -> anyhow::Result<()> {
        self.send(Out::new(Flags::RST))
    }

    /// Sends a request, and receives its whole reply, whose length is known.
    pub(super) fn fetch(&mut self, request: &[u8], length: usize) -> anyhow::Result<Vec<Segment>> {
        self.push(Out::data(request))?;
        let mut all: Vec<Segment> = Vec::new();
        let start = self.ack;
        let deadline = Instant::now() + SOON * 5;
        while usize::try_from(self.ack.wrapping_sub(start))? < length {
            let more = self.gather(SOON, |segment| !segment.data.is_empty())?;
            if Instant::now() > deadline {
                bail!("{} of {length} bytes", self.ack.wrapping_sub(start));
            }
            for segment in more {
                if segment.header.sequence_number == self.ack {
                    self.ack = segment.end();
                }
                all.push(segment);
            }
            self.send(Out::new(Flags::ACK))?;
        }
        Ok(all)
    }
}
