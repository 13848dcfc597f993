//! The interface: packets in, packets out.

use core::fmt;

use runtime_config::cmdline::Config;
use smoltcp::iface::{self, Interface, PollIngressSingleResult, PollResult};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::Ipv4Address;

use super::address::Addressing;
use super::nic::Nic;
use super::sockets::Sockets;
use crate::buffers::{Buffers, Shortage};

/// Packets looked at before anything else is done: what a device's ring holds.
const INGRESS_MAX: usize = 256;

/// How long a device that takes nothing is left alone: it may never take anything again.
const FULL_WAIT: Duration = Duration::from_millis(1);

/// Rounds of egress in one turn; each sends at most one segment per socket. Enough to empty a
/// socket's buffer, and a bound for a device that never fills up.
const EGRESS_ROUNDS_MAX: usize = 64;

/// The device, the interface and all sockets.
pub struct Stack<N: Nic> {
    nic: N,
    interface: Interface,
    sockets: Sockets,
    addressing: Addressing,
}

impl<N: Nic> Stack<N> {
    /// Sets the interface up and takes every socket buffer.
    ///
    /// # Errors
    ///
    /// A buffer could not be had.
    pub fn try_new<B: Buffers>(
        mut nic: N,
        buffers: &B,
        config: &Config,
        seed: u64,
    ) -> Result<Self, Shortage> {
        let medium = nic.capabilities().medium;
        let mut settings = iface::Config::new(nic.hardware());
        settings.random_seed = seed;
        let now = Instant::ZERO;
        let mut interface = Interface::new(settings, &mut nic, now);
        let mut sockets = Sockets::try_new(buffers, config)?;
        let addressing = Addressing::new(&config.ip, medium, &mut interface, sockets.set(), now);
        Ok(Self { nic, interface, sockets, addressing })
    }

    /// Takes packets one by one, and arms a listener for each that was used up before the next
    /// packet is looked at. Returns whether there was any.
    pub fn receive(&mut self, now: Instant) -> bool {
        self.sockets.sweep(now);
        for taken in 0..INGRESS_MAX {
            let set = self.sockets.set();
            match self.interface.poll_ingress_single(now, &mut self.nic, set) {
                PollIngressSingleResult::None => {
                    if taken > 0 {
                        self.addressing.poll(&mut self.interface, self.sockets.set(), now);
                    }
                    return taken > 0;
                }
                PollIngressSingleResult::PacketProcessed => {}
                PollIngressSingleResult::SocketStateChanged => self.sockets.rearm(),
            }
        }
        true
    }

    /// Sends what the sockets have, as far as the device takes it, and kicks the device once.
    pub fn transmit(&mut self, now: Instant) {
        self.interface.poll_maintenance(now);
        self.addressing.poll(&mut self.interface, self.sockets.set(), now);
        for _ in 0..EGRESS_ROUNDS_MAX {
            let set = self.sockets.set();
            match self.interface.poll_egress(now, &mut self.nic, set) {
                PollResult::None => break,
                PollResult::SocketStateChanged => {}
            }
        }
        self.nic.kick();
    }

    /// When the stack has something to do without a packet; `None` is never.
    pub fn wake_at(&mut self, now: Instant) -> Option<Instant> {
        if self.nic.is_full() {
            return Some(now + FULL_WAIT);
        }
        let sockets = self.interface.poll_at(now, self.sockets.set());
        [sockets, self.addressing.wake_at(), self.sockets.wake_at()].into_iter().flatten().min()
    }

    /// Whether a packet waits that can be received now.
    #[must_use]
    pub fn pending(&self) -> bool {
        self.nic.pending() && !self.nic.is_full()
    }

    /// The lines.
    pub fn sockets(&mut self) -> &mut Sockets {
        &mut self.sockets
    }

    /// The address, where there is one yet.
    #[must_use]
    pub fn address(&self) -> Option<Ipv4Address> {
        self.interface.ipv4_addr()
    }
}

impl<N: Nic> fmt::Debug for Stack<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").field("address", &self.address()).finish_non_exhaustive()
    }
}
