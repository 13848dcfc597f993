//! One TCP socket with its set and the state that smoltcp does not have.

use smoltcp::iface::{Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::socket::tcp::Socket;
use smoltcp::time::{Duration, Instant};

use crate::net::liveness::Liveness;
use crate::net::nic::Nic;
use crate::net::route::Key;
use crate::net::tcp::connection::TcpConnection;
use crate::net::tcp::path::Paths;
use crate::net::wire::{Outlet, Wire};

/// A duration longer than the maximum retransmission timeout of smoltcp, 60 s (RFC 6298 section 2.5).
const SOCKET_TIMEOUT: Duration = Duration::from_secs(61);

/// If a packet from the peer arrived within this time, the hardware address of the next hop to the peer is regarded as
/// confirmed.
const HEARD_LATELY: Duration = Duration::from_secs(2);

/// A socket, the set that contains it, and its state.
#[derive(Debug)]
pub(super) struct SocketEntry {
    pub(super) set: SocketSet<'static>,
    pub(super) handle: SocketHandle,
    /// Addresses and ports of the socket's last connection.
    pub(super) key: Option<Key>,
    /// Whether the socket is in the list of dirty sockets.
    pub(super) is_dirty: bool,
    /// Whether an event has occurred that the server has not seen.
    pub(super) is_awake: bool,
    /// Time at which the socket must be polled even if no packet arrives.
    pub(super) due: Instant,
    /// Records when the peer was last heard.
    pub(super) liveness: Liveness,
    /// The state of the connection that smoltcp does not have.
    pub(super) connection: TcpConnection,
}

impl SocketEntry {
    /// Returns whether the retransmission timeout has passed. If so, records the timeout and sets the next one.
    pub(super) fn times_out(&mut self, paths: &mut Paths, now: Instant) -> bool {
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

    /// Lets the socket send one packet. If `times_out` is set, smoltcp is given a time in the future at which its own,
    /// longer retransmission timeout has passed too, so that it retransmits now.
    pub(super) fn poll<N: Nic>(
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
