//! Shutdown of the image: connections are closed, then the machine is powered off.

use runtime_config::limits;
use smoltcp::time::Instant;
use vmalloc::Access;

use super::state::{Server, Turn};
use crate::buffers::Buffers;
use crate::net::{Nic, Port};
use crate::service::Budget;

impl<N: Nic, M: Access, B: Buffers> Server<N, M, B> {
    /// Runs one turn of a shutdown. Requests are no longer served, except those of a running
    /// transaction. Each client gets its pending replies, then its connection is closed. Returns
    /// [`Turn::Off`] when all peers have acknowledged the close, or when [`limits::SHUTDOWN_US`]
    /// has passed.
    #[cold]
    pub(super) fn shut_down(&mut self, now: Instant) -> Turn {
        let now_us = self.service.now_us();
        self.service.vm().acknowledge();
        let off_at_us = *self.off_at_us.get_or_insert(now_us + limits::SHUTDOWN_US);
        let received = self.stack.receive(now);
        self.clients[..self.end].iter_mut().for_each(|client| client.close());
        let served = self.serve(now, &mut Budget::of_a_turn());
        self.close_others(now);
        self.stack.transmit(now);
        if self.stack.sockets().are_closed() || now_us >= off_at_us {
            return Turn::Off;
        }
        if received || served || self.stack.pending() {
            return Turn::Busy;
        }
        let wake = self.stack.wake_at(now);
        let wake = wake.map(|wake| u64::try_from(wake.total_micros()).unwrap_or(0));
        Turn::Idle { wake_us: Some(wake.map_or(off_at_us, |wake_us| wake_us.min(off_at_us))) }
    }

    /// Closes HTTP connections, connections that wait for a place in the client list, and new
    /// connections.
    fn close_others(&mut self, now: Instant) {
        let sockets = self.stack.sockets();
        self.http_connections.close_all(&mut self.service, sockets, now);
        self.waiting.drain(..).for_each(|(socket, _)| sockets.close(socket, now));
        for port in [Port::Resp, Port::Http] {
            while let Some(socket) = sockets.accept(port, now) {
                sockets.close(socket, now);
            }
        }
    }
}
