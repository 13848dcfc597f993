//! How the interface gets its address: as configured, by DHCP, or the fallback.

use core::net::Ipv4Addr;

use runtime_config::cmdline::IpConfig;
use runtime_config::ports;
use smoltcp::iface::{Interface, SocketHandle, SocketSet};
use smoltcp::phy::Medium;
use smoltcp::socket::dhcpv4;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{IpCidr, Ipv4Cidr};

/// How long DHCP may take before the fallback is set; DHCP goes on and replaces it.
const FALLBACK_AFTER: Duration = Duration::from_secs(3);

/// Between two DISCOVERs. A guest's server is on the same machine: it answers at once or not.
const DISCOVER_EVERY: Duration = Duration::from_secs(1);

/// The search for an address.
#[derive(Debug)]
pub struct Addressing {
    dhcp: Option<SocketHandle>,
    fallback_at: Option<Instant>,
    /// DHCP has answered.
    is_leased: bool,
}

impl Addressing {
    /// Sets a static address, or starts to ask for one. A medium without hardware addresses has no
    /// DHCP and gets the fallback at once.
    pub fn new(
        config: &IpConfig,
        medium: Medium,
        interface: &mut Interface,
        sockets: &mut SocketSet<'_>,
        now: Instant,
    ) -> Self {
        match *config {
            IpConfig::Static { address, prefix, gateway } => {
                assign(interface, Ipv4Cidr::new(address, prefix), gateway);
                Self { dhcp: None, fallback_at: None, is_leased: false }
            }
            IpConfig::Dhcp if medium != Medium::Ethernet => {
                assign_fallback(interface);
                Self { dhcp: None, fallback_at: None, is_leased: false }
            }
            IpConfig::Dhcp => {
                let mut socket = dhcpv4::Socket::new();
                let mut retry = socket.get_retry_config();
                retry.discover_timeout = DISCOVER_EVERY;
                socket.set_retry_config(retry);
                let dhcp = Some(sockets.add(socket));
                Self { dhcp, fallback_at: Some(now + FALLBACK_AFTER), is_leased: false }
            }
        }
    }

    /// Takes what DHCP has found, or the fallback when it has found nothing for too long.
    pub fn poll(&mut self, interface: &mut Interface, sockets: &mut SocketSet<'_>, now: Instant) {
        let Some(handle) = self.dhcp else { return };
        match sockets.get_mut::<dhcpv4::Socket<'_>>(handle).poll() {
            Some(dhcpv4::Event::Configured(lease)) => {
                self.fallback_at = None;
                self.is_leased = true;
                // A renewal must not touch the address: smoltcp forgets its neighbours with it.
                if interface.ipv4_addr() != Some(lease.address.address()) {
                    assign(interface, lease.address, lease.router);
                }
            }
            // smoltcp says so at the start too.
            Some(dhcpv4::Event::Deconfigured) if self.is_leased => {
                log::warn!("DHCP lease lost, the address stays");
            }
            Some(dhcpv4::Event::Deconfigured) | None => {}
        }
        if self.fallback_at.is_some_and(|at| at <= now) {
            self.fallback_at = None;
            log::warn!("no DHCP answer in {} s", FALLBACK_AFTER.secs());
            assign_fallback(interface);
        }
    }

    /// When [`poll`](Self::poll) has something to do without a packet.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        self.fallback_at
    }
}

fn assign_fallback(interface: &mut Interface) {
    let address = Ipv4Cidr::new(Ipv4Addr::from(ports::GUEST_ADDRESS), ports::GUEST_PREFIX);
    assign(interface, address, Some(Ipv4Addr::from(ports::GUEST_GATEWAY)));
}

fn assign(interface: &mut Interface, address: Ipv4Cidr, gateway: Option<Ipv4Addr>) {
    interface.update_ip_addrs(|addresses| {
        addresses.clear();
        // One address always fits: the list was just emptied.
        let _ = addresses.push(IpCidr::Ipv4(address));
    });
    let routes = interface.routes_mut();
    routes.remove_default_ipv4_route();
    match gateway.map(|gateway| routes.add_default_ipv4_route(gateway)) {
        Some(Ok(_)) => {
            log::info!("address {address}, gateway {}", gateway.unwrap_or(address.address()))
        }
        Some(Err(_)) => log::warn!("address {address}, no room for a default route"),
        None => log::info!("address {address}, no gateway"),
    }
}
