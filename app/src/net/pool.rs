//! The sockets of one port, and what each of them is there for.
//!
//! Some sockets have wide buffers, and those are taken first: where memory allows, every connection gets
//! one. smoltcp cannot change the buffers of a socket, so a connection keeps those that it began with.
//!
//! A socket goes round: idle, listening, in a handshake, carrying a line, closing, idle. No step
//! allocates. A socket in TIME-WAIT is pinned for ten seconds, and so is one whose peer has been told the
//! end and does not close: where nothing idle is left, those are taken for listeners, oldest first. Of
//! half-open handshakes there are few: beyond those a SYN is answered with a cookie, which needs no
//! socket. A port has sockets of its own, so that a flood on one leaves the others as they were.

use alloc::vec::Vec;
use core::mem;

use smoltcp::socket::tcp::{self, Socket, State};
use smoltcp::time::{Duration, Instant};

use super::drops::Drop;
use super::socket_sets::SocketSets;
use crate::buffers::{self, Buffers, Shortage};

/// How long a connection that was closed here may take to deliver its last bytes.
const LINGER: Duration = Duration::from_secs(10);

/// How long it has for that where others wait for its socket.
const LINGER_SHORT: Duration = Duration::from_secs(1);

/// Half-open handshakes that have sockets, at most; and the part of all sockets that is at most.
const HALF_OPEN_MAX: usize = 64;
const HALF_OPEN_PART: usize = 4;

/// The sockets and buffers that a port needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct PoolShape {
    /// The port.
    pub(super) port: u16,
    /// Its sockets.
    pub(super) count: usize,
    /// How many of them listen while there are enough.
    pub(super) listeners: usize,
    /// How many of them have wide buffers, and the bytes of each of those.
    pub(super) wide: (usize, usize),
    /// The name of their receive buffers, and the bytes of each: the window that a client sees.
    pub(super) receive: (&'static str, usize),
    /// The name of their send buffers, and the bytes of each: what may be on its way to one client.
    pub(super) send: (&'static str, usize),
}

/// How many sockets are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Waiting for a connection.
    pub listening: usize,
    /// In a handshake.
    pub handshaking: usize,
    /// Carrying a line.
    pub open: usize,
    /// Delivering the last bytes, or in TIME-WAIT.
    pub closing: usize,
    /// In no use.
    pub idle: usize,
    /// Those with wide buffers, in any state.
    pub wide: usize,
    /// Those with wide buffers in no use.
    pub wide_idle: usize,
}

/// The sockets of one port.
#[derive(Debug)]
pub(super) struct Pool {
    port: u16,
    listeners: usize,
    /// Their numbers among all sockets; those with wide buffers come first.
    handles: Vec<usize>,
    wide: usize,
    buffer_bytes: usize,
    /// Bytes of the smallest receive buffer.
    receive_bytes: usize,
    idle_wide: Vec<usize>,
    idle: Vec<usize>,
    listening: Vec<usize>,
    /// Oldest first.
    handshaking: Vec<usize>,
    /// Oldest first, with the time at which patience ends.
    closing: Vec<(usize, Instant)>,
    /// A socket has changed its place since this was asked.
    has_changed: bool,
}

impl Pool {
    /// Makes the sockets and lets some listen.
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
            // A port that is not served has no buffers, and a small machine none that are wide.
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

    /// The number among all sockets.
    pub(super) fn number(&self, index: usize) -> usize {
        self.handles[index]
    }

    /// A socket by its number.
    pub(super) fn socket<'a>(
        &self,
        set: &'a mut SocketSets,
        index: usize,
    ) -> &'a mut Socket<'static> {
        set.get_mut(self.handles[index])
    }

    /// The state of a socket.
    pub(super) fn state(&self, set: &SocketSets, index: usize) -> State {
        set.get(self.handles[index]).state()
    }

    /// Lets idle sockets listen until there are enough listeners.
    fn arm(&mut self, set: &mut SocketSets, now: Instant) {
        while self.listening.len() < self.listeners {
            // The last one is the one that the next connection gets; those before it are spare.
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

    /// Lets a socket listen that is closed, or in TIME-WAIT; it gets the next connection.
    fn listen(&mut self, set: &mut SocketSets, index: usize) {
        self.has_changed = true;
        let port = self.port;
        let probe_every = set.probe_every();
        let socket = self.socket(set, index);
        socket.set_nagle_enabled(false);
        socket.set_ack_delay(None);
        socket.set_keep_alive(probe_every);
        // The port is not 0, so this cannot fail.
        if socket.listen(port).is_ok() {
            self.listening.push(index);
        }
    }

    /// Lets a socket in TIME-WAIT listen, by its number among all sockets: its peer begins anew (RFC 9293
    /// section 3.6.1).
    pub(super) fn renew(&mut self, set: &mut SocketSets, number: usize) {
        let place = self.closing.iter().position(|(index, _)| self.handles[*index] == number);
        if let Some(at) = place {
            let (index, _) = self.closing.remove(at);
            self.listen(set, index);
        }
    }

    /// Whether a SYN is to be answered without a socket.
    pub(super) fn is_pressed(&self) -> bool {
        let most = (self.handles.len() / HALF_OPEN_PART).clamp(1, HALF_OPEN_MAX);
        self.handshaking.len() >= most || self.listening.is_empty()
    }

    /// The port.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Bytes of the window that a peer is offered with a cookie.
    pub(super) fn window(&self) -> u16 {
        u16::try_from(self.receive_bytes).unwrap_or(u16::MAX)
    }

    /// Takes a socket that only waits: for time to pass, or for the end of a peer that has got everything.
    /// Where nothing listens any more, a closing connection or a handshake that has waited for long has to
    /// go. None that is young does: a SYN is answered with a cookie meanwhile.
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

    /// Takes the socket of a closing connection.
    fn give_up(&mut self, set: &mut SocketSets, at: usize) -> usize {
        let (index, _) = self.closing.remove(at);
        set.drops.note(Drop::Closing);
        self.socket(set, index).abort();
        index
    }

    /// A socket that listens at a port, as its number among all sockets.
    pub(super) fn listener(&self, port: u16) -> Option<usize> {
        let index = self.listening.last().filter(|_| port == self.port)?;
        Some(self.handles[*index])
    }

    /// Arms another listener where a packet has used that one up.
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

    /// Takes back the sockets whose connections have ended.
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
                // The bytes that a closed connection still sends are read, or its FIN would never fit.
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

    /// When [`sweep`](Self::sweep) has something to do without a packet.
    pub(super) fn wake_at(&self, set: &SocketSets) -> Option<Instant> {
        // TIME-WAIT ends by itself.
        let due =
            self.closing.iter().filter(|(index, _)| self.state(set, *index) != State::TimeWait);
        due.map(|(_, patience)| *patience).min()
    }

    /// Whether a connection may have come.
    #[inline]
    pub(super) fn is_handshaking(&self) -> bool {
        !self.handshaking.is_empty()
    }

    /// A connection that has come, if there is one.
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
                // A reset during the handshake makes it listen again.
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

    /// Ends a connection after what was sent.
    pub(super) fn close(&mut self, set: &mut SocketSets, index: usize, now: Instant) {
        self.has_changed = true;
        self.socket(set, index).close();
        self.closing.push((index, now + LINGER));
    }

    /// Whether the peers of all connections that were closed here have acknowledged the last byte and the FIN.
    pub(super) fn is_acknowledged(&self, set: &SocketSets) -> bool {
        let ends = [State::FinWait2, State::TimeWait, State::Closed];
        self.closing.iter().all(|(index, _)| ends.contains(&self.state(set, *index)))
    }

    /// Bytes of all socket buffers.
    pub(super) fn buffer_bytes(&self) -> usize {
        self.buffer_bytes
    }

    /// Whether a socket has changed its place since this was asked.
    pub(super) fn take_changed(&mut self) -> bool {
        mem::take(&mut self.has_changed)
    }

    /// How many sockets are in which state.
    pub(super) fn counts(&self) -> Counts {
        let [listening, handshaking] = [self.listening.len(), self.handshaking.len()];
        let (wide, wide_idle) = (self.wide, self.idle_wide.len());
        let [closing, idle] = [self.closing.len(), self.idle.len() + wide_idle];
        let open = self.handles.len() - listening - handshaking - closing - idle;
        Counts { listening, handshaking, open, closing, idle, wide, wide_idle }
    }
}
