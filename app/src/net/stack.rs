//! The interface: packets in, packets out.

use core::fmt;

use runtime_config::cmdline::Config;
use smoltcp::iface::{self, Interface, PollIngressSingleResult};
use smoltcp::phy::Medium;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::Ipv4Address;

use super::address::Addressing;
use super::announce::Announcer;
use super::nic::Nic;
use super::route::Packet;
use super::sockets::Sockets;
use crate::buffers::{Buffers, Shortage};

/// Packets looked at before anything else is done. A packet costs five microseconds on slow machines.
const INGRESS_MAX: usize = 32;

/// How long a device that takes nothing is left alone: it may never take anything again.
const FULL_WAIT: Duration = Duration::from_millis(1);

/// Between two looks for connections that have ended.
const SWEEP_PAUSE: Duration = Duration::from_millis(1);

/// The device, the interface and all sockets.
pub struct Stack<N: Nic> {
    nic: N,
    interface: Interface,
    sockets: Sockets,
    addressing: Addressing,
    announcer: Announcer,
    medium: Medium,
    sweep_at: Instant,
}

impl<N: Nic> Stack<N> {
    /// Sets the interface up and takes every socket buffer, on a machine with so many bytes of memory.
    ///
    /// # Errors
    ///
    /// A buffer could not be had.
    pub fn try_new<B: Buffers>(
        mut nic: N,
        buffers: &B,
        config: &Config,
        memory_bytes: u64,
        seed: u64,
    ) -> Result<Self, Shortage> {
        let medium = nic.capabilities().medium;
        let mut settings = iface::Config::new(nic.hardware());
        settings.random_seed = seed;
        let now = Instant::ZERO;
        let mut interface = Interface::new(settings, &mut nic, now);
        let mut sockets = Sockets::try_new(buffers, config, memory_bytes, seed.rotate_left(31))?;
        let common = sockets.cells().common();
        let addressing = Addressing::new(&config.ip, medium, &mut interface, common, now);
        let announcer = Announcer::new();
        Ok(Self { nic, interface, sockets, addressing, announcer, medium, sweep_at: now })
    }

    /// Takes packets one by one, and arms a listener for each that was used up before the next
    /// packet is looked at. Returns whether there was any.
    pub fn receive(&mut self, now: Instant) -> bool {
        if now >= self.sweep_at {
            self.sockets.sweep(now);
            self.sweep_at = now + SWEEP_PAUSE;
        }
        let mut taken = 0;
        // A packet that comes between the two looks must not be taken without its route.
        while taken < INGRESS_MAX
            && let Some(bytes) = self.nic.front()
        {
            let packet = Packet::of(bytes, self.medium);
            let set = self.sockets.set_for(packet, now);
            let result = self.interface.poll_ingress_single(now, &mut self.nic, set);
            if matches!(result, PollIngressSingleResult::None) {
                break;
            }
            taken += 1;
            match packet {
                Packet::Tcp { begins: true, .. } => self.sockets.rearm(now),
                Packet::Tcp { .. } => self.sockets.cells().note_answer(),
                // An answer to ARP, perhaps, that somebody waits for.
                Packet::Other => self.sockets.cells().touch_waiting(),
            }
        }
        if taken > 0 {
            self.find_address(now);
        }
        taken > 0
    }

    fn find_address(&mut self, now: Instant) {
        let common = self.sockets.cells().common();
        self.addressing.poll(&mut self.interface, common, now);
    }

    /// Sends what the sockets have, as far as the device takes it, and kicks the device once.
    pub fn transmit(&mut self, now: Instant) {
        self.interface.poll_maintenance(now);
        self.find_address(now);
        self.announcer.poll(&mut self.nic, self.interface.ipv4_addr(), now);
        let cells = self.sockets.cells();
        self.interface.poll_egress(now, &mut self.nic, cells.common());
        cells.send(&mut self.interface, &mut self.nic, now);
        self.nic.kick();
    }

    /// When the stack has something to do without a packet; `None` is never.
    pub fn wake_at(&mut self, now: Instant) -> Option<Instant> {
        if self.nic.is_full() {
            return Some(now + FULL_WAIT);
        }
        let cells = self.sockets.cells();
        let common = self.interface.poll_at(now, cells.common());
        let sockets = [cells.wake_at(), self.sockets.wake_at()];
        let address = [self.addressing.wake_at(), self.announcer.wake_at()];
        [common].into_iter().chain(sockets).chain(address).flatten().min()
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
