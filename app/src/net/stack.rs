//! The network stack: receives packets from the device, passes them on, and sends the packets of all sockets.

use alloc::boxed::Box;
use core::net::Ipv4Addr;
use core::{fmt, mem};

use runtime_config::cmdline::Config;
use smoltcp::iface::{self, Interface};
use smoltcp::phy::{Medium, TxToken};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, HardwareAddress};

use super::addressing::Addressing;
use super::drops::{Drop, Drops};
use super::front::{Front, Packet};
use super::ip::fragments::Fragments;
use super::ip::header::Ipv4Header;
use super::link::{Link, Taken};
use super::liveness::NEVER;
use super::nic::{Arrival, Nic};
use super::sockets::Sockets;
use super::wire::{Inlet, Nowhere, Wire};
use crate::buffers::{Buffers, Shortage};

/// Maximum number of packets per call of [`Stack::receive`]. A packet takes up to five microseconds on slow machines,
/// so a call takes at most about 160 microseconds.
const INGRESS_MAX: usize = 32;

/// Time after which a full device is tried again. A device that stays full forever must not keep the CPU busy.
const FULL_WAIT: Duration = Duration::from_millis(1);

/// Minimum time between two searches for ended connections.
const SWEEP_PAUSE: Duration = Duration::from_millis(1);

/// Number of entries in the table of neighbours in addition to one for each socket.
const NEIGHBORS_SPARE: usize = 256;

/// The device, the state of the network stack, and all sockets.
pub struct Stack<N: Nic> {
    nic: N,
    /// On the heap, so that moving a `Stack` does not copy 3 KiB.
    front: Box<Front>,
    fragments: Fragments,
    sweep_at: Instant,
    /// Total number of drops at the last call of [`new_drops`](Self::new_drops).
    drops_seen: u64,
}

impl<N: Nic> Stack<N> {
    /// Creates the network stack for the device `nic`, and allocates the buffers of all sockets for a machine with
    /// `memory_bytes` bytes of memory. `seed` must be unpredictable, because sequence numbers and cookies are derived
    /// from it.
    ///
    /// # Errors
    ///
    /// A buffer could not be allocated.
    pub fn try_new<B: Buffers>(
        nic: N,
        buffers: &B,
        config: &Config,
        memory_bytes: u64,
        seed: u64,
    ) -> Result<Self, Shortage> {
        let now = Instant::ZERO;
        let mut abilities = nic.abilities();
        if config.mtu_bytes != 0 {
            abilities.mtu = abilities.mtu.min(config.mtu_bytes);
        }
        let mut sockets = Sockets::try_new(buffers, config, memory_bytes, seed.rotate_left(31))?;
        let neighbors = sockets.sets().count() + NEIGHBORS_SPARE;
        let link = Link::new(abilities.medium, nic.mac(), neighbors, seed.rotate_left(13) | 1);
        let mut wire = Wire::new(link, abilities, seed);
        let mut settings = iface::Config::new(HardwareAddress::Ip);
        settings.random_seed = seed;
        let source = Ipv4Addr::UNSPECIFIED;
        let mut device = Inlet::new(&[], Nowhere, &mut wire, source, None, now);
        let interface = Interface::new(settings, &mut device, now);
        let mac = (abilities.medium == Medium::Ethernet).then(|| EthernetAddress(nic.mac()));
        let addressing = Addressing::new(&config.ip, mac, seed.rotate_left(7), now);
        let front = Front::new(interface, sockets, wire, addressing, seed.rotate_left(43));
        let mut front = Box::new(front);
        front.readdress();
        Ok(Self { nic, front, fragments: Fragments::new(), sweep_at: now, drops_seen: 0 })
    }

    /// Handles up to 32 received packets one by one. If a packet begins a connection, another socket starts to listen
    /// before the next packet. Returns whether any packet was received.
    pub fn receive(&mut self, now: Instant) -> bool {
        if now >= self.sweep_at {
            self.front.sockets.sweep(now);
            self.sweep_at = now + SWEEP_PAUSE;
        }
        let Self { nic, front, fragments, .. } = self;
        let mut taken = 0;
        while taken < INGRESS_MAX
            && let Some(arrival) = nic.receive()
        {
            taken += 1;
            if let Err(reason) = take(front, fragments, arrival, now) {
                front.wire.drops.note(reason);
            }
        }
        taken > 0
    }

    /// Sends the packets that are due until the device is full, and then notifies the device once.
    pub fn transmit(&mut self, now: Instant) {
        let Self { nic, front, fragments, .. } = self;
        front.wire.drops.note_many(Drop::FragmentRoom, fragments.expire(now));
        if front.addressing.poll(now) {
            front.readdress();
        }
        front.send_own(nic, now);
        front.sockets.sets().send(&mut front.interface, nic, &mut front.wire, now);
        nic.kick();
    }

    /// Returns the time at which [`receive`](Self::receive) and [`transmit`](Self::transmit) must be called even if no
    /// packet arrives, or `None` for never.
    pub fn wake_at(&mut self, now: Instant) -> Option<Instant> {
        if self.nic.is_full() {
            return Some(now + FULL_WAIT);
        }
        let front = &mut self.front;
        let mut wake = NEVER;
        for due in [
            front.sockets.sets().wake_at(),
            front.sockets.wake_at(),
            front.addressing.wake_at(),
            front.wire.link.wake_at(),
        ] {
            wake = due.map_or(wake, |due| due.min(wake));
        }
        (wake < NEVER).then_some(wake)
    }

    /// Returns whether a packet has arrived and can be received now. While the device is full, no packet is received,
    /// because an answer could not be sent.
    #[must_use]
    pub fn pending(&self) -> bool {
        self.nic.pending() && !self.nic.is_full()
    }

    /// Returns the sockets, which give access to the connections.
    pub fn sockets(&mut self) -> &mut Sockets {
        &mut self.front.sockets
    }

    /// Returns the number of drops since boot by reason. Returns `None` if the number has not changed since the last
    /// call.
    pub fn new_drops(&mut self) -> Option<Drops> {
        let front = &mut self.front;
        let drops = [&front.wire.drops, &front.sockets.sets().drops];
        let total = drops.iter().map(|drops| drops.total()).sum();
        let has_changed = mem::replace(&mut self.drops_seen, total) != total;
        has_changed.then(|| drops[0].plus(drops[1]))
    }

    /// Returns the IPv4 address of the machine, if it has one.
    #[must_use]
    pub fn address(&self) -> Option<Ipv4Addr> {
        self.front.wire.own.address()
    }
}

/// Handles one received packet: parses its frame, reassembles fragments, and dispatches the packet.
fn take<S: TxToken>(
    front: &mut Front,
    fragments: &mut Fragments,
    arrival: Arrival<'_, S>,
    now: Instant,
) -> Result<(), Drop> {
    let Arrival { bytes, mut is_sound, slot } = arrival;
    let wire = &mut front.wire;
    let (mut bytes, mac) = match wire.link.open(bytes, &wire.own, now)? {
        Taken::Packet(bytes, mac) => (bytes, mac),
        Taken::Question(question) => {
            wire.link.answer(&question, slot);
            return Ok(());
        }
        Taken::Done => return Ok(()),
    };
    let mut header = Ipv4Header::read(bytes)?;
    bytes = &mut bytes[..header.total];
    if header.is_fragment {
        header.check_target(&wire.own)?;
        header.check_source(&wire.own)?;
        let Some(whole) = fragments.add(bytes, now)? else { return Ok(()) };
        // The TCP checksum must be verified here, because a device does so only for packets that are not fragmented.
        (header, bytes, is_sound) = (Ipv4Header::read(whole)?, whole, false);
    }
    front.take(&mut Packet { bytes, header, mac, is_sound }, slot, now)
}

impl<N: Nic> fmt::Debug for Stack<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").field("address", &self.address()).finish_non_exhaustive()
    }
}
