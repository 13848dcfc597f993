//! A DHCP client (RFC 2131 section 4.4). It uses neither sockets nor a clock: the caller passes received messages and
//! the current time, and sends the returned packets.
//!
//! [`DhcpClient`] holds the state, [`message`] parses the messages of servers, [`lease`] extracts the usable part of a
//! message, [`deadlines`] computes when a lease must be renewed and ends, [`pace`] computes the pauses between
//! messages, and [`outgoing`] writes packets. The client sends at most two packets per second. It logs each kind of
//! problem with a server once, until a server acknowledges a lease without problems.
//!
//! The client accepts the first usable offer. It does not request the address that the machine had before a reboot, and
//! does not check whether another machine uses the offered address.

mod binding;
mod deadlines;
mod exchange;
mod lease;
mod message;
mod notes;
mod options;
mod outgoing;
mod pace;
mod random;

use smoltcp::time::Instant;
use smoltcp::wire::{DhcpMessageType, EthernetAddress, Ipv4Cidr};

use super::drops::Drop;
use binding::Binding;
use deadlines::Deadlines;
use exchange::Exchange;
use lease::LeaseError;
use message::ServerMessage;
use notes::{Note, Notes};
use random::Random;

pub(super) use lease::AddressLease;
pub(super) use outgoing::Outgoing;

/// A change of the address that the client may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A server has acknowledged a new or renewed lease. The caller must apply all values of the lease, which may
    /// differ from those of the previous one.
    Bound(AddressLease),
    /// The client has lost this address, for this reason. The address must not be used any more.
    Lost(Ipv4Cidr, Loss),
}

/// The reason for the end of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// A server has refused to renew the lease.
    Refused,
    /// The lease has expired.
    Expired,
}

#[derive(Clone, Copy, Debug)]
/// The state of the client, with the names of RFC 2131.
enum DhcpState {
    /// INIT and SELECTING: the client asks all servers for offers, or will do so after a pause.
    Selecting,
    /// REQUESTING: the client has accepted this offer and waits for the acknowledgement of the server.
    Requesting(outgoing::AddressOffer),
    /// BOUND: the client has this lease. After its first request for an extension of the lease, the client is in
    /// RENEWING or REBINDING, which have no states of their own here.
    Bound(Binding),
}

/// The DHCP client. Its caller calls [`poll`](Self::poll), and then [`packet`](Self::packet) until this returns `None`.
#[derive(Debug)]
pub(super) struct DhcpClient {
    mac: EthernetAddress,
    random: Random,
    state: DhcpState,
    exchange: Exchange,
    /// Number of leases and offers that were lost since the last renewal of a lease. A higher number means a longer
    /// pause before the next attempt.
    failures: u32,
    notes: Notes,
}

impl DhcpClient {
    /// Creates a client that sends its first message at `now`. Transaction ids and the random parts of pauses are
    /// derived from `seed`.
    pub(super) fn new(mac: EthernetAddress, seed: u64, now: Instant) -> Self {
        let mut random = Random::new(seed);
        let exchange = Exchange::new(&mut random, now, Some(now));
        let notes = Notes::default();
        Self { mac, random, state: DhcpState::Selecting, exchange, failures: 0, notes }
    }

    /// Handles the payload of a UDP datagram to the client's port.
    ///
    /// # Errors
    /// Returns [`Drop::Dhcp`] if the message is damaged, does not answer the client's last message, or offers an
    /// unusable address. The state of the client is then unchanged.
    pub(super) fn hear(&mut self, payload: &[u8], now: Instant) -> Result<Option<Event>, Drop> {
        let message = ServerMessage::parse(payload, self.exchange.xid(), self.mac);
        let message = message.ok_or(Drop::Dhcp)?;
        match (self.state, message.kind) {
            (DhcpState::Selecting, DhcpMessageType::Offer) if self.exchange.is_asked() => {
                self.take_offer(&message, now)
            }
            (DhcpState::Requesting(offer), DhcpMessageType::Ack | DhcpMessageType::Nak) => {
                if message.server != offer.server {
                    return Err(Drop::Dhcp);
                }
                self.take_answer(&message, None, now)
            }
            (DhcpState::Bound(binding), DhcpMessageType::Ack | DhcpMessageType::Nak)
                if self.exchange.is_asked() =>
            {
                if message.server != binding.server && !binding.is_rebinding(now) {
                    return Err(Drop::Dhcp);
                }
                self.take_answer(&message, Some(binding), now)
            }
            // For example the offer of another server.
            _ => Ok(None),
        }
    }

    fn take_offer(
        &mut self,
        message: &ServerMessage<'_>,
        now: Instant,
    ) -> Result<Option<Event>, Drop> {
        lease::of(message, None).map_err(|refusal| self.refuse(message, refusal))?;
        self.state = DhcpState::Requesting(message.offer());
        self.exchange.ask_at(now);
        Ok(None)
    }

    fn take_answer(
        &mut self,
        message: &ServerMessage<'_>,
        binding: Option<Binding>,
        now: Instant,
    ) -> Result<Option<Event>, Drop> {
        if message.kind == DhcpMessageType::Nak {
            if self.notes.is_new(Note::Nak) {
                log::warn!("DHCP server {} refuses the request", message.server);
            }
            self.restart(now);
            return Ok(binding.map(|binding| Event::Lost(binding.lease.address, Loss::Refused)));
        }
        let previous = binding.map(|binding| binding.lease);
        let (lease, ignored) = lease::of(message, previous.as_ref())
            .map_err(|refusal| self.refuse(message, refusal))?;
        self.notes.acknowledged(message, ignored);
        if binding.is_some() {
            self.failures = 0;
        }
        let deadlines = Deadlines::of(message, now);
        self.exchange = Exchange::new(&mut self.random, now, deadlines.map(|at| at.renew_at));
        self.state = DhcpState::Bound(Binding { lease, server: message.server, deadlines });
        Ok(Some(Event::Bound(lease)))
    }

    fn refuse(&mut self, message: &ServerMessage<'_>, refusal: LeaseError) -> Drop {
        if self.notes.is_new(Note::Refused) {
            log::warn!("DHCP server {} offers {refusal}", message.server);
        }
        Drop::Dhcp
    }

    /// Returns to INIT after a failure. Every further failure doubles the pause before the next DISCOVER, up to 64 s.
    fn restart(&mut self, now: Instant) {
        let pause = pace::restart(self.failures, &mut self.random);
        self.failures = self.failures.saturating_add(1);
        self.state = DhcpState::Selecting;
        self.exchange = Exchange::new(&mut self.random, now, Some(now + pause));
    }

    /// Ends an expired lease, or gives up an offer whose server has not acknowledged the request. Returns the event of
    /// an expired lease.
    pub(super) fn poll(&mut self, now: Instant) -> Option<Event> {
        if !self.is_over(now) {
            return None;
        }
        let event = match self.state {
            DhcpState::Bound(binding) => Some(Event::Lost(binding.lease.address, Loss::Expired)),
            DhcpState::Selecting | DhcpState::Requesting(_) => None,
        };
        self.restart(now);
        event
    }

    fn is_over(&self, now: Instant) -> bool {
        match self.state {
            DhcpState::Selecting => false,
            DhcpState::Requesting(_) => {
                self.exchange.is_due(now) && self.exchange.sent() >= pace::REQUESTS_MAX
            }
            DhcpState::Bound(binding) => binding.deadlines.is_some_and(|at| at.expire_at <= now),
        }
    }

    /// Returns the packet that is due, if there is one. The caller must send the packet, because it counts as sent.
    pub(super) fn packet(&mut self, now: Instant) -> Option<Outgoing> {
        if !self.exchange.is_due(now) || self.is_over(now) {
            return None;
        }
        let header = self.exchange.header(self.mac, now);
        let sent = self.exchange.sent();
        let (packet, next_at) = match &self.state {
            DhcpState::Selecting => {
                let pause = pace::discover(sent, self.failures, &mut self.random);
                (outgoing::discover(&header), Some(now + pause))
            }
            DhcpState::Requesting(offer) => {
                let pause = pace::request(sent, &mut self.random);
                (outgoing::request(&header, *offer), Some(now + pause))
            }
            DhcpState::Bound(binding) => {
                (binding.request(&header, now), binding.next_request_at(now))
            }
        };
        self.exchange.note_sent(next_at);
        Some(packet)
    }

    /// Returns the time at which [`poll`](Self::poll) and [`packet`](Self::packet) must be called next, or `None` for
    /// never.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let expire_at = match self.state {
            DhcpState::Bound(binding) => binding.deadlines.map(|at| at.expire_at),
            DhcpState::Selecting | DhcpState::Requesting(_) => None,
        };
        [self.exchange.due(), expire_at].into_iter().flatten().min()
    }
}

#[cfg(test)]
pub(super) mod tests;
