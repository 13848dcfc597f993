//! All TCP sockets, made at boot, and what each of them is there for.
//!
//! A socket goes round: idle, listening, in a handshake, carrying a line, closing, idle. No step
//! allocates. A socket in TIME-WAIT is pinned for ten seconds, and a flood of half-open handshakes
//! could pin all: where nothing idle is left, those are taken for listeners, oldest first.

use alloc::vec::Vec;
use core::fmt;
use core::net::{Ipv4Addr, SocketAddrV4};

use runtime_config::cmdline::Config;
use runtime_config::limits;
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::tcp::{self, RecvError, Socket, State};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{IpAddress, IpEndpoint};

use crate::buffers::{self, Buffers, Shortage};

/// Bytes of a receive buffer: the window that a client sees. A request that is larger is drained
/// while it comes.
const RECEIVE_BYTES: usize = 16 << 10;

/// Bytes of a send buffer: what may be on its way to one client.
const SEND_BYTES: usize = 16 << 10;

/// An idle client is asked whether it still lives.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// A client that has answered nothing for so long is gone.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How long a connection that was closed here may take to deliver its last bytes.
const LINGER: Duration = Duration::from_secs(10);

/// A connection, by its socket. Valid until it is closed or aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line(usize);

/// What came out of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// So many bytes; 0 where there are none yet.
    Bytes(usize),
    /// The peer has sent all that it will, and it has been read.
    Finished,
    /// The connection is gone: reset, or timed out.
    Gone,
}

/// Every socket of the service.
pub struct Sockets {
    set: SocketSet<'static>,
    handles: Vec<SocketHandle>,
    idle: Vec<usize>,
    listening: Vec<usize>,
    /// Oldest first.
    handshaking: Vec<usize>,
    /// Oldest first, with the time at which patience ends.
    closing: Vec<(usize, Instant)>,
    port: u16,
    listeners: usize,
}

impl Sockets {
    /// Makes the sockets of all clients and of the spare listeners.
    ///
    /// # Errors
    ///
    /// A buffer could not be had.
    pub fn try_new<B: Buffers>(buffers: &B, config: &Config) -> Result<Self, Shortage> {
        // As many clients may come while the sockets of those who went are still closing.
        let count = 2 * config.clients + limits::SPARE_LISTENERS;
        // One more for DHCP.
        let mut set = SocketSet::new(Vec::with_capacity(count + 1));
        let mut handles = Vec::with_capacity(count);
        let receive = buffers::share_out(buffers, "net/rx", count, RECEIVE_BYTES)?;
        let send = buffers::share_out(buffers, "net/tx", count, SEND_BYTES)?;
        for (receive, send) in receive.zip(send) {
            let socket = Socket::new(tcp::SocketBuffer::new(receive), tcp::SocketBuffer::new(send));
            handles.push(set.add(socket));
        }
        let mut sockets = Self {
            set,
            handles,
            idle: (0..count).rev().collect(),
            listening: Vec::with_capacity(count),
            handshaking: Vec::with_capacity(count),
            closing: Vec::with_capacity(count),
            port: config.resp_port,
            listeners: limits::SPARE_LISTENERS,
        };
        sockets.arm();
        Ok(sockets)
    }

    /// The sockets as the interface wants them.
    pub(super) fn set(&mut self) -> &mut SocketSet<'static> {
        &mut self.set
    }

    /// Lets idle sockets listen until there are enough listeners.
    fn arm(&mut self) {
        while self.listening.len() < self.listeners {
            let Some(index) = self.idle.pop().or_else(|| self.reclaim()) else { return };
            let port = self.port;
            let socket = self.socket(index);
            socket.set_nagle_enabled(false);
            socket.set_ack_delay(None);
            socket.set_timeout(Some(TIMEOUT));
            socket.set_keep_alive(Some(KEEP_ALIVE));
            // The socket is closed and the port is not 0, so this cannot fail.
            if socket.listen(port).is_ok() {
                self.listening.push(index);
            }
        }
    }

    /// Takes a socket that only waits for time to pass. Where nothing listens any more, the oldest
    /// handshake or closing connection has to go.
    fn reclaim(&mut self) -> Option<usize> {
        let waits =
            (0..self.closing.len()).find(|at| self.state(self.closing[*at].0) == State::TimeWait);
        if let Some(at) = waits {
            return Some(self.closing.remove(at).0);
        }
        if !self.listening.is_empty() {
            return None;
        }
        let half_open = (0..self.handshaking.len())
            .find(|at| self.state(self.handshaking[*at]) == State::SynReceived);
        let index = match half_open {
            Some(at) => self.handshaking.remove(at),
            None if self.closing.is_empty() => return None,
            None => self.closing.remove(0).0,
        };
        self.socket(index).abort();
        Some(index)
    }

    /// Finds the listeners that the last packet has used up and arms others.
    pub(super) fn rearm(&mut self) {
        let mut at = 0;
        while let Some(&index) = self.listening.get(at) {
            if self.state(index) == State::Listen {
                at += 1;
            } else {
                self.listening.swap_remove(at);
                self.handshaking.push(index);
            }
        }
        self.arm();
    }

    /// Takes back the sockets whose connections have ended.
    pub(super) fn sweep(&mut self, now: Instant) {
        let mut at = 0;
        while let Some(&(index, patience)) = self.closing.get(at) {
            let socket = self.socket(index);
            // What a closed connection still sends is read, or its FIN would never fit.
            while matches!(socket.recv(|bytes| (bytes.len(), bytes.len())), Ok(1..)) {}
            if socket.state() == State::Closed && socket.remote_endpoint().is_none() {
                self.closing.remove(at);
                self.idle.push(index);
                continue;
            }
            if patience <= now && socket.state() != State::TimeWait {
                socket.abort();
            }
            at += 1;
        }
        self.arm();
    }

    /// When [`sweep`](Self::sweep) has something to do without a packet.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        // TIME-WAIT ends by itself.
        let due = self.closing.iter().filter(|(index, _)| self.state(*index) != State::TimeWait);
        due.map(|(_, patience)| *patience).min()
    }

    /// A connection that has come, if there is one.
    pub fn accept(&mut self, now: Instant) -> Option<Line> {
        let mut at = 0;
        while let Some(&index) = self.handshaking.get(at) {
            match self.state(index) {
                State::SynReceived => at += 1,
                State::Established | State::CloseWait => {
                    self.handshaking.remove(at);
                    return Some(Line(index));
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

    /// The other end of a connection.
    pub fn peer(&self, line: Line) -> SocketAddrV4 {
        let remote = self.set.get::<Socket<'_>>(self.handles[line.0]).remote_endpoint();
        let remote = remote.map(|IpEndpoint { addr: IpAddress::Ipv4(address), port }| {
            SocketAddrV4::new(address, port)
        });
        remote.unwrap_or(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0))
    }

    /// Moves what has come into `buffer`, both parts of a ring that wraps.
    pub fn receive(&mut self, line: Line, buffer: &mut [u8]) -> Received {
        let socket = self.socket(line.0);
        match socket.recv_slice(buffer) {
            Ok(bytes) => Received::Bytes(bytes),
            Err(RecvError::Finished) => Received::Finished,
            Err(RecvError::InvalidState) => Received::Gone,
        }
    }

    /// Whether the connection is gone: reset, or timed out.
    pub fn is_gone(&mut self, line: Line) -> bool {
        matches!(self.state(line.0), State::Closed | State::TimeWait | State::Listen)
    }

    /// Sends as many of `bytes` as fit; `None` where the connection is gone.
    pub fn send(&mut self, line: Line, bytes: &[u8]) -> Option<usize> {
        self.socket(line.0).send_slice(bytes).ok()
    }

    /// Ends a connection after what was sent; the line is no longer valid.
    pub fn close(&mut self, line: Line, now: Instant) {
        self.socket(line.0).close();
        self.closing.push((line.0, now + LINGER));
    }

    /// How many sockets are listening, in a handshake and closing.
    #[must_use]
    pub fn counts(&self) -> [usize; 3] {
        [self.listening.len(), self.handshaking.len(), self.closing.len()]
    }

    fn socket(&mut self, index: usize) -> &mut Socket<'static> {
        self.set.get_mut(self.handles[index])
    }

    fn state(&self, index: usize) -> State {
        self.set.get::<Socket<'_>>(self.handles[index]).state()
    }
}

impl fmt::Debug for Sockets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [listening, handshaking, closing] = self.counts();
        f.debug_struct("Sockets")
            .field("count", &self.handles.len())
            .field("listening", &listening)
            .field("handshaking", &handshaking)
            .field("closing", &closing)
            .finish_non_exhaustive()
    }
}
