//! The test harness: a server on a simulated machine, a simulated cable, and clients.

#![expect(unsafe_code, reason = "simulated CPUs halt")]

mod machine;

use std::cell::{Cell, RefCell};

use app::buffers::HeapBuffers;
use app::server::{Server, Turn};
use runtime_config::cmdline::Config;
use runtime_config::ports;
use smoltcp::iface::{self, Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};
use vmalloc::sim::SimMachine;
use vmalloc::{CpuId, Vmalloc};

use self::machine::Machine;
use crate::value::Value;
use crate::wire::{self, End};

/// Number of steps without the expected event after which a test fails: 10 s of simulated time.
const PATIENCE: usize = 200_000;

const STEP_US: u64 = 50;

/// Default number of frames of the simulated machine.
const FRAMES: u64 = 4096;

/// The objects of a test. The fields are dropped in this order: the server before its machine.
pub(crate) struct World {
    pub(crate) server: Server<End, SimMachine, HeapBuffers>,
    machine: Machine,
    interface: Interface,
    sockets: SocketSet<'static>,
    pub(crate) end: End,
    now_us: u64,
    port: u16,
    last: Turn,
}

/// The work that was offloaded to one AP, and the number of steps until the work is done.
type QueuedOperation = (fn(&'static Vmalloc<SimMachine>, usize), usize, u32);

std::thread_local! {
    /// For each AP, its current work.
    static HELPERS: RefCell<Vec<Option<QueuedOperation>>> = const { RefCell::new(Vec::new()) };
    /// Number of steps that offloaded work takes.
    static DELAY: Cell<u32> = const { Cell::new(0) };
}

fn submit(
    _vm: &'static Vmalloc<SimMachine>,
    work: fn(&'static Vmalloc<SimMachine>, usize),
    argument: usize,
) -> bool {
    HELPERS.with_borrow_mut(|helpers| {
        let Some(place) = helpers.iter_mut().find(|place| place.is_none()) else { return false };
        *place = Some((work, argument, DELAY.get()));
        true
    })
}

/// A client's connection, with its unread bytes.
pub(crate) struct Client {
    handle: SocketHandle,
    received: Vec<u8>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with("", FRAMES)
    }

    /// Creates a server with a command line and a number of frames.
    pub(crate) fn with(line: &str, frames: u64) -> Self {
        HELPERS.set(Vec::new());
        Self::with_cpus(line, frames, 1)
    }

    /// Creates a server with APs that need a number of steps for offloaded work.
    pub(crate) fn with_helpers(line: &str, frames: u64, helpers: u32, steps: u32) -> Self {
        DELAY.set(steps);
        HELPERS.set(vec![None; helpers as usize]);
        let world = Self::with_cpus(line, frames, 1 + helpers);
        Self { server: world.server.with_submit(submit), ..world }
    }

    /// Creates a server with a small table of regions. A real image needs a larger table for its own regions.
    pub(crate) fn with_regions(regions: usize, frames: u64, helpers: u32, steps: u32) -> Self {
        DELAY.set(steps);
        HELPERS.set(vec![None; helpers as usize]);
        let config = Config { regions, ..Config::DEFAULT };
        let world = Self::with_config(config, frames, 1 + helpers);
        Self { server: world.server.with_submit(submit), ..world }
    }

    fn with_cpus(line: &str, frames: u64, cpus: u32) -> Self {
        Self::with_config(Config::parse(line).unwrap(), frames, cpus)
    }

    fn with_config(config: Config, frames: u64, cpus: u32) -> Self {
        let machine = Machine::new(&config, frames, cpus);
        let vm = machine.forever();
        let (near, mut far) = wire::cable();
        let server = Server::new(near, vm, HeapBuffers, &config, 0x5eed).unwrap();

        let settings = iface::Config::new(HardwareAddress::Ip);
        let mut interface = Interface::new(settings, &mut far, Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            addresses.push(IpCidr::new(IpAddress::v4(10, 0, 2, 2), 24)).unwrap();
        });
        let sockets = SocketSet::new(Vec::new());
        let last = Turn::Busy;
        Self { server, machine, interface, sockets, end: far, now_us: 0, port: 50_000, last }
    }

    /// Sets the clock with which the server measures its turns.
    pub(crate) fn with_clock(self, clock: fn() -> u64) -> Self {
        Self { server: self.server.with_clock(clock), ..self }
    }

    /// Sets the time of the boot, in seconds since 1970.
    pub(crate) fn booted_at(self, seconds: u64) -> Self {
        Self { server: self.server.booted_at(Some(seconds)), ..self }
    }

    /// Returns the window of the server.
    pub(crate) fn vm(&self) -> &Vmalloc<SimMachine> {
        self.machine.vm()
    }

    /// Takes one turn of the server and polls the clients once.
    pub(crate) fn step(&mut self) {
        self.help();
        self.last = self.server.turn(self.now_us);
        let now = self.now();
        self.interface.poll(now, &mut self.end, &mut self.sockets);
        self.now_us += STEP_US;
    }

    /// Advances the APs by one step.
    pub(crate) fn help(&mut self) {
        for (cpu, number) in (1..).zip(0..HELPERS.with_borrow(Vec::len)) {
            let place = HELPERS.with_borrow(|helpers| helpers[number]);
            let next = match place {
                Some((work, argument, 0)) => {
                    let vm = self.machine.forever();
                    vm.machine().on(CpuId(cpu));
                    vm.leave_idle();
                    work(vm, argument);
                    // SAFETY: the simulated CPU accesses no memory until it is the current one again.
                    unsafe { vm.enter_idle() };
                    vm.machine().on(CpuId(0));
                    None
                }
                Some((work, argument, left)) => Some((work, argument, left - 1)),
                None => None,
            };
            HELPERS.with_borrow_mut(|helpers| helpers[number] = next);
        }
    }

    /// Returns whether any AP is busy.
    pub(crate) fn is_away(&self) -> bool {
        HELPERS.with_borrow(|helpers| helpers.iter().any(Option::is_some))
    }

    /// Takes turns until the server is idle and no packet is in flight.
    pub(crate) fn settle(&mut self) {
        let mut quiet = 0;
        for _ in 0..PATIENCE {
            self.step();
            quiet = if self.last == Turn::Busy { 0 } else { quiet + 1 };
            if quiet > 20 {
                return;
            }
        }
        panic!("the server never comes to rest");
    }

    /// Advances simulated time by `seconds` seconds, with one step every 100 ms.
    pub(crate) fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds * 10 {
            self.step();
            self.now_us += 100_000;
        }
    }

    /// Advances time without a turn.
    pub(crate) fn advance(&mut self, us: u64) {
        self.now_us += us;
    }

    /// Advances time like the image, which sleeps when the server is idle. Returns the number of turns.
    pub(crate) fn sleep(&mut self, seconds: u64) -> u64 {
        let end = self.now_us + seconds * 1_000_000;
        let mut turns = 0;
        while self.now_us < end {
            self.step();
            turns += 1;
            let client = self.interface.poll_at(self.now(), &self.sockets);
            let client = client.and_then(|at| u64::try_from(at.total_micros()).ok());
            if let Turn::Idle { wake_us } = self.last {
                let next = [wake_us, client].into_iter().flatten().min();
                self.now_us = self.now_us.max(next.unwrap_or(end).min(end));
            }
        }
        turns
    }

    /// Advances time while the cable is full. Returns the number of turns.
    pub(crate) fn stall(&mut self, seconds: u64) -> u64 {
        let end = self.now_us + seconds * 1_000_000;
        let mut turns = 0;
        while self.now_us < end {
            self.last = self.server.turn(self.now_us);
            turns += 1;
            self.now_us += STEP_US;
            if let Turn::Idle { wake_us: Some(wake_us) } = self.last {
                self.now_us = self.now_us.max(wake_us);
            }
        }
        turns
    }

    /// Takes a turn of the server without polling the clients.
    pub(crate) fn silent_step(&mut self, us: u64) {
        self.last = self.server.turn(self.now_us);
        self.end.drop_incoming();
        self.now_us += us;
    }

    /// Returns whether the server requests a power-off.
    pub(crate) fn is_off(&self) -> bool {
        self.last == Turn::Off
    }

    pub(crate) fn now_us(&self) -> u64 {
        self.now_us
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_micros(i64::try_from(self.now_us).unwrap())
    }

    /// Begins a connection without waiting for it.
    pub(crate) fn dial(&mut self) -> Client {
        self.dial_to(ports::RESP)
    }

    /// Begins a connection to another port.
    pub(crate) fn dial_to(&mut self, port: u16) -> Client {
        let buffer = || SocketBuffer::new(vec![0; 65_535]);
        let mut socket = Socket::new(buffer(), buffer());
        socket.set_nagle_enabled(false);
        socket.set_ack_delay(None);
        self.port += 1;
        let remote = (IpAddress::v4(10, 0, 2, 15), port);
        socket.connect(self.interface.context(), remote, self.port).unwrap();
        Client { handle: self.sockets.add(socket), received: Vec::new() }
    }

    pub(crate) fn connect(&mut self) -> Client {
        self.connect_to(ports::RESP)
    }

    pub(crate) fn connect_to(&mut self, port: u16) -> Client {
        let client = self.dial_to(port);
        self.wait("a connection", |world| world.socket(&client).may_send());
        client
    }

    pub(crate) fn socket(&mut self, client: &Client) -> &mut Socket<'static> {
        self.sockets.get_mut(client.handle)
    }

    /// Takes steps until `holds` returns `true`. The test fails if that takes too many steps.
    pub(crate) fn wait(&mut self, what: &str, mut holds: impl FnMut(&mut Self) -> bool) {
        for _ in 0..PATIENCE {
            if holds(self) {
                return;
            }
            self.step();
        }
        panic!("waited in vain for {what}");
    }

    /// Sends raw bytes, and reads received bytes while sending.
    pub(crate) fn send(&mut self, client: &mut Client, mut bytes: &[u8]) {
        for _ in 0..PATIENCE {
            let sent = self.socket(client).send_slice(bytes).unwrap();
            bytes = &bytes[sent..];
            if bytes.is_empty() {
                return;
            }
            self.step();
            self.drain(client);
        }
        panic!("the server takes no more");
    }

    /// Sends as many bytes as fit without reading. Returns their number.
    pub(crate) fn push(&mut self, client: &Client, bytes: &[u8]) -> usize {
        self.socket(client).send_slice(bytes).unwrap_or(0)
    }

    /// Returns received bytes, up to a maximum.
    pub(crate) fn take(&mut self, client: &mut Client, bytes: usize) -> Vec<u8> {
        self.drain(client);
        let bytes = bytes.min(client.received.len());
        client.received.drain(..bytes).collect()
    }

    /// Returns whether the server has closed its side.
    pub(crate) fn has_ended(&mut self, client: &Client) -> bool {
        !self.socket(client).may_recv()
    }

    /// Returns the number of unread bytes.
    pub(crate) fn received(&mut self, client: &mut Client) -> usize {
        self.drain(client);
        client.received.len()
    }

    /// Polls the clients without a turn of the server.
    pub(crate) fn send_only(&mut self) {
        let now = self.now();
        self.interface.poll_egress(now, &mut self.end, &mut self.sockets);
    }

    /// Drops a connection without sending a packet.
    pub(crate) fn forget(&mut self, client: Client) {
        self.sockets.remove(client.handle);
    }

    fn drain(&mut self, client: &mut Client) {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = self.socket(client).recv_slice(&mut buffer) {
            client.received.extend_from_slice(&buffer[..length]);
        }
    }

    /// Returns the next reply.
    pub(crate) fn reply(&mut self, client: &mut Client) -> Value {
        let mut seen = usize::MAX;
        for _ in 0..PATIENCE {
            self.drain(client);
            // A large reply is parsed again only after more bytes have arrived.
            if client.received.len() != seen {
                seen = client.received.len();
                if let Some((value, length)) = Value::read(&client.received) {
                    client.received.drain(..length);
                    return value;
                }
            }
            self.step();
        }
        panic!("no reply, but {:?}", String::from_utf8_lossy(&client.received));
    }

    /// Returns the unread bytes.
    pub(crate) fn raw(&mut self, client: &mut Client) -> Vec<u8> {
        let mut before = usize::MAX;
        while before != client.received.len() {
            before = client.received.len();
            self.settle();
            self.drain(client);
        }
        std::mem::take(&mut client.received)
    }

    /// Sends a multi-bulk request and waits for its reply.
    pub(crate) fn request(&mut self, client: &mut Client, arguments: &[&[u8]]) -> Value {
        let bytes = multibulk(arguments);
        self.send(client, &bytes);
        self.reply(client)
    }

    /// Sends an inline request and waits for the reply.
    pub(crate) fn ask(&mut self, client: &mut Client, line: &str) -> Value {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        self.request(client, &words)
    }

    /// Sends an inline request and returns the text of the error that it expects.
    pub(crate) fn error(&mut self, client: &mut Client, line: &str) -> String {
        match self.ask(client, line) {
            Value::Error(text) => text,
            other => panic!("{line:?} answers {other:?}"),
        }
    }

    /// Sends an inline request and expects a reply that is not an error.
    pub(crate) fn ok(&mut self, client: &mut Client, line: &str) -> Value {
        match self.ask(client, line) {
            Value::Error(text) => panic!("{line:?} answers {text:?}"),
            other => other,
        }
    }

    /// Returns whether the server ends the connection within a time.
    pub(crate) fn is_closed(&mut self, client: &Client) -> bool {
        self.settle();
        let socket = self.socket(client);
        !matches!(socket.state(), State::Established | State::SynSent | State::FinWait2)
    }

    pub(crate) fn close(&mut self, client: &Client) {
        self.socket(client).close();
    }

    /// Resets the connection.
    pub(crate) fn reset(&mut self, client: &Client) {
        self.socket(client).abort();
    }

    /// Returns the counter with a name.
    pub(crate) fn counter(&mut self, client: &mut Client, name: &str) -> u64 {
        self.ok(client, "VSTATS").field(name).integer()
    }

    /// Purges lazy regions and releases caches.
    pub(crate) fn purge(&mut self, client: &mut Client) {
        self.ok(client, "VPURGE SYNC");
    }

    /// Audits the window and the service, and returns the text of the reply.
    pub(crate) fn check(&mut self, client: &mut Client) -> String {
        let text = self.ok(client, "VCHECK").text();
        assert!(text.starts_with("OK areas="), "{text}");
        text
    }
}

/// Encodes a request like client libraries.
pub(crate) fn multibulk(arguments: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        bytes.extend_from_slice(argument);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}
