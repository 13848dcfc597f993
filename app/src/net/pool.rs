//! The sockets of one port, and the use of each.
//!
//! Some sockets have wide buffers. They are used first, so every connection gets wide buffers if memory allows. smoltcp
//! cannot change the buffers of a socket, so a connection keeps its buffers.
//!
//! The states of a socket form a cycle: idle, listening, handshaking, open, closing, idle. No step allocates. A socket
//! stays in TIME-WAIT for ten seconds. A socket whose peer does not close after a FIN stays as long. If no socket is
//! idle, such sockets are reclaimed as listeners, oldest first. The number of half-open handshakes with a socket is
//! limited. Further SYNs are answered with a cookie, which needs no socket. Each port has its own sockets, so a flood on
//! one port does not affect the other.

use alloc::vec::Vec;
use core::mem;

use smoltcp::socket::tcp::{self, Socket, State};
use smoltcp::time::{Duration, Instant};

use super::drops::Drop;
use super::socket_sets::SocketSets;
use crate::buffers::{self, Buffers, Shortage};

/// Time for a connection that was closed here to deliver its last bytes.
const LINGER: Duration = Duration::from_secs(10);

/// The same time if no other socket is available.
const LINGER_SHORT: Duration = Duration::from_secs(1);

/// Maximum number of half-open handshakes with sockets.
const HALF_OPEN_MAX: usize = 64;
/// Maximum share of half-open handshakes: one of this many sockets.
const HALF_OPEN_PART: usize = 4;

/// The sockets and buffers that a port needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct PoolShape {
    /// The port.
    pub(super) port: u16,
    /// Number of sockets.
    pub(super) count: usize,
    /// Number of listeners while enough sockets are idle.
    pub(super) listeners: usize,
    /// Number of sockets with wide buffers, and the bytes of each such buffer.
    pub(super) wide: (usize, usize),
    /// Name and bytes of a receive buffer, which is the window that a client sees.
    pub(super) receive: (&'static str, usize),
    /// Name and bytes of a send buffer, which limits the bytes in flight to one client.
    pub(super) send: (&'static str, usize),
}

/// Numbers of sockets by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sockets that listen.
    pub listening: usize,
    /// Sockets in a handshake.
    pub handshaking: usize,
    /// Sockets with an open connection.
    pub open: usize,
    /// Sockets that deliver the last bytes, or are in TIME-WAIT.
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
    /// The numbers among all sockets. Sockets with wide buffers come first.
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
    /// Creates the sockets and starts the listeners.
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
            // A port that is not served has no buffers, and a small machine has no wide buffers.
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

    /// Returns the number of a socket among all sockets.
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
            // The next connection gets the last listener. The others are spare.
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

    /// Makes a closed socket, or one in TIME-WAIT, listen. It gets the next connection.
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

    /// Makes a socket in TIME-WAIT listen, because its peer begins a new connection (RFC 9293 section 3.6.1). `number` is
    /// the number among all sockets.
    pub(super) fn renew(&mut self, set: &mut SocketSets, number: usize) {
        let place = self.closing.iter().position(|(index, _)| self.handles[*index] == number);
        if let Some(at) = place {
            let (index, _) = self.closing.remove(at);
            self.listen(set, index);
        }
    }

    /// Returns whether SYNs are answered with cookies.
    pub(super) fn is_pressed(&self) -> bool {
        let most = (self.handles.len() / HALF_OPEN_PART).clamp(1, HALF_OPEN_MAX);
        self.handshaking.len() >= most || self.listening.is_empty()
    }

    /// Returns the port.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Returns the window that is offered with a cookie.
    pub(super) fn window(&self) -> u16 {
        u16::try_from(self.receive_bytes).unwrap_or(u16::MAX)
    }

    /// Reclaims a socket that waits for the end of TIME-WAIT, or for the FIN of a peer that has received everything. If
    /// no socket listens, an old closing connection or handshake is reclaimed too. Young ones are not, because SYNs can
    /// be answered with cookies.
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

    /// Reclaims the socket of a closing connection.
    fn give_up(&mut self, set: &mut SocketSets, at: usize) -> usize {
        let (index, _) = self.closing.remove(at);
        set.drops.note(Drop::Closing);
        self.socket(set, index).abort();
        index
    }

    /// Returns the listener of a port, as its number among all sockets.
    pub(super) fn listener(&self, port: u16) -> Option<usize> {
        let index = self.listening.last().filter(|_| port == self.port)?;
        Some(self.handles[*index])
    }

    /// Starts another listener if a packet has used one.
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

    /// Reclaims the sockets of ended connections.
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
                // Reads and discards the bytes of a closed connection, so that its FIN fits the window.
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

    /// Returns the time of the next call to [`sweep`](Self::sweep).
    pub(super) fn wake_at(&self, set: &SocketSets) -> Option<Instant> {
        // TIME-WAIT ends by itself.
        let due =
            self.closing.iter().filter(|(index, _)| self.state(set, *index) != State::TimeWait);
        due.map(|(_, patience)| *patience).min()
    }

    /// Returns whether a handshake is in progress.
    #[inline]
    pub(super) fn is_handshaking(&self) -> bool {
        !self.handshaking.is_empty()
    }

    /// Returns a new connection, if there is one.
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
                // A reset during the handshake makes the socket listen again.
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

    /// Closes a connection after its sent bytes.
    pub(super) fn close(&mut self, set: &mut SocketSets, index: usize, now: Instant) {
        self.has_changed = true;
        self.socket(set, index).close();
        self.closing.push((index, now + LINGER));
    }

    /// Returns whether the peers of all closed connections have acknowledged the last byte and the FIN.
    pub(super) fn is_acknowledged(&self, set: &SocketSets) -> bool {
        let ends = [State::FinWait2, State::TimeWait, State::Closed];
        self.closing.iter().all(|(index, _)| ends.contains(&self.state(set, *index)))
    }

    /// Returns the bytes of all socket buffers.
    pub(super) fn buffer_bytes(&self) -> usize {
        self.buffer_bytes
    }

    /// Returns whether a socket has changed its state since the last call.
    pub(super) fn take_changed(&mut self) -> bool {
        mem::take(&mut self.has_changed)
    }

    /// Returns the numbers of sockets by state.
    pub(super) fn counts(&self) -> Counts {
        let [listening, handshaking] = [self.listening.len(), self.handshaking.len()];
        let (wide, wide_idle) = (self.wide, self.idle_wide.len());
        let [closing, idle] = [self.closing.len(), self.idle.len() + wide_idle];
        let open = self.handles.len() - listening - handshaking - closing - idle;
        Counts { listening, handshaking, open, closing, idle, wide, wide_idle }
    }
}
