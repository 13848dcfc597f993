//! TCP sockets, each in a set of its own.
//!
//! The network stack looks at every socket of a set for every packet, and again for every packet
//! out. Here the [route](super::route) says whose packet it is, and only sockets that something has
//! happened to are asked what they have to send, or whose time has come.

use alloc::vec::Vec;
use core::mem;

use smoltcp::iface::{Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::socket::tcp::Socket;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{IpAddress, IpEndpoint};

use super::liveness::{Liveness, NEVER, Patience};
use super::nic::Nic;
use super::route::{Key, Routes};

/// Packets that are sent in one turn, over all sockets: a device's ring holds twice as many. Those that
/// are left come first in the next turn.
const SEGMENTS_MAX: usize = 64;

/// Who waits for a neighbour's address is asked again after at most so long.
const NEIGHBOR_WAIT: Duration = Duration::from_secs(1);

/// A socket and what is known of it.
#[derive(Debug)]
struct Cell {
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
}

/// Every TCP socket, by number, and the set of all that is no TCP.
#[derive(Debug)]
pub(super) struct Cells {
    cells: Vec<Cell>,
    routes: Routes,
    /// Sockets that may have something to send.
    dirty: Vec<usize>,
    /// No socket is due before.
    due: Instant,
    /// A socket may have something to send that waits for its neighbour's address.
    waiting: bool,
    common: SocketSet<'static>,
    patience: Patience,
}

impl Cells {
    /// Makes room for so many sockets.
    pub(super) fn with_capacity(count: usize, seed: u64, patience: Patience) -> Self {
        Self {
            cells: Vec::with_capacity(count),
            routes: Routes::with_capacity(count, seed),
            dirty: Vec::with_capacity(count),
            due: NEVER,
            waiting: false,
            // DHCP.
            common: SocketSet::new(Vec::with_capacity(1)),
            patience,
        }
    }

    /// Takes a socket in; its number.
    pub(super) fn add(&mut self, socket: Socket<'static>) -> usize {
        let mut set = SocketSet::new(Vec::with_capacity(1));
        let handle = set.add(socket);
        let (key, is_dirty, is_awake, due) = (None, false, false, NEVER);
        let liveness = Liveness::new();
        self.cells.push(Cell { set, handle, key, is_dirty, is_awake, due, liveness });
        self.cells.len() - 1
    }

    /// A socket, to be looked at.
    pub(super) fn get(&self, index: usize) -> &Socket<'static> {
        let cell = &self.cells[index];
        cell.set.get(cell.handle)
    }

    /// A socket, to be changed: it is asked at the end of the turn what it has to send.
    pub(super) fn get_mut(&mut self, index: usize) -> &mut Socket<'static> {
        self.touch(index);
        let cell = &mut self.cells[index];
        cell.set.get_mut(cell.handle)
    }

    /// The set of all that is no TCP.
    pub(super) fn common(&mut self) -> &mut SocketSet<'static> {
        &mut self.common
    }

    /// The set of one socket, for a packet that is its own; `is_stopped` where the peer says that it
    /// takes no more.
    pub(super) fn set_of(
        &mut self,
        index: usize,
        is_stopped: bool,
        now: Instant,
    ) -> &mut SocketSet<'static> {
        self.touch(index);
        let cell = &mut self.cells[index];
        cell.is_awake = true;
        let socket = cell.set.get::<Socket<'_>>(cell.handle);
        self.patience.hear(index, &mut cell.liveness, socket, is_stopped, now);
        &mut cell.set
    }

    /// Silence after which the peers of connections are probed.
    pub(super) fn probe_every(&self) -> Option<Duration> {
        self.patience.probe_every()
    }

    /// Notes after each packet whether it was the answer to a probe.
    pub(super) fn note_answer(&mut self) {
        if let Some(index) = self.patience.take_suspect() {
            let cell = &mut self.cells[index];
            cell.liveness.judge_answer(cell.set.get::<Socket<'_>>(cell.handle));
        }
    }

    /// Whether the connection ended because its peer did not answer.
    pub(super) fn is_timed_out(&self, index: usize) -> bool {
        self.cells[index].liveness.is_timed_out
    }

    /// Whether something has happened to the socket since this was asked.
    pub(super) fn take_awake(&mut self, index: usize) -> bool {
        mem::take(&mut self.cells[index].is_awake)
    }

    /// The socket whose packets these are.
    pub(super) fn find(&self, key: Key) -> Option<usize> {
        let index = self.routes.find(key)?;
        (self.key_of(index) == Some(key)).then_some(index)
    }

    /// Lets a socket that a connection has come to be found.
    pub(super) fn register(&mut self, index: usize, now: Instant) {
        self.cells[index].liveness = Liveness::heard_at(now);
        let Some(key) = self.key_of(index) else { return };
        if let Some(old) = self.cells[index].key.replace(key) {
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
        if !mem::replace(&mut self.cells[index].is_dirty, true) {
            self.dirty.push(index);
        }
    }

    /// Has those asked that wait for more than a packet of their own: for an address, perhaps.
    pub(super) fn touch_waiting(&mut self) {
        if self.waiting {
            self.waiting = false;
            (0..self.cells.len()).for_each(|index| self.touch(index));
        }
    }

    /// Sends what the sockets have, as far as the device takes it, by turns.
    pub(super) fn send<N: Nic>(&mut self, interface: &mut Interface, nic: &mut N, now: Instant) {
        self.wake_due(now);
        let mut sent = 0;
        while !self.dirty.is_empty() {
            let mut at = 0;
            while let Some(&index) = self.dirty.get(at) {
                if nic.is_full() || sent == SEGMENTS_MAX {
                    self.dirty.rotate_left(at);
                    return;
                }
                let cell = &mut self.cells[index];
                let socket = cell.set.get_mut::<Socket<'_>>(cell.handle);
                if self.patience.is_over(&mut cell.liveness, socket, now) {
                    socket.abort();
                    cell.is_awake = true;
                }
                let has_sent = match interface.poll_egress(now, nic, &mut cell.set) {
                    PollResult::SocketStateChanged => true,
                    // A device that is full has perhaps not taken it.
                    PollResult::None if nic.is_full() => {
                        self.dirty.rotate_left(at);
                        return;
                    }
                    PollResult::None => false,
                };
                sent += usize::from(has_sent);
                let due = interface.poll_at(now, &cell.set).unwrap_or(NEVER);
                if has_sent && due <= now {
                    at += 1;
                    continue;
                }
                let socket = cell.set.get::<Socket<'_>>(cell.handle);
                let due = due.min(self.patience.watch(&mut cell.liveness, socket, now));
                cell.is_dirty = false;
                cell.due = due;
                self.waiting |= due <= now + NEIGHBOR_WAIT;
                self.due = self.due.min(due);
                self.dirty.swap_remove(at);
            }
        }
    }

    /// Has those asked whose time has come.
    fn wake_due(&mut self, now: Instant) {
        if now < self.due {
            return;
        }
        self.due = NEVER;
        for index in 0..self.cells.len() {
            let due = self.cells[index].due;
            if due <= now {
                self.cells[index].is_awake = true;
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
