//! Tests of the DHCP client with simulated servers, in virtual time.

pub(in crate::net) mod answer;
pub(in crate::net) mod link;
mod lost;
mod odd;
pub(in crate::net) mod paced;
mod packets;
mod refused;
mod renewed;

use smoltcp::time::Instant;
use smoltcp::wire::EthernetAddress;

use super::{AddressLease, DhcpClient, Event};
use crate::net::drops::Drop;
use answer::Answer;
use link::{Link, TestHost};

pub(in crate::net) const MAC: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 7]);

/// A DHCP client that records its events with their times.
pub(super) struct Recorder {
    client: DhcpClient,
    events: Vec<(Instant, Event)>,
}

impl TestHost for Recorder {
    fn poll(&mut self, now: Instant) {
        self.events.extend(self.client.poll(now).map(|event| (now, event)));
    }

    fn hear(&mut self, payload: &[u8], now: Instant) -> Result<(), Drop> {
        let event = self.client.hear(payload, now)?;
        self.events.extend(event.map(|event| (now, event)));
        Ok(())
    }

    fn packet(&mut self, now: Instant) -> Option<super::Outgoing> {
        self.client.packet(now)
    }

    fn wake_at(&self) -> Option<Instant> {
        self.client.wake_at()
    }
}

/// Creates a client and a simulated server. For each message of the client, `plan` gets the type of the message and the
/// number of messages of this type so far, this one included, and returns the server's answer, if any.
fn link<F: FnMut(u8, usize) -> Option<Answer>>(plan: F) -> Link<Recorder, F> {
    let client = DhcpClient::new(MAC, 11, Instant::ZERO);
    Link::new(Recorder { client, events: Vec::new() }, plan)
}

impl<F: FnMut(u8, usize) -> Option<Answer>> Link<Recorder, F> {
    fn leases(&self) -> Vec<AddressLease> {
        let lease = |(_, event): &(Instant, Event)| match event {
            Event::Bound(lease) => Some(*lease),
            Event::Lost(..) => None,
        };
        self.host.events.iter().filter_map(lease).collect()
    }

    /// Returns each lease of the client as text: the address, its prefix and the router.
    fn texts(&self) -> Vec<String> {
        let text = |lease: AddressLease| match lease.router {
            Some(router) => format!("{} {router}", lease.address),
            None => lease.address.to_string(),
        };
        self.leases().into_iter().map(text).collect()
    }
}
