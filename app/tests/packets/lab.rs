//! A test server on a simulated Ethernet link, with well-behaved clients and with machines that send arbitrary frames.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::rc::Rc;

use app::server::{Server, Turn};
use runtime_config::cmdline::{Config, IpConfig, Text};
use runtime_config::ports;
use vmalloc::sim::SimMachine;

use super::arena::{Arena, Source};
use super::check::{self, Out};
use super::client::{self, Client};
use super::frame::{self, Ip, TCP, Tcp};
use super::machine::Machine;
use super::port::{Cable, MAC, Port};

/// Frames of the simulated machine's memory.
const FRAMES: u64 = 1024;

/// Simulated time of one turn of the server in microseconds.
const TURN_US: u64 = 50;

/// Maximum number of turns until the server must be idle.
const TURNS_MAX: u32 = 5000;

/// A machine that does not answer ARP requests.
pub(crate) const SILENT: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 4);

/// The configuration of the link and of the tested server ("the image").
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Whether the image uses DHCP.
    pub(crate) asks: bool,
    /// Whether the device segments packets.
    pub(crate) cuts: bool,
    /// Whether the device reports every checksum as verified.
    pub(crate) vouches: bool,
    /// Whether the MTU is 576 bytes.
    pub(crate) is_narrow: bool,
}

/// The sequence and acknowledgement numbers in the last segment of the image on a connection. The next valid numbers of
/// the peer follow from them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Numbers {
    pub(crate) sequence: u32,
    pub(crate) acknowledged: u32,
}

/// The peer of a connection: address, port, and the image's port.
pub(crate) type Key = (Ipv4Addr, u16, u16);

/// The objects of one test case. The fields are dropped in this order, so that the server is dropped before its machine
/// and its buffers.
pub(crate) struct Lab {
    server: Server<Port, SimMachine, Source>,
    _machine: Machine,
    _arena: Arena,
    cable: Rc<RefCell<Cable>>,
    cuts: bool,
    pub(crate) now_us: u64,
    last: Turn,
    /// Addresses that the image has had.
    pub(crate) addresses: Vec<Ipv4Addr>,
    pub(crate) numbers: BTreeMap<Key, Numbers>,
    /// The image's last DHCP message.
    pub(crate) dhcp: Option<Vec<u8>>,
    /// Whether DHCP messages are answered correctly.
    pub(crate) leases: bool,
    pub(crate) clients: Vec<Client>,
}

impl Lab {
    /// Creates a server with a password.
    pub(crate) fn new(shape: Shape, password: &str) -> Self {
        let ip = if shape.asks {
            IpConfig::Dhcp
        } else {
            let gateway = Some(client::ADDRESS);
            IpConfig::Static { address: ports::GUEST_ADDRESS.into(), prefix: 24, gateway }
        };
        let config = Config {
            ip,
            clients: 24,
            names: 16,
            regions: 1024,
            inline_bytes: 1024,
            arguments: 32,
            mtu_bytes: if shape.is_narrow { 576 } else { 0 },
            password: Text::from_text(password).expect("a short password"),
            ..Config::DEFAULT
        };
        let arena = Arena::default();
        let machine = Machine::new(&config, FRAMES, 1);
        let port = Port::new(shape.cuts, shape.vouches);
        let cable = Rc::clone(&port.cable);
        let server = Server::new(port, machine.forever(), arena.source(), &config, 0x5eed);
        let server = server.expect("memory of the host");
        Self {
            server,
            _machine: machine,
            _arena: arena,
            cable,
            cuts: shape.cuts,
            now_us: 0,
            last: Turn::Busy,
            addresses: Vec::new(),
            numbers: BTreeMap::new(),
            dhcp: None,
            leases: false,
            clients: Vec::new(),
        }
    }

    /// Returns the image's address.
    pub(crate) fn address(&mut self) -> Option<Ipv4Addr> {
        self.server.stack().address()
    }

    /// Makes the device accept no frames, or accept frames again.
    pub(crate) fn stop(&mut self, is_stopped: bool) {
        self.cable.borrow_mut().is_stopped = is_stopped;
    }

    /// Sends a frame to the image.
    pub(crate) fn feed(&mut self, frame: Vec<u8>) {
        self.cable.borrow_mut().incoming.push_back(frame);
    }

    /// Sends a packet of the well-behaved machine to the image.
    pub(crate) fn feed_packet(&mut self, packet: &[u8]) {
        self.feed(frame::ethernet(MAC, client::MAC, frame::IPV4, packet));
    }

    /// Takes one turn, and lets all machines react to the frames of the image.
    pub(crate) fn turn(&mut self) {
        self.note_address();
        self.last = self.server.turn(self.now_us);
        assert_ne!(self.last, Turn::Off, "a stranger has ended the image");
        self.note_address();
        self.now_us += TURN_US;
        let sent = std::mem::take(&mut self.cable.borrow_mut().outgoing);
        for sent in sent {
            match check::read(&sent, self.cuts, &self.addresses) {
                Out::Question(target) => self.answer(target),
                Out::Segment(mac, target, segment) => self.react(mac, target, &segment),
                Out::Dhcp(message) => {
                    if self.leases {
                        self.lease(&message);
                    }
                    self.dhcp = Some(message);
                }
                Out::Other => {}
            }
        }
    }

    fn note_address(&mut self) {
        let new = self.address().filter(|address| !self.addresses.contains(address));
        self.addresses.extend(new);
    }

    fn answer(&mut self, target: Ipv4Addr) {
        if target == SILENT {
            return;
        }
        let Some(own) = self.address() else { return };
        let mac = if target == client::ADDRESS {
            client::MAC
        } else {
            let [.., last] = target.octets();
            [2, 0, 0, 0, 1, last]
        };
        let answer = frame::arp(2, (mac, target), (MAC, own));
        self.feed(frame::ethernet(MAC, mac, frame::ARP, &answer));
    }

    fn react(&mut self, mac: [u8; 6], target: Ipv4Addr, segment: &Tcp) {
        let key = (target, segment.target, segment.source);
        let numbers = Numbers { sequence: segment.acknowledged, acknowledged: segment.end() };
        self.numbers.insert(key, numbers);
        if (mac, target) != (client::MAC, client::ADDRESS) {
            return;
        }
        let client = self.clients.iter_mut().find(|client| client.has(segment));
        if let Some(answer) = client.and_then(|client| client.hear(segment)) {
            self.send(&answer);
        }
    }

    /// Sends a segment of the well-behaved machine.
    pub(crate) fn send(&mut self, segment: &Tcp) {
        let Some(own) = self.address() else { return };
        let ip = Ip::new(client::ADDRESS, own, TCP);
        let mut payload = segment.bytes();
        ip.complete(&mut payload);
        self.feed_packet(&ip.packet(&[], &payload));
    }

    /// Answers a DHCP message of the image like a correct server.
    fn lease(&mut self, message: &[u8]) {
        let is_discover = message.get(240..243) == Some(&[53, 1, 1]);
        let kind = if is_discover { 2 } else { 5 };
        let mut options = vec![53, 1, kind, 54, 4];
        options.extend_from_slice(&client::ADDRESS.octets());
        options.extend_from_slice(&[1, 4, 255, 255, 255, 0, 3, 4]);
        options.extend_from_slice(&client::ADDRESS.octets());
        options.extend_from_slice(&[51, 4, 0, 0, 0x0e, 0x10, 255]);
        let message = Self::dhcp(message, ports::GUEST_ADDRESS.into(), &options);
        self.feed_packet(&message);
    }

    /// Returns the packet of a DHCP server that answers a message of the image.
    pub(crate) fn dhcp(message: &[u8], address: Ipv4Addr, options: &[u8]) -> Vec<u8> {
        let mut reply = message[..240.min(message.len())].to_vec();
        reply.resize(240, 0);
        reply[0] = 2;
        reply[16..20].copy_from_slice(&address.octets());
        reply.extend_from_slice(options);
        let length = u16::try_from(8 + reply.len()).unwrap_or(u16::MAX).to_be_bytes();
        let mut datagram = vec![0, 67, 0, 68, length[0], length[1], 0, 0];
        datagram.extend_from_slice(&reply);
        let ip = Ip::new(client::ADDRESS, Ipv4Addr::BROADCAST, frame::UDP);
        ip.complete(&mut datagram);
        ip.packet(&[], &datagram)
    }

    /// Announces the hardware address of the well-behaved machine.
    pub(crate) fn announce(&mut self) {
        let here = (client::MAC, client::ADDRESS);
        let packet = frame::arp(1, here, here);
        self.feed(frame::ethernet(frame::ALL, client::MAC, frame::ARP, &packet));
    }

    /// Takes turns until the server is idle and has received all frames.
    pub(crate) fn settle(&mut self) {
        for _ in 0..TURNS_MAX {
            self.turn();
            let cable = self.cable.borrow();
            if self.last != Turn::Busy && (cable.incoming.is_empty() || cable.is_stopped) {
                return;
            }
        }
        panic!("the server never comes to rest");
    }

    /// Advances time like the image, which sleeps as long as possible.
    pub(crate) fn sleep(&mut self, micros: u64) {
        let end = self.now_us + micros;
        let most = TURNS_MAX + u32::try_from(micros / 1000).unwrap_or(u32::MAX / 2) * 2;
        for _ in 0..most {
            if self.now_us >= end {
                return;
            }
            self.turn();
            if let Turn::Idle { wake_us } = self.last
                && self.cable.borrow().incoming.is_empty()
            {
                self.now_us = self.now_us.max(wake_us.unwrap_or(end).min(end));
            }
        }
        panic!("the server takes more than {most} turns in {micros} us");
    }

    /// Waits until the bytes that a client has received end with `end`, and retransmits lost bytes.
    ///
    /// # Panics
    /// The bytes do not arrive.
    pub(crate) fn wait(&mut self, at: usize, end: &str) -> String {
        const SECONDS: u32 = 40;
        for _ in 0..SECONDS {
            self.settle();
            let client = &mut self.clients[at];
            if client.received.ends_with(end.as_bytes()) {
                return String::from_utf8_lossy(&std::mem::take(&mut client.received)).into_owned();
            }
            assert!(!client.is_over, "client {at} was ended: {client:?}");
            if client.is_waiting() {
                let segment = client.segment();
                self.send(&segment);
                self.settle();
            }
            self.sleep(1_000_000);
        }
        panic!("client {at} waits in vain for {end:?}: {:?}", self.clients[at]);
    }
}
