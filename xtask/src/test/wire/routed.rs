//! Networks with clients behind routers.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};

use super::dial::Dial;
use super::namespace::Namespace;
use crate::resp::Client;

/// The address of a client behind a router.
pub(super) const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);

/// A client network behind the near network, which is its router.
#[derive(Debug)]
pub(super) struct RoutedNetwork {
    pub(super) namespace: Namespace,
}

impl RoutedNetwork {
    /// Creates the chain of the server, the near network and the client network.
    pub(super) fn new(near: &Namespace) -> anyhow::Result<Self> {
        let namespace = Namespace::new()?;
        join(near, "c0", "10.9.0.1/24", &namespace, "10.9.0.2/24")?;
        namespace.ip("route add default via 10.9.0.1")?;
        near.set("ip_forward", "1")?;
        Ok(Self { namespace })
    }

    /// Opens a connection of a client of the service.
    pub(super) fn client(&self, dial: Dial, to: SocketAddrV4) -> io::Result<Client> {
        dial.client(&self.namespace, to)
    }

    /// Opens a connection.
    pub(super) fn stream(&self, dial: Dial, to: SocketAddrV4) -> io::Result<TcpStream> {
        dial.stream(&self.namespace, to)
    }
}

/// Connects two networks by a virtual cable. The end in the first network is named `name`, the other end
/// `e0`.
pub(super) fn join(
    one: &Namespace,
    name: &str,
    address: &str,
    other: &Namespace,
    its_address: &str,
) -> anyhow::Result<()> {
    one.ip(&format!("link add {name} type veth peer name e0 netns {}", other.path()))?;
    one.ip(&format!("addr add {address} dev {name}"))?;
    one.ip(&format!("link set {name} up"))?;
    other.ip(&format!("addr add {its_address} dev e0"))?;
    other.ip("link set e0 up")
}
