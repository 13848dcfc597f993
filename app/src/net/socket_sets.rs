//! The TCP sockets, each in a separate set.
//!
//! smoltcp visits every socket of a set for every received and every transmitted packet. Here the
//! [route](super::route) finds the socket of a packet, and only sockets with an event or a timeout are polled.

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

/// Maximum packets that all sockets together send in one turn. The ring of a device holds twice as many. The remaining
/// sockets come first in the next turn.
const SEGMENTS_MAX: usize = 64;

/// All TCP sockets by number.
#[derive(Debug)]
pub(super) struct SocketSets {
    entries: Vec<SocketEntry>,
    routes: Routes,
    /// Sockets that may have something to send.
    dirty: Vec<usize>,
    /// No socket is due before this time.
    due: Instant,
    /// The set without sockets, for packets without a connection.
    common: SocketSet<'static>,
    patience: Patience,
    /// The segment sizes of paths to peers.
    pub(super) paths: Paths,
    /// Connections whose sockets were reclaimed.
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

    /// Adds a socket and returns its number.
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

    /// Returns a socket to be changed. The socket is polled at the end of the turn.
    pub(super) fn get_mut(&mut self, index: usize) -> &mut Socket<'static> {
        self.touch(index);
        let entry = &mut self.entries[index];
        entry.set.get_mut(entry.handle)
    }

    /// Returns the set without sockets.
    pub(super) fn common(&mut self) -> &mut SocketSet<'static> {
        &mut self.common
    }

    /// Records a packet of a socket's connection. `is_stopped` is whether the peer has a window of 0.
    pub(super) fn hear(&mut self, index: usize, is_stopped: bool, now: Instant) {
        self.touch(index);
        let entry = &mut self.entries[index];
        entry.is_awake = true;
        let socket = entry.set.get::<Socket<'_>>(entry.handle);
        self.patience.hear(index, &mut entry.liveness, socket, is_stopped, now);
    }

    /// Returns the state of a connection.
    pub(super) fn connection(&mut self, index: usize) -> &mut TcpConnection {
        &mut self.entries[index].connection
    }

    /// Returns the set of one socket, and the state of its connection.
    pub(super) fn parts(&mut self, index: usize) -> (&mut SocketSet<'static>, &mut TcpConnection) {
        let entry = &mut self.entries[index];
        (&mut entry.set, &mut entry.connection)
    }

    /// Retransmits all unacknowledged bytes of a connection now.
    pub(super) fn hurry(&mut self, index: usize, now: Instant) {
        self.entries[index].connection.recovery.hurry(now);
        self.touch(index);
    }

    /// Retransmits the first unacknowledged segment. The socket does this after three duplicate acknowledgements, which
    /// this function makes.
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

    /// Returns the duration of silence after which peers are probed.
    pub(super) fn probe_every(&self) -> Option<Duration> {
        self.patience.probe_every()
    }

    /// Records whether the last packet was the answer to a probe. Called after each packet.
    pub(super) fn note_answer(&mut self) {
        if let Some(index) = self.patience.take_suspect() {
            let entry = &mut self.entries[index];
            entry.liveness.judge_answer(entry.set.get::<Socket<'_>>(entry.handle));
        }
    }

    /// Returns whether a packet of the peer has arrived within this time.
    pub(super) fn is_heard(&self, index: usize, now: Instant, within: Duration) -> bool {
        self.entries[index].liveness.is_heard(now, within)
    }

    /// Returns whether the connection ended because its peer did not answer.
    pub(super) fn is_timed_out(&self, index: usize) -> bool {
        self.entries[index].liveness.is_timed_out
    }

    /// Returns whether the socket has had an event since the last call.
    pub(super) fn take_awake(&mut self, index: usize) -> bool {
        mem::take(&mut self.entries[index].is_awake)
    }

    /// Returns the socket of a connection. A socket that is closed or listens has no connection.
    pub(super) fn find(&self, key: Key) -> Option<usize> {
        let index = self.routes.find(key)?;
        let is_of_another = matches!(self.get(index).state(), State::Closed | State::Listen);
        (!is_of_another && self.entries[index].key == Some(key)).then_some(index)
    }

    /// Registers the connection of a socket, so that its packets are found.
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

    /// Sends the packets of the dirty sockets in round-robin order, until the device is full.
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
                    // A full device may have rejected the packet.
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

    /// Makes a socket whose peer has a window of 0 probe the window. The socket begins to probe when it gets the window
    /// again without unacknowledged bytes.
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

    /// Marks the sockets that are due as dirty.
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

    /// Returns the time of the next poll without a packet. It may be too early.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        if !self.dirty.is_empty() {
            return Some(Instant::ZERO);
        }
        (self.due < NEVER).then_some(self.due)
    }
}
