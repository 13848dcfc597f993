//! The address of the machine and its gateway: as configured, by DHCP, or the fallback.
//!
//! [`Addressing`] owns both. It is pure: its owner gives it the DHCP messages that arrive and the time, sends
//! its packets, and uses the address and the gateway whenever they have changed.

use core::net::Ipv4Addr;

use runtime_config::cmdline::IpConfig;
use runtime_config::{ports, unicast};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, Ipv4Cidr};

use super::dhcp::{DhcpClient, Event, Loss, Outgoing};
use super::drops::Drop;

/// How long DHCP may take before the fallback is set; DHCP goes on and replaces it.
const FALLBACK_AFTER: Duration = Duration::from_secs(3);

/// The address, and the search for it.
#[derive(Debug)]
pub(super) struct Addressing {
    client: Option<DhcpClient>,
    /// `None` if the address is static, or as soon as a server has acknowledged a lease or the fallback is set.
    fallback_at: Option<Instant>,
    address: Option<Ipv4Cidr>,
    gateway: Option<Ipv4Addr>,
}

impl Addressing {
    /// Sets a static address, or starts to ask for one. A medium without hardware addresses has no `mac`: it
    /// has no DHCP and gets the fallback at once.
    ///
    /// A static address that no machine can have is ignored with a warning, so that the machine asks for one;
    /// of a gateway that cannot be one only the gateway is ignored.
    pub(super) fn new(
        config: &IpConfig,
        mac: Option<EthernetAddress>,
        seed: u64,
        now: Instant,
    ) -> Self {
        let mut addressing = Self { client: None, fallback_at: None, address: None, gateway: None };
        match *config {
            IpConfig::Static { address, prefix, gateway } if unicast::is_host(address, prefix) => {
                let is_usable = |via: &Ipv4Addr| unicast::is_gateway(*via, address, prefix);
                if let Some(gateway) = gateway.filter(|via| !is_usable(via)) {
                    log::warn!(
                        "gateway {gateway} is ignored: no machine of the network can have it"
                    );
                }
                addressing.set(Ipv4Cidr::new(address, prefix), gateway.filter(is_usable));
                return addressing;
            }
            IpConfig::Static { address, prefix, .. } => {
                log::warn!("address {address}/{prefix} is ignored: no machine can have it");
            }
            IpConfig::Dhcp => {}
        }
        match mac {
            Some(mac) => {
                addressing.client = Some(DhcpClient::new(mac, seed, now));
                addressing.fallback_at = Some(now + FALLBACK_AFTER);
            }
            None => addressing.set_fallback(),
        }
        addressing
    }

    /// The address with its prefix, where there is one.
    pub(super) fn address(&self) -> Option<Ipv4Cidr> {
        self.address
    }

    /// The way out of the network, where there is one. It is another machine of the network, or any machine if
    /// the prefix is 32.
    pub(super) fn gateway(&self) -> Option<Ipv4Addr> {
        self.gateway
    }

    /// Takes the payload of a UDP datagram to the port of DHCP clients. Returns whether the address, its
    /// prefix or the gateway has changed.
    ///
    /// # Errors
    /// The reason why the message was dropped.
    pub(super) fn hear(&mut self, payload: &[u8], now: Instant) -> Result<bool, Drop> {
        let Some(client) = &mut self.client else { return Ok(false) };
        let event = client.hear(payload, now)?;
        Ok(event.is_some_and(|event| self.take(event)))
    }

    /// Ends a lease whose time is over, and sets the fallback when DHCP has found no address for too long.
    /// Returns whether the address, its prefix or the gateway has changed.
    pub(super) fn poll(&mut self, now: Instant) -> bool {
        if let Some(event) = self.client.as_mut().and_then(|client| client.poll(now)) {
            return self.take(event);
        }
        if self.fallback_at.is_none_or(|at| at > now) {
            return false;
        }
        self.fallback_at = None;
        log::warn!("no DHCP lease in {} s", FALLBACK_AFTER.secs());
        self.set_fallback();
        true
    }

    /// Takes the packet that is to be sent now, if there is one. It counts as sent.
    pub(super) fn packet(&mut self, now: Instant) -> Option<Outgoing> {
        self.client.as_mut()?.packet(now)
    }

    /// When [`poll`](Self::poll) or [`packet`](Self::packet) has something to do; `None` is never.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let client = self.client.as_ref().and_then(DhcpClient::wake_at);
        [client, self.fallback_at].into_iter().flatten().min()
    }

    fn take(&mut self, event: Event) -> bool {
        match event {
            Event::Bound(lease) => {
                self.fallback_at = None;
                let is_other = (self.address, self.gateway) != (Some(lease.address), lease.router);
                if is_other {
                    self.set(lease.address, lease.router);
                }
                is_other
            }
            Event::Lost(address, loss) => {
                let reason = match loss {
                    Loss::Refused => "the server has refused it",
                    Loss::Expired => "its time is over",
                };
                log::warn!("DHCP lease of {address} lost, {reason}: no address");
                (self.address, self.gateway) = (None, None);
                true
            }
        }
    }

    fn set_fallback(&mut self) {
        let address = Ipv4Cidr::new(Ipv4Addr::from(ports::GUEST_ADDRESS), ports::GUEST_PREFIX);
        self.set(address, Some(Ipv4Addr::from(ports::GUEST_GATEWAY)));
    }

    fn set(&mut self, address: Ipv4Cidr, gateway: Option<Ipv4Addr>) {
        (self.address, self.gateway) = (Some(address), gateway);
        match gateway {
            Some(gateway) => log::info!("address {address}, gateway {gateway}"),
            None => log::info!("address {address}, no gateway"),
        }
    }
}

#[cfg(test)]
mod tests;
