//! All TCP sockets: those of the RESP service (commands and data) and those of the HTTP service (reports). All sockets
//! are created at boot. The server accesses its connections through this module.

use core::fmt;
use core::net::{Ipv4Addr, SocketAddrV4};

use runtime_config::cmdline::Config;
use runtime_config::limits;
use smoltcp::socket::tcp::{RecvError, Socket, State};
use smoltcp::time::Instant;
use smoltcp::wire::{IpAddress, IpEndpoint};

use super::liveness::Patience;
use super::pool::{Counts, Pool, PoolShape};
use super::socket_sets::SocketSets;
use crate::buffers::{Buffers, Shortage};

/// Bytes of a receive buffer of a RESP socket. A request with a value of 16 KiB fits completely; a larger request is
/// read in parts while it arrives.
const RECEIVE_BYTES: usize = 20 << 10;

/// Bytes of a send buffer of a RESP socket. A reply with a value of 16 KiB fits completely.
const SEND_BYTES: usize = 20 << 10;

/// Bytes of a wide receive or send buffer. A request or reply with a value of 64 KiB fits completely. A peer that
/// acknowledges late (a relay such as passt of 2023 waits 50 ms) delays a transfer once for each full buffer, so larger
/// buffers mean fewer delays.
const WIDE_BYTES: usize = 68 << 10;

/// Number of sockets for each client. More than one is needed, because new clients may connect while the sockets of
/// earlier clients are still closing.
const SOCKETS_PER_CLIENT: usize = 2;

/// Total size, in bytes, of the socket buffers that each client of the configured limit needs, without wide buffers.
pub const BYTES_PER_CLIENT: usize = SOCKETS_PER_CLIENT * (RECEIVE_BYTES + SEND_BYTES);

/// Bytes of a receive buffer of an HTTP socket. It can be small, because requests have small heads and no body.
const HEAD_BYTES: usize = 4 << 10;

/// Bytes of a send buffer of an HTTP socket. A report may be longer, because it is written in parts.
const REPORT_BYTES: usize = 16 << 10;

/// One of the two TCP ports that this machine serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// The port of commands and data.
    Resp,
    /// The port of reports.
    Http,
}

const PORTS: [Port; 2] = [Port::Resp, Port::Http];

/// Identifies a connection. The identifier is valid until the server closes the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionId {
    port: Port,
    index: usize,
}

/// The result of reading from a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// Number of bytes received, which may be 0.
    Bytes(usize),
    /// The peer has closed its side, and all received bytes have been read.
    Finished,
    /// The connection was reset or has timed out.
    Gone,
}

/// The sockets of both ports.
pub struct Sockets {
    sets: SocketSets,
    /// The pools in the order of [`PORTS`].
    pools: [Pool; PORTS.len()],
}

impl Sockets {
    /// Creates the sockets of all clients and of the spare listeners, with their buffers. As many sockets as memory
    /// allows get wide buffers. `seed` is the secret of the table of connections.
    ///
    /// # Errors
    ///
    /// A buffer could not be allocated.
    pub fn try_new<B: Buffers>(
        buffers: &B,
        config: &Config,
        memory_bytes: u64,
        seed: u64,
    ) -> Result<Self, Shortage> {
        let shapes = PORTS.map(|port| shape(port, config, memory_bytes));
        let count: usize = shapes.iter().map(|shape| shape.count).sum();
        let patience = Patience::new(config.keepalive_seconds);
        let mut sets = SocketSets::with_capacity(count, seed, patience);
        let [resp, http] = shapes.map(|shape| Pool::try_new(&mut sets, buffers, &shape));
        Ok(Self { sets, pools: [resp?, http?] })
    }

    /// Returns the smoltcp sockets of both ports.
    pub(super) fn sets(&mut self) -> &mut SocketSets {
        &mut self.sets
    }

    /// Returns the index in [`SocketSets`] of the listener of a port. Returns `None` if the port is not served or no
    /// socket listens.
    pub(super) fn listener(&self, port: u16) -> Option<usize> {
        self.pools.iter().find_map(|pool| pool.listener(port))
    }

    /// Returns the sockets of a port. Returns `None` if the port is not served.
    pub(super) fn pool(&self, port: u16) -> Option<&Pool> {
        self.pools.iter().find(|pool| pool.port() == port && port != 0)
    }

    /// Makes a socket in TIME-WAIT listen, because its peer begins a new connection. `number` is the index of the
    /// socket in [`SocketSets`].
    pub(super) fn renew(&mut self, port: u16, number: usize) {
        let mut pools = self.pools.iter_mut();
        if let Some(pool) = pools.find(|pool| pool.port() == port) {
            pool.renew(&mut self.sets, number);
        }
    }

    /// Makes another socket listen if the last packet has begun a connection on a listener.
    pub(super) fn rearm(&mut self, now: Instant) {
        self.pools.iter_mut().for_each(|pool| pool.rearm(&mut self.sets, now));
    }

    /// Returns whether a packet for the connection has arrived, or a timeout has passed, since the last call.
    pub fn take_awake(&mut self, connection: ConnectionId) -> bool {
        let index = self.pools[connection.port as usize].number(connection.index);
        self.sets.take_awake(index)
    }

    /// Makes the sockets of ended connections idle, and resets connections that have been closing for too long.
    pub(super) fn sweep(&mut self, now: Instant) {
        self.pools.iter_mut().for_each(|pool| pool.sweep(&mut self.sets, now));
    }

    /// Returns the time at which [`sweep`](Self::sweep) must be called next, or `None` for never.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.pools.iter().filter_map(|pool| pool.wake_at(&self.sets)).min()
    }

    /// Returns a connection of `port` whose handshake is complete and that was not returned before, if there is one.
    pub fn accept(&mut self, port: Port, now: Instant) -> Option<ConnectionId> {
        let pool = &mut self.pools[port as usize];
        if !pool.is_handshaking() {
            return None;
        }
        let index = pool.accept(&self.sets, now)?;
        Some(ConnectionId { port, index })
    }

    /// Returns the address and port of the peer.
    pub fn peer(&mut self, connection: ConnectionId) -> SocketAddrV4 {
        endpoint(self.socket(connection).remote_endpoint())
    }

    /// Returns the local address and port.
    pub fn local(&mut self, connection: ConnectionId) -> SocketAddrV4 {
        endpoint(self.socket(connection).local_endpoint())
    }

    /// Moves received bytes into `buffer`, as many as fit. A single call also moves bytes that are not contiguous in
    /// the receive buffer, which is a ring.
    pub fn receive(&mut self, connection: ConnectionId, buffer: &mut [u8]) -> Received {
        match self.socket(connection).recv_slice(buffer) {
            Ok(bytes) => Received::Bytes(bytes),
            Err(RecvError::Finished) => Received::Finished,
            Err(RecvError::InvalidState) => Received::Gone,
        }
    }

    /// Returns whether the peer may send more bytes.
    #[must_use]
    pub fn expects_more(&self, connection: ConnectionId) -> bool {
        let index = self.pools[connection.port as usize].number(connection.index);
        self.sets.get(index).may_recv()
    }

    /// Returns whether the connection was reset or has timed out.
    #[must_use]
    pub fn is_gone(&self, connection: ConnectionId) -> bool {
        let state = self.pools[connection.port as usize].state(&self.sets, connection.index);
        matches!(state, State::Closed | State::TimeWait | State::Listen)
    }

    /// Returns whether the connection was ended because its peer did not answer.
    #[must_use]
    pub fn has_timed_out(&self, connection: ConnectionId) -> bool {
        self.sets.is_timed_out(self.pools[connection.port as usize].number(connection.index))
    }

    /// Moves as many of `bytes` as fit into the send buffer, and returns their number. Returns `None` if the connection
    /// has ended.
    pub fn send(&mut self, connection: ConnectionId, bytes: &[u8]) -> Option<usize> {
        self.socket(connection).send_slice(bytes).ok()
    }

    /// Closes a connection. The bytes in its send buffer are still delivered. The identifier is no longer valid.
    pub fn close(&mut self, connection: ConnectionId, now: Instant) {
        self.pools[connection.port as usize].close(&mut self.sets, connection.index, now);
    }

    /// Returns whether no connection is open, and the peers of all closed connections have acknowledged the FIN, so
    /// that the machine may be shut down.
    #[must_use]
    pub fn are_closed(&self) -> bool {
        self.pools.iter().all(|pool| pool.counts().open == 0 && pool.is_acknowledged(&self.sets))
    }

    /// Returns the total size, in bytes, of the socket buffers of a port.
    #[must_use]
    pub fn buffer_bytes(&self, port: Port) -> usize {
        self.pools[port as usize].buffer_bytes()
    }

    /// Returns whether any socket has changed its state (see [`Counts`]) since the last call.
    pub fn take_changed(&mut self) -> bool {
        self.pools.iter_mut().fold(false, |changed, pool| pool.take_changed() | changed)
    }

    /// Returns the number of sockets of a port in each state.
    #[must_use]
    pub fn counts(&self, port: Port) -> Counts {
        self.pools[port as usize].counts()
    }

    fn socket(&mut self, connection: ConnectionId) -> &mut Socket<'static> {
        self.pools[connection.port as usize].socket(&mut self.sets, connection.index)
    }
}

/// Returns the number of sockets with wide buffers: one for each client and one listener, or fewer on a machine with
/// little memory.
fn wide_sockets(config: &Config, memory_bytes: u64) -> usize {
    let part = memory_bytes / (limits::WIDE_SOCKETS_PART * 2 * WIDE_BYTES) as u64;
    let wanted = config.clients + 1;
    wanted.min(usize::try_from(part).unwrap_or(usize::MAX))
}

/// Returns the numbers and sizes of the sockets and buffers of a port.
fn shape(port: Port, config: &Config, memory_bytes: u64) -> PoolShape {
    match port {
        Port::Resp => PoolShape {
            port: config.resp_port,
            count: SOCKETS_PER_CLIENT * config.clients + limits::SPARE_LISTENERS,
            listeners: limits::SPARE_LISTENERS,
            wide: (wide_sockets(config, memory_bytes), WIDE_BYTES),
            receive: ("net/rx", RECEIVE_BYTES),
            send: ("net/tx", SEND_BYTES),
        },
        Port::Http if !config.serves_http() => PoolShape {
            port: 0,
            count: 0,
            listeners: 0,
            wide: (0, 0),
            receive: ("http/rx", HEAD_BYTES),
            send: ("http/tx", SEND_BYTES),
        },
        Port::Http => PoolShape {
            port: config.http_port,
            count: limits::HTTP_CLIENTS + limits::HTTP_WAITING + limits::HTTP_LISTENERS,
            listeners: limits::HTTP_LISTENERS,
            wide: (0, 0),
            receive: ("http/rx", HEAD_BYTES),
            send: ("http/tx", REPORT_BYTES),
        },
    }
}

/// Converts the address and port of one end of a connection. Both are 0 if the connection has ended.
fn endpoint(endpoint: Option<IpEndpoint>) -> SocketAddrV4 {
    let address = endpoint.and_then(|endpoint| match endpoint.addr {
        IpAddress::Ipv4(address) => Some(SocketAddrV4::new(address, endpoint.port)),
        IpAddress::Ipv6(_) => None,
    });
    address.unwrap_or(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0))
}

impl fmt::Debug for Sockets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [resp, http] = PORTS.map(|port| self.counts(port));
        f.debug_struct("Sockets").field("resp", &resp).field("http", &http).finish_non_exhaustive()
    }
}
