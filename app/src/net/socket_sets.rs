//! TCP sockets, each in a set of its own.
//!
//! The network stack looks at every socket of a set for every packet, and again for every packet
//! out. Here the [route](super::route) says whose packet it is, and only sockets that something has
//! happened to are asked what they have to send, or whose time has come.

use alloc::vec::Vec;
use core::mem;

use smoltcp::iface::{Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, State};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{IpAddress, IpEndpoint};

use super::drops::Drops;
use super::liveness::{Liveness, NEVER, Patience};
use super::nic::Nic;
use super::route::{Key, Routes};
use super::tcp::answer::Answer;
use super::tcp::connection::TcpConnection;
use super::tcp::path::Paths;
use super::wire::{Inlet, Nowhere, Outlet, Wire};

/// Packets that are sent in one turn, over all sockets: a device's ring holds twice as many. Those that
/// are left come first in the next turn.
const SEGMENTS_MAX: usize = 64;

/// The time that a socket's own time-out takes at most (RFC 6298 section 2.5).
const SOCKET_TIMEOUT: Duration = Duration::from_secs(61);

/// A peer that was heard within this time is alive: the way to it is confirmed.
const HEARD_LATELY: Duration = Duration::from_secs(2);

/// A socket and what is known of it.
#[derive(Debug)]
struct SocketEntry {
    set: SocketSet<'static>,
    handle: SocketHandle,
    /// Under which its packets are found.
    key: Option<Key>,
    /// It is among those to be asked.
    is_dirty: bool,
    /// Something has come, or a time is over, that its user has not seen.
    is_awake: bool,
    /// When it has something to do without a packet.
    due: Instant,
    /// The state of its peer.
    liveness: Liveness,
    /// Its connection, as it was seen on the wire.
    connection: TcpConnection,
}

/// Every TCP socket, by number.
#[derive(Debug)]
pub(super) struct SocketSets {
    entries: Vec<SocketEntry>,
    routes: Routes,
    /// Sockets that may have something to send.
    dirty: Vec<usize>,
    /// No socket is due before.
    due: Instant,
    /// The set without sockets, for all that is no connection.
    common: SocketSet<'static>,
    patience: Patience,
    /// The sizes that were found on the ways to peers.
    pub(super) paths: Paths,
    /// Connections whose places others needed.
    pub(super) drops: Drops,
}

impl SocketSets {
    /// Makes room for so many sockets.
    pub(super) fn with_capacity(count: usize, seed: u64, patience: Patience) -> Self {
        Self {
            entries: Vec::with_capacity(count),
            routes: Routes::with_capacity(count, seed),
            dirty: Vec::with_capacity(count),
            due: NEVER,
            common: SocketSet::new(Vec::new()),
            patience,
            paths: Paths::new(),
            drops: Drops::default(),
        }
    }

    /// Takes a socket in; its number.
    pub(super) fn add(&mut self, socket: Socket<'static>) -> usize {
        let mut set = SocketSet::new(Vec::with_capacity(1));
        let handle = set.add(socket);
        let (key, is_dirty, is_awake, due) = (None, false, false, NEVER);
        let liveness = Liveness::new();
        let connection = TcpConnection::none();
        self.entries.push(SocketEntry {
            set,
            handle,
            key,
            is_dirty,
            is_awake,
            due,
            liveness,
            connection,
        });
        self.entries.len() - 1
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.entries.len()
    }

    /// A socket, to be looked at.
    pub(super) fn get(&self, index: usize) -> &Socket<'static> {
        let entry = &self.entries[index];
        entry.set.get(entry.handle)
    }

    /// A socket, to be changed: it is asked at the end of the turn what it has to send.
    pub(super) fn get_mut(&mut self, index: usize) -> &mut Socket<'static> {
        self.touch(index);
        let entry = &mut self.entries[index];
        entry.set.get_mut(entry.handle)
    }

    /// The set without sockets.
    pub(super) fn common(&mut self) -> &mut SocketSet<'static> {
        &mut self.common
    }

    /// A socket for a packet that is its own; `is_stopped` where the peer says that it takes no more.
    pub(super) fn hear(&mut self, index: usize, is_stopped: bool, now: Instant) {
        self.touch(index);
        let entry = &mut self.entries[index];
        entry.is_awake = true;
        let socket = entry.set.get::<Socket<'_>>(entry.handle);
        self.patience.hear(index, &mut entry.liveness, socket, is_stopped, now);
    }

    /// A connection, as it was seen on the wire.
    pub(super) fn connection(&mut self, index: usize) -> &mut TcpConnection {
        &mut self.entries[index].connection
    }

    /// The set of one socket, and what was seen of its connection.
    pub(super) fn parts(&mut self, index: usize) -> (&mut SocketSet<'static>, &mut TcpConnection) {
        let entry = &mut self.entries[index];
        (&mut entry.set, &mut entry.connection)
    }

    /// Has everything of a connection that is not acknowledged sent again now.
    pub(super) fn hurry(&mut self, index: usize, now: Instant) {
        self.entries[index].connection.recovery.hurry(now);
        self.touch(index);
    }

    /// Has the first segment that is not acknowledged sent again: its socket does that when it has heard
    /// the same acknowledgement three times.
    pub(super) fn resend(
        &mut self,
        index: usize,
        interface: &mut Interface,
        wire: &mut Wire,
        now: Instant,
    ) {
        const TIMES: usize = 3;
        self.touch(index);
        let (Some(own), Some(key)) = (wire.own.address(), self.entries[index].key) else { return };
        let (set, connection) = self.parts(index);
        let again = Answer::duplicate(own, key, connection);
        let mut packet = [0; Answer::BYTES_MAX];
        let packet = &mut packet[..again.bytes()];
        again.write(packet);
        for _ in 0..TIMES {
            let mut inlet = Inlet::new(packet, Nowhere, wire, key.address, None, now);
            interface.poll_ingress_single(now, &mut inlet, set);
        }
    }

    /// Silence after which the peers of connections are probed.
    pub(super) fn probe_every(&self) -> Option<Duration> {
        self.patience.probe_every()
    }

    /// Notes after each packet whether it was the answer to a probe.
    pub(super) fn note_answer(&mut self) {
        if let Some(index) = self.patience.take_suspect() {
            let entry = &mut self.entries[index];
            entry.liveness.judge_answer(entry.set.get::<Socket<'_>>(entry.handle));
        }
    }

    /// Whether a packet of the peer has come within this time.
    pub(super) fn is_heard(&self, index: usize, now: Instant, within: Duration) -> bool {
        self.entries[index].liveness.is_heard(now, within)
    }

    /// Whether the connection ended because its peer did not answer.
    pub(super) fn is_timed_out(&self, index: usize) -> bool {
        self.entries[index].liveness.is_timed_out
    }

    /// Whether something has happened to the socket since this was asked.
    pub(super) fn take_awake(&mut self, index: usize) -> bool {
        mem::take(&mut self.entries[index].is_awake)
    }

    /// The socket whose packets these are. One that is closed, or listens again, has none.
    pub(super) fn find(&self, key: Key) -> Option<usize> {
        let index = self.routes.find(key)?;
        let is_of_another = matches!(self.get(index).state(), State::Closed | State::Listen);
        (!is_of_another && self.entries[index].key == Some(key)).then_some(index)
    }

    /// Lets a socket that a connection has come to be found.
    pub(super) fn register(&mut self, index: usize, now: Instant) {
        self.entries[index].liveness = Liveness::heard_at(now);
        let Some(key) = self.key_of(index) else { return };
        if let Some(old) = self.entries[index].key.replace(key) {
            self.routes.remove(old, index);
        }
        self.routes.insert(key, index);
    }

    fn key_of(&self, index: usize) -> Option<Key> {
        let socket = self.get(index);
        let local = socket.local_endpoint()?.port;
        let IpEndpoint { addr: IpAddress::Ipv4(address), port } = socket.remote_endpoint()? else {
            return None;
        };
        Some(Key { address, port, local })
    }

    fn touch(&mut self, index: usize) {
        if !mem::replace(&mut self.entries[index].is_dirty, true) {
            self.dirty.push(index);
        }
    }

    /// Sends what the sockets have, as far as the device takes it, by turns.
    pub(super) fn send<N: Nic>(
        &mut self,
        interface: &mut Interface,
        nic: &mut N,
        wire: &mut Wire,
        now: Instant,
    ) {
        self.wake_due(now);
        let mut sent = 0;
        while !self.dirty.is_empty() {
            let mut at = 0;
            while let Some(&index) = self.dirty.get(at) {
                if nic.is_full() || sent == SEGMENTS_MAX {
                    self.dirty.rotate_left(at);
                    return;
                }
                let entry = &mut self.entries[index];
                let socket = entry.set.get_mut::<Socket<'_>>(entry.handle);
                if self.patience.is_over(&mut entry.liveness, socket, now) {
                    socket.abort();
                    entry.is_awake = true;
                }
                let times_out = entry.times_out(&mut self.paths, now);
                let result = entry.poll(interface, nic, wire, times_out, now);
                if times_out {
                    self.probe_window(index, interface, wire, now);
                }
                let entry = &mut self.entries[index];
                let has_sent = match result {
                    PollResult::SocketStateChanged => true,
                    // A device that is full has perhaps not taken it.
                    PollResult::None if nic.is_full() => {
                        self.dirty.rotate_left(at);
                        return;
                    }
                    PollResult::None => false,
                };
                sent += usize::from(has_sent);
                let due = interface.poll_at(now, &entry.set).unwrap_or(NEVER);
                if has_sent && due <= now {
                    at += 1;
                    continue;
                }
                let socket = entry.set.get::<Socket<'_>>(entry.handle);
                let due = due.min(self.patience.watch(&mut entry.liveness, socket, now));
                entry.is_dirty = false;
                entry.due = due.min(entry.connection.recovery.due());
                self.due = self.due.min(entry.due);
                self.dirty.swap_remove(at);
            }
        }
    }

    /// Has a socket whose peer takes nothing begin to probe the window: it does when it is told so while it
    /// waits for nothing.
    fn probe_window(
        &mut self,
        index: usize,
        interface: &mut Interface,
        wire: &mut Wire,
        now: Instant,
    ) {
        if self.entries[index].connection.track.window == 0 {
            self.resend(index, interface, wire, now);
        }
    }

    /// Has those asked whose time has come.
    fn wake_due(&mut self, now: Instant) {
        if now < self.due {
            return;
        }
        self.due = NEVER;
        for index in 0..self.entries.len() {
            let due = self.entries[index].due;
            if due <= now {
                self.entries[index].is_awake = true;
                self.touch(index);
            } else {
                self.due = self.due.min(due);
            }
        }
    }

    /// When a socket has something to do without a packet; perhaps earlier.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        if !self.dirty.is_empty() {
            return Some(Instant::ZERO);
        }
        (self.due < NEVER).then_some(self.due)
    }
}

impl SocketEntry {
    /// Whether nothing was acknowledged for too long; notes it.
    fn times_out(&mut self, paths: &mut Paths, now: Instant) -> bool {
        let recovery = &mut self.connection.recovery;
        if now < recovery.due() {
            return false;
        }
        if !self.set.get::<Socket<'_>>(self.handle).is_active() {
            recovery.stop();
            return false;
        }
        if let Some(bytes) = self.connection.time_out(now)
            && let Some(key) = self.key
        {
            paths.note(key.address, bytes, now);
        }
        true
    }

    /// Has the socket send a packet if it has one. Where its time is over it is told that its own, much
    /// longer one is.
    fn poll<N: Nic>(
        &mut self,
        interface: &mut Interface,
        nic: &mut N,
        wire: &mut Wire,
        times_out: bool,
        now: Instant,
    ) -> PollResult {
        let Some(key) = self.key else { return PollResult::None };
        let is_alive = self.liveness.is_heard(now, HEARD_LATELY);
        let connection = &mut self.connection;
        let (own, link) = (wire.own, &mut wire.link);
        let way = link.way_of(&mut connection.hop, key.address, is_alive, &own, now);
        let at = if times_out { connection.recovery.later(SOCKET_TIMEOUT, now) } else { now };
        let mut outlet = Outlet::new(nic, wire, way, connection, now);
        interface.poll_egress(at, &mut outlet, &mut self.set)
    }
}
