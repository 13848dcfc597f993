//! Determines the IPv4 address and the gateway of the machine: static values of the configuration, a DHCP lease, or
//! fixed fallback values if DHCP finds no server.
//!
//! [`Addressing`] does no input and output. Its caller passes received DHCP messages and the current time, sends the
//! packets that [`Addressing::packet`] returns, and applies the address and the gateway when they have changed.

use core::net::Ipv4Addr;

use runtime_config::cmdline::IpConfig;
use runtime_config::{ports, unicast};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, Ipv4Cidr};

use super::dhcp::{DhcpClient, Event, Loss, Outgoing};
use super::drops::Drop;

/// Time after which the fallback address is set if DHCP has found no address. DHCP continues and may replace the
/// fallback address.
const FALLBACK_AFTER: Duration = Duration::from_secs(3);

/// The current address and gateway, and the DHCP client if the address is not static.
#[derive(Debug)]
pub(super) struct Addressing {
    client: Option<DhcpClient>,
    /// Time at which the fallback address is set. `None` if the address is static, a server has acknowledged a lease,
    /// or the fallback address has been set.
    fallback_at: Option<Instant>,
    address: Option<Ipv4Cidr>,
    gateway: Option<Ipv4Addr>,
}

impl Addressing {
    /// Sets the static address of `config`, or starts DHCP. `mac` is `None` on a medium without hardware addresses.
    /// DHCP is then not possible, and the fallback address is set immediately.
    ///
    /// If the static address is invalid, a warning is logged and DHCP is used. If only the static gateway is invalid, a
    /// warning is logged and the machine has no gateway.
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

    /// Returns the address with its prefix, if there is one.
    pub(super) fn address(&self) -> Option<Ipv4Cidr> {
        self.address
    }

    /// Returns the gateway, if there is one. The gateway is another machine of the same network. With a prefix of 32,
    /// it may be any other machine.
    pub(super) fn gateway(&self) -> Option<Ipv4Addr> {
        self.gateway
    }

    /// Handles the payload of a UDP datagram to the DHCP client port. Returns whether the address, its prefix or the
    /// gateway has changed.
    ///
    /// # Errors
    /// Returns the reason for which the message was dropped.
    pub(super) fn hear(&mut self, payload: &[u8], now: Instant) -> Result<bool, Drop> {
        let Some(client) = &mut self.client else { return Ok(false) };
        let event = client.hear(payload, now)?;
        Ok(event.is_some_and(|event| self.take(event)))
    }

    /// Ends an expired lease, and sets the fallback address if DHCP has found no address in time. Returns whether the
    /// address, its prefix or the gateway has changed.
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

    /// Returns the DHCP packet that is due, if there is one. The caller must send the packet, because it counts as
    /// sent.
    pub(super) fn packet(&mut self, now: Instant) -> Option<Outgoing> {
        self.client.as_mut()?.packet(now)
    }

    /// Returns the time at which [`poll`](Self::poll) and [`packet`](Self::packet) must be called next, or `None` for
    /// never.
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
