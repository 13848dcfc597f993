//! The network between the host and a guest: passt, QEMU's user network, or a TAP device.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::Context;
use clap::ValueEnum;
use runtime_config::ports;

use crate::exit::{self, Cause};
use crate::{listen_backlog, process};

/// The kind of network between the host and a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    /// QEMU's user network, which needs no installation. Its listen backlog of 1 is raised if the kernel
    /// permits that.
    User,
    /// passt, a helper process that uses sockets of the host.
    Passt,
    /// A TAP device with this name, which the caller has created.
    Tap(&'static str),
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "QEMU's user network",
            Self::Passt => "passt",
            Self::Tap(_) => "a TAP device",
        })
    }
}

/// A port of this host that is forwarded to the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forward {
    /// The address on the host.
    pub(crate) host: SocketAddr,
    /// The port in the guest.
    pub(crate) guest: u16,
}

/// The forwarded ports of both services of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forwards {
    /// The RESP service.
    pub(crate) resp: Forward,
    /// The HTTP service, if it is reachable.
    pub(crate) http: Option<Forward>,
}

impl Forwards {
    /// Iterates over the forwarded ports.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Forward> {
        [Some(self.resp), self.http].into_iter().flatten()
    }
}

/// The values of `--net`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum NetRequest {
    /// QEMU's user network if its listen backlog can be raised; otherwise passt if it is installed.
    Auto,
    /// QEMU's user network.
    User,
    /// passt, a helper process.
    Passt,
}

/// The chosen network, and the reason for the choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NetworkChoice {
    /// The network.
    pub(crate) network: Network,
    /// The reason for the choice and its consequence, as a clause.
    pub(crate) why: String,
}

const SHORT_BACKLOG: &str = "many clients that connect at once wait for seconds";

/// Chooses the network by the request and by the capabilities of the machine.
///
/// [`NetRequest::Auto`] selects QEMU's user network if the listen backlog of its sockets can be raised, because it
/// is then faster than passt for many clients and for large replies (measured in `docs/network.md`). Otherwise it
/// selects passt, if passt can work: with a backlog of 1, many clients that connect at the same time wait for seconds.
///
/// # Errors
/// passt was requested and cannot work.
pub(crate) fn choose(request: NetRequest) -> anyhow::Result<NetworkChoice> {
    let installed = process::find("passt").is_some();
    let routes = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
    judge(
        request,
        listen_backlog::try_copy(),
        passt_obstacle(installed, has_default_route(&routes)),
    )
}

fn passt_obstacle(installed: bool, routed: bool) -> Option<&'static str> {
    match (installed, routed) {
        (false, _) => Some("passt is not installed"),
        (true, false) => Some("passt needs a default route and this host has none"),
        (true, true) => None,
    }
}

/// Chooses the network. The arguments tell whether QEMU's listening sockets can be copied, and why passt
/// cannot work.
fn judge(
    request: NetRequest,
    copied: Result<(), String>,
    passt: Option<&str>,
) -> anyhow::Result<NetworkChoice> {
    let user = |why| Ok(NetworkChoice { network: Network::User, why });
    match (request, copied, passt) {
        (NetRequest::Passt, _, Some(obstacle)) => Err(exit::failure(Cause::Missing, obstacle)),
        (NetRequest::Passt, _, None) => {
            Ok(NetworkChoice { network: Network::Passt, why: "requested".to_owned() })
        }
        (NetRequest::User | NetRequest::Auto, Ok(()), _) => {
            user(format!("its listen backlog is raised to {}", listen_backlog::BACKLOG))
        }
        (NetRequest::Auto, Err(why), None) => Ok(NetworkChoice {
            network: Network::Passt,
            why: format!("the backlog of QEMU's user network cannot be raised: {why}"),
        }),
        (NetRequest::User, Err(why), _) => {
            user(format!("its listen backlog is 1 ({why}): {SHORT_BACKLOG}"))
        }
        (NetRequest::Auto, Err(why), Some(obstacle)) => {
            user(format!("its listen backlog is 1 ({why}; {obstacle}): {SHORT_BACKLOG}"))
        }
    }
}

/// Returns whether the kernel's routing table has a route to 0.0.0.0/0.
fn has_default_route(routes: &str) -> bool {
    routes.lines().skip(1).any(|line| {
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        fields.get(1) == Some(&"00000000") && fields.get(7) == Some(&"00000000")
    })
}

/// Checks that a port of this host is free. The port is not reserved. With 0, chooses a free port.
///
/// # Errors
/// The port is in use. passt would ignore that, and serve no connection.
pub(crate) fn free_port(port: u16) -> anyhow::Result<SocketAddr> {
    free_port_of(port, "--port")
}

/// As [`free_port`], with the name of the option for the port, which the error message contains.
///
/// # Errors
/// As [`free_port`].
pub(crate) fn free_port_of(port: u16, option: &str) -> anyhow::Result<SocketAddr> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = TcpListener::bind(address).map_err(|error| {
        let message = format!("port {port} on this host: {error}; take a free one with {option} 0");
        exit::failure(Cause::Taken, message)
    })?;
    listener.local_addr().context("the port of a socket")
}

/// Returns the port of the HTTP reports if it is known before the start. Without an option it is the default
/// port, if that port is free and the RESP port is the default too. `None` stands for any free port.
///
/// # Errors
/// The requested port is in use.
pub(crate) fn fixed_http_port(asked: Option<u16>, resp: u16) -> anyhow::Result<Option<SocketAddr>> {
    match asked {
        Some(0) => Ok(None),
        Some(port) => free_port_of(port, "--http-port").map(Some),
        None if resp == ports::RESP => Ok(free_port_of(ports::HTTP, "--http-port").ok()),
        None => Ok(None),
    }
}

/// Returns a free port that differs from `other`, which was chosen before but is not in use yet.
///
/// # Errors
/// No port is free.
pub(crate) fn free_port_beside(other: SocketAddr) -> anyhow::Result<SocketAddr> {
    loop {
        let address = free_port(0)?;
        if address != other {
            return Ok(address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n";

    fn refused() -> Result<(), String> {
        Err("not permitted".to_owned())
    }

    #[test]
    fn auto_takes_the_user_network_if_its_backlog_can_be_raised() {
        for passt in [None, Some("passt is not installed")] {
            let choice = judge(NetRequest::Auto, Ok(()), passt).unwrap();
            assert_eq!(choice.network, Network::User);
            assert!(choice.why.contains("raised to 4096"), "{}", choice.why);
        }
    }

    #[test]
    fn auto_takes_passt_if_the_backlog_stays_short_and_describes_the_rest_without_it() {
        let choice = judge(NetRequest::Auto, refused(), None).unwrap();
        assert_eq!(choice.network, Network::Passt);
        assert!(choice.why.contains("not permitted"), "{}", choice.why);
        let choice = judge(NetRequest::Auto, refused(), passt_obstacle(true, false)).unwrap();
        assert_eq!(choice.network, Network::User);
        for part in ["not permitted", "default route", "wait for seconds"] {
            assert!(choice.why.contains(part), "{part}: {}", choice.why);
        }
    }

    #[test]
    fn a_request_is_obeyed_or_refused() {
        assert!(judge(NetRequest::Passt, Ok(()), passt_obstacle(false, true)).is_err());
        assert!(judge(NetRequest::Passt, Ok(()), passt_obstacle(true, false)).is_err());
        let choice = judge(NetRequest::Passt, refused(), passt_obstacle(true, true)).unwrap();
        assert_eq!(choice.network, Network::Passt);
        let choice = judge(NetRequest::User, refused(), None).unwrap();
        assert_eq!(choice.network, Network::User);
        assert!(choice.why.contains("backlog is 1"), "{}", choice.why);
    }

    #[test]
    fn default_routes_are_recognized() {
        let row = "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n";
        assert!(has_default_route(&format!("{HEADER}{row}")));
        assert!(!has_default_route(HEADER));
        let narrow = "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        assert!(!has_default_route(&format!("{HEADER}{narrow}")));
    }

    #[test]
    fn taken_ports_are_named() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = free_port(port).unwrap_err();
        assert_eq!(exit::cause_of(&error), Some(Cause::Taken));
        assert!(error.to_string().contains("--port 0"), "{error}");
        assert_ne!(free_port(0).unwrap().port(), 0);
        let error = fixed_http_port(Some(port), ports::RESP).unwrap_err();
        assert!(error.to_string().contains("--http-port 0"), "{error}");
    }

    #[test]
    fn reports_use_their_default_port_only_beside_the_default_service() {
        let port = |asked, resp| fixed_http_port(asked, resp).unwrap().map(|found| found.port());
        assert_eq!(port(Some(0), ports::RESP), None);
        assert_eq!(port(None, 7001), None);
        loop {
            // If this process cannot bind the usual port, another process may release it at any time.
            let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, ports::HTTP));
            if port(None, ports::RESP).is_none() {
                break;
            }
            assert!(taken.is_err(), "a port that is taken was chosen");
        }
        let other = free_port(0).unwrap();
        assert_ne!(free_port_beside(other).unwrap(), other);
    }
}
