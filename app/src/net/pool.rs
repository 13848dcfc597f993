//! Manages the sockets of one port: which of them listen, have a connection, or are idle.
//!
//! Some sockets have wide buffers, as many as memory allows. New connections use these sockets first. smoltcp cannot
//! change the buffers of a socket, so a connection keeps the buffers with which it began.
//!
//! The states of a socket form a cycle: idle, listening, handshaking, open, closing, idle. No change of state allocates
//! memory. A closed socket stays in TIME-WAIT for ten seconds, and waits as long for a peer that does not close its
//! side. If a listener is needed and no socket is idle, such sockets are reclaimed, the oldest first. The number of
//! sockets in a handshake is limited; further SYNs are answered with a cookie, which needs no socket. Each port has its
//! own sockets, so that a flood of connections on one port does not affect the other.

use alloc::vec::Vec;
use core::mem;

use smoltcp::socket::tcp::{self, Socket, State};
use smoltcp::time::{Duration, Instant};

use super::drops::Drop;
use super::socket_sets::SocketSets;
use crate::buffers::{self, Buffers, Shortage};

/// Time that a connection which the server has closed gets to deliver its last bytes and to receive the FIN of its
/// peer. Then the connection is reset.
const LINGER: Duration = Duration::from_secs(10);

/// Age from which a closing connection or a handshake may be ended if its socket is needed and no other socket is
/// available.
const LINGER_SHORT: Duration = Duration::from_secs(1);

/// Maximum number of sockets in a handshake. Above it, SYNs are answered with cookies.
const HALF_OPEN_MAX: usize = 64;
/// A port with few sockets has a lower limit: only one of this many sockets may be in a handshake.
const HALF_OPEN_PART: usize = 4;

/// The numbers and sizes of the sockets and buffers of a port.
#[derive(Clone, Copy, Debug)]
pub(super) struct PoolShape {
    /// The port.
    pub(super) port: u16,
    /// Number of sockets.
    pub(super) count: usize,
    /// Number of sockets that listen while enough sockets are idle.
    pub(super) listeners: usize,
    /// Number of sockets with wide buffers, and the bytes of each such buffer.
    pub(super) wide: (usize, usize),
    /// Name (in reports about memory) and bytes of a receive buffer. Its size is the TCP window that a client sees.
    pub(super) receive: (&'static str, usize),
    /// Name (in reports about memory) and bytes of a send buffer. Its size limits the bytes in flight to one client.
    pub(super) send: (&'static str, usize),
}

/// The number of sockets in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sockets that listen.
    pub listening: usize,
    /// Sockets in a handshake.
    pub handshaking: usize,
    /// Sockets with an open connection.
    pub open: usize,
    /// Sockets whose connection the server has closed, and which deliver their last bytes, wait for the FIN of the
    /// peer, or are in TIME-WAIT.
    pub closing: usize,
    /// Idle sockets.
    pub idle: usize,
    /// Sockets with wide buffers, in any state.
    pub wide: usize,
    /// Idle sockets with wide buffers.
    pub wide_idle: usize,
}

/// The sockets of one port.
#[derive(Debug)]
pub(super) struct Pool {
    port: u16,
    listeners: usize,
    /// The index in [`SocketSets`] of each socket of this port. The other fields refer to positions in this list.
    /// Sockets with wide buffers come first.
    handles: Vec<usize>,
    wide: usize,
    buffer_bytes: usize,
    /// Bytes of the smallest receive buffer.
    receive_bytes: usize,
    idle_wide: Vec<usize>,
    idle: Vec<usize>,
    listening: Vec<usize>,
    /// Sockets in a handshake, oldest first.
    handshaking: Vec<usize>,
    /// Closing sockets, oldest first, with their timeout.
    closing: Vec<(usize, Instant)>,
    /// Whether a socket has changed its state since the last call of `take_changed`.
    has_changed: bool,
}

impl Pool {
    /// Allocates the buffers, creates the sockets, and makes the first of them listen.
    pub(super) fn try_new<B: Buffers>(
        set: &mut SocketSets,
        buffers: &B,
        shape: &PoolShape,
    ) -> Result<Self, Shortage> {
        let count = shape.count;
        let mut handles = Vec::with_capacity(count);
        let (wide, wide_bytes) = shape.wide;
        let narrow = count.saturating_sub(wide);
        let mut buffer_bytes = 0;
        for (count, receive_bytes, send_bytes) in
            [(wide, wide_bytes, wide_bytes), (narrow, shape.receive.1, shape.send.1)]
        {
            // The count is 0 if the port is not served, or if a small machine has no wide buffers.
            if count == 0 {
                continue;
            }
            let receive = buffers::share_out(buffers, shape.receive.0, count, receive_bytes)?;
            let send = buffers::share_out(buffers, shape.send.0, count, send_bytes)?;
            for (receive, send) in receive.zip(send) {
                let [receive, send] = [receive, send].map(tcp::SocketBuffer::new);
                handles.push(set.add(Socket::new(receive, send)));
            }
            buffer_bytes += count * (receive_bytes + send_bytes);
        }
        let mut pool = Self {
            port: shape.port,
            listeners: shape.listeners,
            handles,
            wide,
            buffer_bytes,
            receive_bytes: shape.receive.1,
            idle_wide: (0..wide).rev().collect(),
            idle: (wide..count).rev().collect(),
            listening: Vec::with_capacity(count),
            handshaking: Vec::with_capacity(count),
            closing: Vec::with_capacity(count),
            has_changed: true,
        };
        pool.arm(set, Instant::ZERO);
        Ok(pool)
    }

    /// Returns the index in [`SocketSets`] of a socket of this port.
    pub(super) fn number(&self, index: usize) -> usize {
        self.handles[index]
    }

    /// Returns a socket.
    pub(super) fn socket<'a>(
        &self,
        set: &'a mut SocketSets,
        index: usize,
    ) -> &'a mut Socket<'static> {
        set.get_mut(self.handles[index])
    }

    /// Returns the state of a socket.
    pub(super) fn state(&self, set: &SocketSets, index: usize) -> State {
        set.get(self.handles[index]).state()
    }

    /// Makes idle sockets listen until there are enough listeners.
    fn arm(&mut self, set: &mut SocketSets, now: Instant) {
        while self.listening.len() < self.listeners {
            // The listener that is armed last gets the next connection, so it should have wide buffers. Earlier
            // listeners are spare.
            let is_next = self.listening.len() + 1 == self.listeners;
            let idle = if is_next {
                self.idle_wide.pop().or_else(|| self.idle.pop())
            } else {
                self.idle.pop().or_else(|| self.idle_wide.pop())
            };
            let Some(index) = idle.or_else(|| self.reclaim(set, now)) else { return };
            self.listen(set, index);
        }
    }

    /// Makes a socket that is closed or in TIME-WAIT listen. This socket gets the next connection.
    fn listen(&mut self, set: &mut SocketSets, index: usize) {
        self.has_changed = true;
        let port = self.port;
        let probe_every = set.probe_every();
        let socket = self.socket(set, index);
        socket.set_nagle_enabled(false);
        socket.set_ack_delay(None);
        socket.set_keep_alive(probe_every);
        // Listening cannot fail, because the port is not 0.
        if socket.listen(port).is_ok() {
            self.listening.push(index);
        }
    }

    /// Makes a socket in TIME-WAIT listen, because its peer begins a new connection (RFC 9293 section 3.6.1). `number`
    /// is the index of the socket in [`SocketSets`].
    pub(super) fn renew(&mut self, set: &mut SocketSets, number: usize) {
        let place = self.closing.iter().position(|(index, _)| self.handles[*index] == number);
        if let Some(at) = place {
            let (index, _) = self.closing.remove(at);
            self.listen(set, index);
        }
    }

    /// Returns whether SYNs must be answered with cookies, because many sockets are in a handshake or no socket
    /// listens.
    pub(super) fn is_pressed(&self) -> bool {
        let most = (self.handles.len() / HALF_OPEN_PART).clamp(1, HALF_OPEN_MAX);
        self.handshaking.len() >= most || self.listening.is_empty()
    }

    /// Returns the port.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Returns the window that a SYN-ACK with a cookie offers: the smallest receive buffer, because the socket is
    /// chosen later.
    pub(super) fn window(&self) -> u16 {
        u16::try_from(self.receive_bytes).unwrap_or(u16::MAX)
    }

    /// Returns a socket for a new listener, whose connection is ended for that: a socket in TIME-WAIT, or one that
    /// waits only for the FIN of its peer. If no socket listens, a closing connection or a handshake that is older than
    /// [`LINGER_SHORT`] is ended, too. Younger ones are kept, because SYNs can still be answered with cookies.
    fn reclaim(&mut self, set: &mut SocketSets, now: Instant) -> Option<usize> {
        let waits = |state: State| {
            self.closing.iter().position(|(index, _)| self.state(set, *index) == state)
        };
        if let Some(at) = waits(State::TimeWait) {
            return Some(self.closing.remove(at).0);
        }
        if let Some(at) = waits(State::FinWait2) {
            return Some(self.give_up(set, at));
        }
        if !self.listening.is_empty() {
            return None;
        }
        let is_late = |(_, patience): &(usize, Instant)| *patience <= now + (LINGER - LINGER_SHORT);
        if self.closing.first().is_some_and(is_late) {
            return Some(self.give_up(set, 0));
        }
        let half_open = (0..self.handshaking.len()).find(|at| {
            let number = self.handles[self.handshaking[*at]];
            let is_half_open = set.get(number).state() == State::SynReceived;
            is_half_open && !set.is_heard(number, now, LINGER_SHORT)
        })?;
        let index = self.handshaking.remove(half_open);
        set.drops.note(Drop::HalfOpen);
        self.socket(set, index).abort();
        Some(index)
    }

    /// Resets the closing connection at position `at`, and returns its socket.
    fn give_up(&mut self, set: &mut SocketSets, at: usize) -> usize {
        let (index, _) = self.closing.remove(at);
        set.drops.note(Drop::Closing);
        self.socket(set, index).abort();
        index
    }

    /// Returns the index in [`SocketSets`] of the listener that gets the next connection, if `port` is the port of this
    /// pool.
    pub(super) fn listener(&self, port: u16) -> Option<usize> {
        let index = self.listening.last().filter(|_| port == self.port)?;
        Some(self.handles[*index])
    }

    /// Makes another socket listen if the last packet has begun a connection on a listener.
    pub(super) fn rearm(&mut self, set: &mut SocketSets, now: Instant) {
        if let Some(index) =
            self.listening.pop_if(|index| set.get(self.handles[*index]).state() != State::Listen)
        {
            self.has_changed = true;
            set.register(self.handles[index], now);
            self.handshaking.push(index);
        }
        self.arm(set, now);
    }

    /// Makes the sockets of ended connections idle, and resets closing connections whose time is over.
    pub(super) fn sweep(&mut self, set: &mut SocketSets, now: Instant) {
        let mut at = 0;
        while let Some(&(index, patience)) = self.closing.get(at) {
            let socket = set.get(self.handles[index]);
            if socket.state() == State::Closed && socket.remote_endpoint().is_none() {
                self.has_changed = true;
                self.closing.remove(at);
                let idle = if index < self.wide { &mut self.idle_wide } else { &mut self.idle };
                idle.push(index);
                continue;
            }
            let is_over = patience <= now && socket.state() != State::TimeWait;
            if socket.can_recv() {
                // Received bytes of a closed connection are discarded, so that the window stays open for the FIN of the
                // peer.
                let socket = self.socket(set, index);
                while matches!(socket.recv(|bytes| (bytes.len(), bytes.len())), Ok(1..)) {}
            }
            if is_over {
                self.socket(set, index).abort();
            }
            at += 1;
        }
        self.arm(set, now);
    }

    /// Returns the time at which [`sweep`](Self::sweep) must be called next, or `None` for never.
    pub(super) fn wake_at(&self, set: &SocketSets) -> Option<Instant> {
        // smoltcp ends TIME-WAIT without a call of `sweep`.
        let due =
            self.closing.iter().filter(|(index, _)| self.state(set, *index) != State::TimeWait);
        due.map(|(_, patience)| *patience).min()
    }

    /// Returns whether a handshake is in progress.
    #[inline]
    pub(super) fn is_handshaking(&self) -> bool {
        !self.handshaking.is_empty()
    }

    /// Returns a socket whose handshake is complete, if there is one. The socket then counts as open.
    pub(super) fn accept(&mut self, set: &SocketSets, now: Instant) -> Option<usize> {
        let mut at = 0;
        while let Some(&index) = self.handshaking.get(at) {
            self.has_changed = true;
            match self.state(set, index) {
                State::SynReceived => at += 1,
                State::Established | State::CloseWait => {
                    self.handshaking.remove(at);
                    return Some(index);
                }
                // After a reset during the handshake, smoltcp makes the socket listen again.
                State::Listen => {
                    self.handshaking.remove(at);
                    self.listening.push(index);
                }
                _ => {
                    self.handshaking.remove(at);
                    self.closing.push((index, now + LINGER));
                }
            }
        }
        None
    }

    /// Closes a connection. The bytes in its send buffer are still delivered.
    pub(super) fn close(&mut self, set: &mut SocketSets, index: usize, now: Instant) {
        self.has_changed = true;
        self.socket(set, index).close();
        self.closing.push((index, now + LINGER));
    }

    /// Returns whether the peers of all closed connections have acknowledged the last byte and the FIN, so that the
    /// machine may be shut down.
    pub(super) fn is_acknowledged(&self, set: &SocketSets) -> bool {
        let ends = [State::FinWait2, State::TimeWait, State::Closed];
        self.closing.iter().all(|(index, _)| ends.contains(&self.state(set, *index)))
    }

    /// Returns the total size of all socket buffers in bytes.
    pub(super) fn buffer_bytes(&self) -> usize {
        self.buffer_bytes
    }

    /// Returns whether a socket has changed its state since the last call.
    pub(super) fn take_changed(&mut self) -> bool {
        mem::take(&mut self.has_changed)
    }

    /// Returns the number of sockets in each state.
    pub(super) fn counts(&self) -> Counts {
        let [listening, handshaking] = [self.listening.len(), self.handshaking.len()];
        let (wide, wide_idle) = (self.wide, self.idle_wide.len());
        let [closing, idle] = [self.closing.len(), self.idle.len() + wide_idle];
        let open = self.handles.len() - listening - handshaking - closing - idle;
        Counts { listening, handshaking, open, closing, idle, wide, wide_idle }
    }
}
