//! The interface: packets in, packets out.

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

/// Packets looked at before anything else is done. A packet costs five microseconds on slow machines.
const INGRESS_MAX: usize = 32;

/// How long a device that takes nothing is left alone: it may never take anything again.
const FULL_WAIT: Duration = Duration::from_millis(1);

/// Between two looks for connections that have ended.
const SWEEP_PAUSE: Duration = Duration::from_millis(1);

/// Neighbours beside those that have connections.
const NEIGHBORS_SPARE: usize = 256;

/// The device, the interface and all sockets.
pub struct Stack<N: Nic> {
    nic: N,
    /// On the heap: 3 KiB that would else be copied from stack frame to stack frame.
    front: Box<Front>,
    fragments: Fragments,
    sweep_at: Instant,
    /// Drops that the owner was told.
    drops_seen: u64,
}

impl<N: Nic> Stack<N> {
    /// Sets the interface up and takes every socket buffer, on a machine with so many bytes of memory.
    ///
    /// # Errors
    ///
    /// A buffer could not be had.
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

    /// Takes packets one by one, and arms a listener for each that was used up before the next
    /// packet is looked at. Returns whether there was any.
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

    /// Sends what the sockets have, as far as the device takes it, and kicks the device once.
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

    /// When the stack has something to do without a packet; `None` is never.
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

    /// Whether a packet waits that can be received now.
    #[must_use]
    pub fn pending(&self) -> bool {
        self.nic.pending() && !self.nic.is_full()
    }

    /// The lines.
    pub fn sockets(&mut self) -> &mut Sockets {
        &mut self.front.sockets
    }

    /// The drops since boot, by reason, where there are more since this was asked.
    pub fn new_drops(&mut self) -> Option<Drops> {
        let front = &mut self.front;
        let drops = [&front.wire.drops, &front.sockets.sets().drops];
        let total = drops.iter().map(|drops| drops.total()).sum();
        let has_changed = mem::replace(&mut self.drops_seen, total) != total;
        has_changed.then(|| drops[0].plus(drops[1]))
    }

    /// The address, where there is one yet.
    #[must_use]
    pub fn address(&self) -> Option<Ipv4Addr> {
        self.front.wire.own.address()
    }
}

/// Takes one packet, out of its frame and with its other fragments.
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
        // A device vouches for whole segments only.
        (header, bytes, is_sound) = (Ipv4Header::read(whole)?, whole, false);
    }
    front.take(&mut Packet { bytes, header, mac, is_sound }, slot, now)
}

impl<N: Nic> fmt::Debug for Stack<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").field("address", &self.address()).finish_non_exhaustive()
    }
}
