//! The addresses and the device between the server and the near network.

use std::net::{Ipv4Addr, SocketAddrV4};

use runtime_config::ports;

/// The address of the server.
pub(super) const GUEST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
/// The address of the near network, which is the server's router.
pub(super) const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
/// The device of the near network.
pub(super) const DEVICE: &str = "tap0";
/// The address of the near network if the server is behind a bridge.
pub(super) const BRIDGE: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 3);
/// The Ethernet address of the near network.
pub(super) const HOST_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

/// Returns the address of the RESP service.
pub(super) fn resp() -> SocketAddrV4 {
    SocketAddrV4::new(GUEST, ports::RESP)
}

/// Returns the address of the HTTP service.
pub(super) fn http() -> SocketAddrV4 {
    SocketAddrV4::new(GUEST, ports::HTTP)
}
