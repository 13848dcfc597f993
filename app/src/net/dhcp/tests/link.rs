//! A simulated link between a tested DHCP client and a server, in virtual time.

use core::net::Ipv4Addr;

use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{
    DhcpMessageType, DhcpPacket, DhcpRepr, Ipv4Packet, Ipv4Repr, UdpPacket, UdpRepr,
};

use super::MAC;
use super::answer::Answer;
use crate::net::dhcp::Outgoing;
use crate::net::drops::Drop;

/// The tested code: a DHCP client, or a module that contains one.
pub(in crate::net) trait TestHost {
    fn poll(&mut self, now: Instant);
    fn hear(&mut self, payload: &[u8], now: Instant) -> Result<(), Drop>;
    fn packet(&mut self, now: Instant) -> Option<Outgoing>;
    fn wake_at(&self) -> Option<Instant>;
}

/// The parsed fields of a packet that the tested code has sent.
#[derive(Clone, Debug)]
pub(in crate::net) struct Sent {
    pub(in crate::net) at: Instant,
    pub(in crate::net) kind: u8,
    pub(in crate::net) xid: u32,
    pub(in crate::net) secs: u16,
    pub(in crate::net) source: Ipv4Addr,
    pub(in crate::net) to: Ipv4Addr,
    pub(in crate::net) client: Ipv4Addr,
    pub(in crate::net) requested: Option<Ipv4Addr>,
    pub(in crate::net) server: Option<Ipv4Addr>,
}

/// The simulated link. It passes packets to `plan`, which plays the server, and delivers its answers.
pub(in crate::net) struct Link<G, F> {
    pub(in crate::net) host: G,
    pub(in crate::net) now: Instant,
    pub(in crate::net) sent: Vec<Sent>,
    /// Number of messages that the tested code has dropped.
    pub(in crate::net) refused: usize,
    plan: F,
    waiting: Vec<(Instant, Vec<u8>)>,
}

impl<G: TestHost, F: FnMut(u8, usize) -> Option<Answer>> Link<G, F> {
    pub(in crate::net) fn new(host: G, plan: F) -> Self {
        let (sent, waiting) = (Vec::new(), Vec::new());
        Self { host, now: Instant::ZERO, sent, refused: 0, plan, waiting }
    }

    /// Advances virtual time until `secs` seconds after the start, and delivers all messages that are due until then.
    pub(in crate::net) fn run(&mut self, secs: u64) {
        let end = Instant::ZERO + Duration::from_secs(secs);
        let mut steps = 0;
        loop {
            self.turn();
            let first = self.waiting.iter().map(|(at, _)| *at).min();
            let next = [self.host.wake_at(), first].into_iter().flatten().min();
            match next {
                Some(next) if next <= end => {
                    steps = if next > self.now { 0 } else { steps + 1 };
                    assert!(steps < 10, "the host wakes at {next} for nothing");
                    self.now = self.now.max(next);
                }
                _ => break,
            }
        }
        self.now = end;
    }

    fn turn(&mut self) {
        let now = self.now;
        let due: Vec<_> = self.waiting.extract_if(.., |(at, _)| *at <= now).collect();
        for (_, bytes) in due {
            self.hear(&bytes);
        }
        self.host.poll(now);
        while let Some(outgoing) = self.host.packet(now) {
            let sent = read(&outgoing, now);
            let count = self.sent.iter().filter(|other| other.kind == sent.kind).count();
            if let Some(answer) = (self.plan)(sent.kind, count + 1) {
                let at = now + Duration::from_millis(answer.delay_ms);
                self.waiting.push((at, answer.bytes(sent.kind, sent.xid)));
            }
            self.sent.push(sent);
        }
    }

    /// Passes a message to the tested code now.
    pub(in crate::net) fn hear(&mut self, bytes: &[u8]) {
        self.refused += usize::from(self.host.hear(bytes, self.now).is_err());
    }

    /// Returns the types of all packets that the tested code has sent.
    pub(in crate::net) fn kinds(&self) -> Vec<u8> {
        self.sent.iter().map(|sent| sent.kind).collect()
    }

    /// Returns the times, in seconds, at which the tested code has sent packets of the type `kind`.
    pub(in crate::net) fn secs_of(&self, kind: u8) -> Vec<f64> {
        let of_kind = self.sent.iter().filter(|sent| sent.kind == kind);
        of_kind.map(|sent| secs_between(Instant::ZERO, sent.at)).collect()
    }

    /// Asserts that at most two packets were sent in any second.
    pub(in crate::net) fn check_rate(&self) {
        for three in self.sent.windows(3) {
            let span = three[2].at - three[0].at;
            assert!(span >= Duration::from_secs(1), "three packets in {span}: {three:?}");
        }
    }
}

/// Returns the seconds from `from` to `to`.
pub(in crate::net) fn secs_between(from: Instant, to: Instant) -> f64 {
    core::time::Duration::from(to - from).as_secs_f64()
}

/// Parses a packet of the tested code, and verifies its checksums, ports, length and client identifier.
fn read(outgoing: &Outgoing, at: Instant) -> Sent {
    let checksums = smoltcp::phy::ChecksumCapabilities::default();
    let ip = Ipv4Packet::new_checked(&outgoing.packet[..]).unwrap();
    let header = Ipv4Repr::parse(&ip, &checksums).unwrap();
    assert_eq!(usize::from(ip.total_len()), outgoing.packet.len());
    let (source, to) = (header.src_addr, header.dst_addr);
    assert_eq!(to, outgoing.to);
    let udp = UdpPacket::new_checked(ip.payload()).unwrap();
    assert_ne!(udp.checksum(), 0);
    let ports = UdpRepr::parse(&udp, &source.into(), &to.into(), &checksums).unwrap();
    assert_eq!((ports.src_port, ports.dst_port), (68, 67));
    assert!(udp.payload().len() >= 300);
    let dhcp = DhcpPacket::new_checked(udp.payload()).unwrap();
    let message = DhcpRepr::parse(&dhcp).unwrap();
    assert_eq!((message.client_hardware_address, message.client_identifier), (MAC, Some(MAC)));
    Sent {
        at,
        kind: match message.message_type {
            DhcpMessageType::Discover => super::answer::DISCOVER,
            DhcpMessageType::Request => super::answer::REQUEST,
            other => panic!("{other:?} is not a message of this client"),
        },
        xid: message.transaction_id,
        secs: message.secs,
        source,
        to,
        client: message.client_ip,
        requested: message.requested_ip,
        server: message.server_identifier,
    }
}
