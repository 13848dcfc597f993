//! Executes scripts. The bytes of a script select which frames are sent at which times.

use std::net::Ipv4Addr;

use runtime_config::ports;

use super::client::{self, Client};
use super::frame::{self, ACK, FIN, ICMP, Ip, PSH, RST, SYN, TCP, Tcp};
use super::lab::{Key, Lab, Numbers, SILENT, Shape};
use super::port::MAC;

/// Maximum number of steps of a script.
const STEPS_MAX: usize = 100;

/// Machines that send arbitrary frames. The third one is behind the gateway. The last one is otherwise well-behaved.
const STRANGERS: [Ipv4Addr; 4] =
    [Ipv4Addr::new(10, 0, 2, 3), SILENT, Ipv4Addr::new(192, 0, 2, 9), client::ADDRESS];

/// Addresses for headers.
const ADDRESSES: [Ipv4Addr; 8] = [
    Ipv4Addr::new(10, 0, 2, 3),
    SILENT,
    Ipv4Addr::new(192, 0, 2, 9),
    client::ADDRESS,
    Ipv4Addr::new(10, 0, 2, 15),
    Ipv4Addr::BROADCAST,
    Ipv4Addr::UNSPECIFIED,
    Ipv4Addr::new(10, 0, 2, 255),
];

/// The requests of unauthenticated clients.
const WORDS: [&str; 8] = [
    "",
    "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n",
    "PING\r\n",
    "*2\r\n$4\r\nAUTH\r\n$3\r\nabc\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "*1\r\n$20\r\n",
    "HELLO 3\r\n",
    "QUIT\r\n",
];

/// Durations in microseconds.
const DELAYS_US: [u64; 8] =
    [1_000, 10_000, 100_000, 250_000, 1_000_000, 3_000_000, 11_000_000, 130_000_000];

/// Reads the bytes of a script. Bytes behind its end are 0.
#[derive(Debug)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    fn half(&mut self) -> u16 {
        u16::from_be_bytes(self.array())
    }

    fn word(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let bytes = self.take(N);
        let mut array = [0; N];
        array[..bytes.len()].copy_from_slice(bytes);
        array
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        bytes
    }

    /// Reads a length from the next byte of the script, and returns this number of bytes.
    fn some(&mut self) -> &'a [u8] {
        let count = self.byte();
        self.take(count.into())
    }

    fn pick<T: Copy, const N: usize>(&mut self, among: [T; N]) -> T {
        among[usize::from(self.byte()) % N]
    }
}

/// Runs a script, and checks that the image serves its clients during the script and afterwards.
///
/// # Panics
/// A client is not served.
pub(crate) fn run(bytes: &[u8]) {
    let mut reader = Reader(bytes);
    let mode = reader.byte();
    let shape = Shape {
        asks: mode & 3 == 3,
        cuts: mode & 4 != 0,
        vouches: mode & 8 != 0,
        is_narrow: mode & 16 != 0,
    };
    // The frames of the script can contain neither the sequence numbers of the client nor the password.
    let secret = bytes.iter().fold(0x9e37_79b9_u32, |secret, byte| {
        (secret ^ u32::from(*byte)).wrapping_mul(0x0100_0193).rotate_left(11)
    });
    let password = format!("secret-{secret:08x}");
    let mut script = Script {
        lab: Lab::new(shape, &password),
        reader,
        last: Vec::new(),
        is_odd: false,
        pending: None,
    };
    let hello = format!("AUTH {password}\r\nPING\r\n");
    if !shape.asks {
        script.open(40_000, secret, &hello);
    }
    for _ in 0..STEPS_MAX {
        if script.reader.0.is_empty() {
            break;
        }
        script.step();
    }
    script.finish(secret, &hello);
}

struct Script<'a> {
    lab: Lab,
    reader: Reader<'a>,
    /// The last frame that the script has sent.
    last: Vec<u8>,
    /// Whether a DHCP message may have moved the image to a network in which it cannot reach the client.
    is_odd: bool,
    /// The rest of a packet whose first fragment was sent.
    pending: Option<Vec<u8>>,
}

impl Script<'_> {
    /// Opens a connection of the well-behaved client.
    fn open(&mut self, port: u16, number: u32, hello: &str) {
        let mut client = Client::new(port, ports::RESP, number);
        client.say(hello);
        let at = self.lab.clients.len();
        self.lab.announce();
        self.lab.send(&client.segment());
        self.lab.clients.push(client);
        let answer = self.lab.wait(at, "+PONG\r\n");
        assert_eq!(answer, "+OK\r\n+PONG\r\n", "client {at}");
    }

    /// Checks that the existing client and a new one are served, and that the image's structures are consistent.
    fn finish(&mut self, secret: u32, hello: &str) {
        self.lab.stop(false);
        self.lab.leases = true;
        self.lab.settle();
        let mut seconds = 0;
        while self.lab.address().is_none() {
            self.lab.sleep(1_000_000);
            seconds += 1;
            assert!(seconds < 3000, "the image finds no address");
        }
        let is_near = self.lab.address().is_some_and(|own| own.octets()[..3] == [10, 0, 2]);
        if self.is_odd || !is_near || self.lab.address() == Some(client::ADDRESS) {
            return;
        }
        self.lab.announce();
        if let Some(client) = self.lab.clients.first_mut() {
            client.say("PING\r\n");
            let segment = client.segment();
            self.lab.send(&segment);
            assert_eq!(self.lab.wait(0, "\r\n"), "+PONG\r\n", "the client that was there before");
        }
        self.open(40_001, secret.rotate_left(7), hello);
        let at = self.lab.clients.len() - 1;
        let client = &mut self.lab.clients[at];
        client.say("VCHECK\r\n");
        let segment = client.segment();
        self.lab.send(&segment);
        let answer = self.lab.wait(at, "\r\n");
        assert!(answer.contains("OK areas=0 "), "{answer}");
    }

    fn step(&mut self) {
        match self.reader.byte() % 16 {
            0 => {
                let frame = self.reader.some().to_vec();
                self.feed(frame);
            }
            1 => self.frame_of_any_kind(),
            2 | 3 => self.arp(),
            4 => self.packet(),
            5 | 6 => self.syn(),
            7 | 8 => self.right_segment(),
            9 => self.wrong_segment(),
            10 => self.icmp(),
            11 => self.fragment(),
            12 => self.dhcp(),
            13 => self.delay(),
            14 => self.again(),
            _ => self.full(),
        }
        self.lab.settle();
    }

    fn feed(&mut self, frame: Vec<u8>) {
        self.last.clone_from(&frame);
        self.note_odd(&frame);
        self.lab.feed(frame);
    }

    /// Records a DHCP message with the mask of a tiny network.
    fn note_odd(&mut self, frame: &[u8]) {
        let is_dhcp = frame.windows(4).any(|bytes| bytes == [0, 67, 0, 68]);
        let is_tiny = |bytes: &[u8]| bytes[..5] == [1, 4, 255, 255, 255] && bytes[5] > 252;
        self.is_odd |= is_dhcp && frame.windows(6).any(is_tiny);
    }

    fn own(&mut self) -> Ipv4Addr {
        self.lab.address().unwrap_or_else(|| ports::GUEST_ADDRESS.into())
    }

    fn frame_of_any_kind(&mut self) {
        let kind = self.reader.pick([frame::IPV4, frame::ARP, 0x86dd, 0x8100]);
        let payload = self.reader.some();
        self.feed(frame::ethernet(MAC, [2, 0, 0, 0, 1, 3], kind, payload));
    }

    fn arp(&mut self) {
        let operation = self.reader.pick([1, 2, 1, 2, 0, 3]);
        let sender = self.reader.pick(ADDRESSES);
        let mac = self.reader.pick([[2, 0, 0, 0, 1, 3], client::MAC, MAC, frame::ALL, [0; 6]]);
        let own = self.own();
        let target = self.reader.pick([own, sender, Ipv4Addr::UNSPECIFIED]);
        let packet = frame::arp(operation, (mac, sender), ([0; 6], target));
        let to = self.reader.pick([MAC, frame::ALL, [1, 0, 0x5e, 0, 0, 1]]);
        let packet = if to[0] == 1 { &packet[..27] } else { &packet[..] };
        self.feed(frame::ethernet(to, [2, 0, 0, 0, 1, 3], frame::ARP, packet));
    }

    fn packet(&mut self) {
        let protocol = self.reader.pick([TCP, ICMP, frame::UDP, 2, 0, 47]);
        let (source, target) = (self.reader.pick(ADDRESSES), self.own());
        let target = self.reader.pick([target, target, target, Ipv4Addr::BROADCAST, SILENT]);
        let fragment = self.reader.pick([0, 0x4000, 0x2000, 0x1fff, 1, 0x8000]);
        let ip = Ip { fragment, ..Ip::new(source, target, protocol) };
        let options = self.reader.byte();
        let options = self.reader.take(usize::from(options & 0x3c) * usize::from(options >> 7));
        let mut payload = self.reader.some().to_vec();
        if self.reader.byte() & 1 == 0 {
            ip.complete(&mut payload);
        }
        self.feed_packet(&ip.packet(options, &payload));
    }

    fn feed_packet(&mut self, packet: &[u8]) {
        let mac = if packet[15] == 2 { client::MAC } else { [2, 0, 0, 0, 1, packet[15]] };
        self.feed(frame::ethernet(MAC, mac, frame::IPV4, packet));
    }

    /// Returns one of few connections of unauthenticated clients.
    fn key(&mut self) -> Key {
        let byte = self.reader.byte();
        let address = STRANGERS[usize::from(byte & 3)];
        let port = 50_000 + u16::from(byte >> 2 & 3);
        let local = if byte & 16 == 0 { ports::RESP } else { ports::HTTP };
        (address, port, local)
    }

    fn options(&mut self) -> Vec<u8> {
        match self.reader.byte() % 8 {
            0 | 1 => vec![2, 4, 5, 0xb4, 1, 3, 3, 7],
            2 => vec![2, 4, 0, 88],
            3 => vec![2, 4, 0, 0, 4, 2, 1, 1],
            4 => self.reader.some().to_vec(),
            5 => vec![2, 4, 2, 24, 4, 2, 3, 3, 14, 1, 1, 0],
            _ => Vec::new(),
        }
    }

    fn syn(&mut self) {
        let (address, mut source, target) = self.key();
        let crowd = self.reader.byte();
        let sequence = self.reader.word();
        let (options, payload) = (self.options(), Vec::new());
        let (acknowledged, window) = (0, self.reader.pick([60_000, 0, 1, 500]));
        let mut count = 1;
        if crowd & 3 == 3 {
            // Machines that do not finish their handshakes, so that the image uses cookies.
            count = 1 + crowd / 8;
            source = self.reader.half().clamp(50_100, 65_000);
        }
        let flags = SYN;
        let mut syn =
            Tcp { source, target, sequence, acknowledged, flags, window, options, payload };
        for _ in 0..count {
            self.send(address, &syn);
            syn.source += 1;
        }
    }

    fn send(&mut self, address: Ipv4Addr, segment: &Tcp) {
        let packet = self.packet_of(address, segment);
        self.feed_packet(&packet);
    }

    fn packet_of(&mut self, address: Ipv4Addr, segment: &Tcp) -> Vec<u8> {
        let ip = Ip::new(address, self.own(), TCP);
        let mut bytes = segment.bytes();
        ip.complete(&mut bytes);
        ip.packet(&[], &bytes)
    }

    /// Sends a segment that matches the last segment of the image on a connection.
    fn fitting(&mut self) -> (Ipv4Addr, Tcp) {
        let key = self.key();
        let Numbers { sequence, acknowledged } =
            self.lab.numbers.get(&key).copied().unwrap_or_default();
        let flags = self.reader.pick([ACK, PSH | ACK, FIN | ACK, ACK, RST, RST | ACK, PSH | ACK]);
        let payload = match self.reader.byte() {
            words @ 0..64 => WORDS[usize::from(words) % WORDS.len()].as_bytes().to_vec(),
            64..128 => self.reader.some().to_vec(),
            bytes => vec![bytes; usize::from(bytes - 127) * 11],
        };
        let payload = if flags == ACK { Vec::new() } else { payload };
        let window = self.reader.pick([60_000, 60_000, 500, 0, 1, 100]);
        let (source, target, options) = (key.1, key.2, Vec::new());
        let segment =
            Tcp { source, target, sequence, acknowledged, flags, window, options, payload };
        (key.0, segment)
    }

    fn right_segment(&mut self) {
        let (address, segment) = self.fitting();
        self.send(address, &segment);
        if let Some(numbers) = self.lab.numbers.get_mut(&(address, segment.source, segment.target))
        {
            numbers.sequence = segment.end();
        }
    }

    /// Sends a segment with wrong numbers, or one for the well-behaved client's connection, whose numbers are unknown.
    fn wrong_segment(&mut self) {
        let (address, mut segment) = self.fitting();
        let offset = |kind: u8, word: u32| match kind % 8 {
            0 => 0,
            1 => 1,
            2 => 0xffff_ffff,
            3 => word & 0xffff,
            4 => (word & 0xffff).wrapping_neg(),
            5 => 0x7fff_ffff,
            6 => 0x8000_0000,
            _ => word,
        };
        let kinds = self.reader.array::<2>();
        let [first, second] = kinds.map(|kind| offset(kind, self.reader.word()));
        segment.sequence = segment.sequence.wrapping_add(first);
        segment.acknowledged = segment.acknowledged.wrapping_add(second);
        segment.flags = self.reader.pick([segment.flags, SYN, SYN | ACK, RST, 0, 0x3f, 0xff, ACK]);
        segment.options = self.options();
        let address = match self.reader.byte() % 4 {
            0 => {
                segment.source = 40_000;
                segment.target = ports::RESP;
                client::ADDRESS
            }
            _ => address,
        };
        self.send(address, &segment);
    }

    fn icmp(&mut self) {
        let source = self.reader.pick(STRANGERS);
        let ip = Ip::new(source, self.own(), ICMP);
        let mut payload = match self.reader.byte() % 4 {
            0 => [&[8, 0, 0, 0][..], self.reader.some()].concat(),
            1 => [&[3, self.reader.byte()][..], self.reader.some()].concat(),
            kind => {
                let (address, segment) = self.fitting();
                let sequence = segment.acknowledged.wrapping_sub(self.reader.pick([0, 1, 100]));
                let quoted = Tcp {
                    source: segment.target,
                    target: if kind == 3 { 40_000 } else { segment.source },
                    sequence,
                    ..segment
                };
                let address = if kind == 3 { client::ADDRESS } else { address };
                let quote = Ip::new(self.own(), address, TCP).packet(&[], &quoted.bytes());
                let mtu = self.reader.pick([576, 1280, 0, 68, 1500, 65_535_u16]).to_be_bytes();
                [&[3, 4, 0, 0, 0, 0][..], &mtu, &quote].concat()
            }
        };
        ip.complete(&mut payload);
        self.feed_packet(&ip.packet(&[], &payload));
    }

    /// Sends the first part of a matching packet, or the rest of an earlier one.
    fn fragment(&mut self) {
        if let Some(rest) = self.pending.take() {
            return self.feed_packet(&rest);
        }
        let (address, segment) = self.fitting();
        let ip = Ip::new(address, self.own(), TCP);
        let mut payload = segment.bytes();
        ip.complete(&mut payload);
        let cut = (usize::from(self.reader.byte()) * 8).min(payload.len() / 8 * 8);
        let overlap = self.reader.pick([0, 0, 0, 8, 16]).min(cut);
        let identification = self.reader.byte().into();
        let behind = u16::try_from((cut - overlap) / 8).unwrap_or(0);
        let first = Ip { identification, fragment: 0x2000, ..ip }.packet(&[], &payload[..cut]);
        let more = self.reader.pick([0, 0, 0x2000]);
        let rest = Ip { identification, fragment: more | behind, ..ip };
        let rest = rest.packet(&[], &payload[cut - overlap..]);
        let (first, rest) = if self.reader.byte() & 1 == 0 { (first, rest) } else { (rest, first) };
        self.feed_packet(&first);
        self.pending = Some(rest);
    }

    fn dhcp(&mut self) {
        let Some(message) = self.lab.dhcp.clone() else { return };
        let kind = self.reader.pick([2, 5, 5, 6, 2, 5]);
        let [last] = self.reader.array();
        let address = Ipv4Addr::new(10, 0, 2, self.reader.pick([15, 15, 77, last]));
        let mut options = vec![53, 1, kind, 54, 4];
        options.extend_from_slice(&self.reader.pick([client::ADDRESS, SILENT]).octets());
        if let Some(mask) = self.reader.pick([Some([255, 255, 255, 0]), None, Some([255, 0, 0, 0])])
        {
            options.extend_from_slice(&[1, 4]);
            options.extend_from_slice(&mask);
        }
        if self.reader.byte() & 1 == 0 {
            options.extend_from_slice(&[3, 4, 10, 0, 2, 2]);
        }
        for code in [51, 58, 59] {
            let seconds: u32 = self.reader.pick([3600, 0, 1, 60, u32::MAX, 7]);
            options.extend_from_slice(&[code, 4]);
            options.extend_from_slice(&seconds.to_be_bytes());
        }
        options.extend_from_slice(self.reader.some());
        options.push(255);
        let mut packet = Lab::dhcp(&message, address, &options);
        if self.reader.byte() & 7 == 7 {
            let cut = usize::from(self.reader.byte()).min(packet.len() - 20);
            packet.truncate(packet.len() - cut);
        }
        self.feed_packet(&packet);
    }

    fn delay(&mut self) {
        self.lab.announce();
        self.lab.settle();
        let delay = self.reader.pick(DELAYS_US);
        self.lab.sleep(delay);
    }

    /// Sends the last frame again, with a changed byte or truncated.
    fn again(&mut self) {
        let mut frame = self.last.clone();
        let [kind, at, byte] = self.reader.array();
        let at = usize::from(at);
        match kind % 3 {
            0 => {}
            1 => frame.truncate(at),
            _ => {
                if let Some(place) = frame.get_mut(at) {
                    *place ^= byte;
                }
            }
        }
        self.feed(frame);
    }

    /// Stops the device for a time, during which a frame arrives.
    fn full(&mut self) {
        self.lab.stop(true);
        let (address, segment) = self.fitting();
        self.send(address, &segment);
        self.lab.sleep(5_000);
        self.lab.stop(false);
    }
}
