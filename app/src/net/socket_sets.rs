//! Owns the TCP sockets, each in a separate smoltcp `SocketSet`.
//!
//! smoltcp visits every socket of a set for every received and every transmitted packet. With one set per socket, the
//! table in [route](super::route) finds the socket of a received packet, and only sockets that may have something to
//! send are polled.

mod entry;

use alloc::vec::Vec;
use core::mem;

use smoltcp::iface::{Interface, PollResult, SocketSet};
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
use super::wire::{Inlet, Nowhere, Wire};

use entry::SocketEntry;

/// Maximum number of packets that all sockets together send in one call of [`send`](SocketSets::send). The ring of the
/// device has space for twice as many. Sockets that could not send come first in the next call.
const SEGMENTS_MAX: usize = 64;

/// All TCP sockets. A socket is identified by its index.
#[derive(Debug)]
pub(super) struct SocketSets {
    entries: Vec<SocketEntry>,
    routes: Routes,
    /// Indices of the sockets that may have something to send.
    dirty: Vec<usize>,
    /// No socket is due before this time.
    due: Instant,
    /// An empty set. Packets that belong to no socket are passed to smoltcp with this set.
    common: SocketSet<'static>,
    patience: Patience,
    /// The reduced segment sizes of paths to peers.
    pub(super) paths: Paths,
    /// Counts of connections whose sockets were reclaimed.
    pub(super) drops: Drops,
}

impl SocketSets {
    /// Allocates memory for `count` sockets.
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

    /// Adds a socket and returns its index.
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

    /// Returns the number of sockets.
    pub(super) fn count(&self) -> usize {
        self.entries.len()
    }

    /// Returns a socket.
    pub(super) fn get(&self, index: usize) -> &Socket<'static> {
        let entry = &self.entries[index];
        entry.set.get(entry.handle)
    }

    /// Returns a socket to be changed. The next call of [`send`](Self::send) polls the socket.
    pub(super) fn get_mut(&mut self, index: usize) -> &mut Socket<'static> {
        self.touch(index);
        let entry = &mut self.entries[index];
        entry.set.get_mut(entry.handle)
    }

    /// Returns the empty set, for packets that belong to no socket.
    pub(super) fn common(&mut self) -> &mut SocketSet<'static> {
        &mut self.common
    }

    /// Records that a packet for the socket has arrived. `is_stopped` tells whether the peer has announced a window of
    /// 0.
    pub(super) fn hear(&mut self, index: usize, is_stopped: bool, now: Instant) {
        self.touch(index);
        let entry = &mut self.entries[index];
        entry.is_awake = true;
        let socket = entry.set.get::<Socket<'_>>(entry.handle);
        self.patience.hear(index, &mut entry.liveness, socket, is_stopped, now);
    }

    /// Returns the state of a socket's connection that smoltcp does not have.
    pub(super) fn connection(&mut self, index: usize) -> &mut TcpConnection {
        &mut self.entries[index].connection
    }

    /// Returns the set that contains one socket, and the state of its connection.
    pub(super) fn parts(&mut self, index: usize) -> (&mut SocketSet<'static>, &mut TcpConnection) {
        let entry = &mut self.entries[index];
        (&mut entry.set, &mut entry.connection)
    }

    /// Makes the next call of [`send`](Self::send) retransmit all unacknowledged bytes of a connection.
    pub(super) fn hurry(&mut self, index: usize, now: Instant) {
        self.entries[index].connection.recovery.hurry(now);
        self.touch(index);
    }

    /// Makes the socket retransmit its first unacknowledged segment: passes three duplicate acknowledgements to the
    /// socket, as if the peer had sent them.
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

    /// Returns the duration without a packet from the peer after which a keep-alive probe is sent.
    pub(super) fn probe_every(&self) -> Option<Duration> {
        self.patience.probe_every()
    }

    /// Records whether the last received packet was the answer to a probe. Must be called after the socket has
    /// processed the packet.
    pub(super) fn note_answer(&mut self) {
        if let Some(index) = self.patience.take_suspect() {
            let entry = &mut self.entries[index];
            entry.liveness.judge_answer(entry.set.get::<Socket<'_>>(entry.handle));
        }
    }

    /// Returns whether the last packet from the peer arrived less than `within` before `now`.
    pub(super) fn is_heard(&self, index: usize, now: Instant, within: Duration) -> bool {
        self.entries[index].liveness.is_heard(now, within)
    }

    /// Returns whether the connection was aborted because its peer did not answer.
    pub(super) fn is_timed_out(&self, index: usize) -> bool {
        self.entries[index].liveness.is_timed_out
    }

    /// Returns whether the socket has had an event (a packet or a timeout) since the last call.
    pub(super) fn take_awake(&mut self, index: usize) -> bool {
        mem::take(&mut self.entries[index].is_awake)
    }

    /// Returns the index of the socket of a connection. Returns `None` if there is no such connection, also if its
    /// socket has already been closed or listens again.
    pub(super) fn find(&self, key: Key) -> Option<usize> {
        let index = self.routes.find(key)?;
        let is_of_another = matches!(self.get(index).state(), State::Closed | State::Listen);
        (!is_of_another && self.entries[index].key == Some(key)).then_some(index)
    }

    /// Registers the new connection of a socket, so that [`find`](Self::find) finds the socket.
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

    /// Polls the sockets that may have something to send, in round-robin order, until the sockets have sent everything,
    /// the device is full or the maximum number of packets is reached.
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
                    // The device may have become full before the socket could send, so the socket stays in the list.
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

    /// Makes a socket whose peer has a window of 0 send window probes. smoltcp begins to probe when it receives an
    /// acknowledgement with this window, which is passed to the socket here as if the peer had sent it.
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

    /// Puts the sockets whose poll time has come into the list of sockets that may have something to send.
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

    /// Returns the time at which [`send`](Self::send) must be called even if no packet arrives, or `None` for never.
    /// The time may be too early; the call then sends nothing.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        if !self.dirty.is_empty() {
            return Some(Instant::ZERO);
        }
        (self.due < NEVER).then_some(self.due)
    }
}
