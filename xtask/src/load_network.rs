//! The network between load generators and guests: TAP devices in a network namespace, or passt.
//!
//! The namespace has no name and belongs to the calling thread and its children. The kernel removes the
//! namespace when they end, even if they are killed. The host's own network is not changed.

use std::fmt;
use std::net::Ipv4Addr;
use std::process::Command;

use clap::ValueEnum;
use runtime_config::ports;

use crate::exit::{self, Cause};
use crate::guest::GuestPlan;
use crate::network::{self, NetRequest, Network};
use crate::{process, sys};

/// The kind of network between load generators and guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoadNetwork {
    /// A TAP device per guest.
    Taps,
    /// A passt process per guest.
    Passt,
}

impl fmt::Display for LoadNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Taps => "TAP devices",
            Self::Passt => "passt",
        })
    }
}

/// The values of `--net` for commands that load guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LoadNetRequest {
    /// Uses TAP devices if this user is permitted to create them, and passt otherwise.
    Auto,
    /// Uses TAP devices in a network namespace of the command.
    Tap,
    /// Uses a passt process for each guest.
    Passt,
}

/// The chosen network, and the reason for the choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoadNetworkChoice {
    pub(crate) network: LoadNetwork,
    /// The reason for the choice and its consequence, as a clause.
    pub(crate) why: String,
}

/// The network link of one guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GuestLink {
    /// A TAP device: its name, the host's address on it, and the guest's address.
    Tap(&'static str, Ipv4Addr, Ipv4Addr),
    /// A forwarded port of this host.
    Passt,
}

/// The links of two images and of the peer that they are compared with.
const TAPS: [GuestLink; 3] = [
    GuestLink::Tap("tap0", Ipv4Addr::new(10, 0, 2, 2), Ipv4Addr::new(10, 0, 2, 15)),
    GuestLink::Tap("tap1", Ipv4Addr::new(10, 0, 3, 2), Ipv4Addr::new(10, 0, 3, 15)),
    GuestLink::Tap("tap2", Ipv4Addr::new(10, 0, 4, 2), Ipv4Addr::new(10, 0, 4, 15)),
];
/// Number of bits of the network part of these addresses.
const PREFIX: u8 = 24;

/// Chooses the network by the request and by the permissions of this user.
///
/// # Errors
/// The requested network is not possible.
pub(crate) fn choose(request: LoadNetRequest) -> anyhow::Result<LoadNetworkChoice> {
    let choice = judge(request, try_tap)?;
    if choice.network == LoadNetwork::Passt {
        network::choose(NetRequest::Passt)?;
    }
    Ok(choice)
}

fn judge(
    request: LoadNetRequest,
    try_tap: impl FnOnce() -> Result<(), String>,
) -> anyhow::Result<LoadNetworkChoice> {
    let passt = |why| LoadNetworkChoice { network: LoadNetwork::Passt, why };
    if request == LoadNetRequest::Passt {
        return Ok(passt("requested".to_owned()));
    }
    match try_tap() {
        Ok(()) => Ok(LoadNetworkChoice {
            network: LoadNetwork::Taps,
            why: "in their own network namespace, without vhost".to_owned(),
        }),
        Err(why) if request == LoadNetRequest::Auto => Ok(passt(format!("no TAP device: {why}"))),
        Err(why) => Err(exit::failure(Cause::Missing, format!("no TAP device: {why}"))),
    }
}

/// Creates a TAP device in a network namespace that ends with the command, to test the permission.
fn try_tap() -> Result<(), String> {
    let mut command = Command::new("unshare");
    command.args(["--net", "ip", "tuntap", "add", "dev", "tap0", "mode", "tap"]);
    let output = process::capture(&mut command).map_err(|error| format!("{error:#}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    output.status.success().then_some(()).ok_or_else(|| said.trim().to_owned())
}

impl LoadNetwork {
    /// Returns the links of two images and of the peer that they are compared with.
    pub(crate) fn links(self) -> [GuestLink; 3] {
        match self {
            Self::Taps => TAPS,
            Self::Passt => [GuestLink::Passt; 3],
        }
    }

    /// Sets up the links. With TAP devices, the calling thread leaves the host's network permanently.
    pub(crate) fn set_up(self) -> anyhow::Result<()> {
        if self == Self::Passt {
            return Ok(());
        }
        sys::leave_network()?;
        ip("link set lo up")?;
        for wire in TAPS {
            let GuestLink::Tap(name, host, _) = wire else { continue };
            ip(&format!("tuntap add dev {name} mode tap"))?;
            ip(&format!("addr add {host}/{PREFIX} dev {name}"))?;
            ip(&format!("link set {name} up"))?;
        }
        Ok(())
    }
}

fn ip(words: &str) -> anyhow::Result<()> {
    process::succeed(Command::new("ip").args(words.split(' '))).map(|_| ())
}

impl GuestLink {
    /// Returns the guest's address.
    pub(crate) fn address(self) -> Ipv4Addr {
        match self {
            Self::Tap(_, _, guest) => guest,
            Self::Passt => ports::GUEST_ADDRESS.into(),
        }
    }

    /// Returns the words for the image's command line that configure this link.
    pub(crate) fn append(self) -> String {
        match self {
            Self::Tap(_, _, guest) => format!("ip={guest}/{PREFIX}"),
            Self::Passt => String::new(),
        }
    }

    /// Returns `plan` with the guest attached to this link.
    pub(crate) fn attach(self, plan: GuestPlan) -> anyhow::Result<GuestPlan> {
        let (network, host) = match self {
            Self::Tap(name, _, guest) => (Network::Tap(name), (guest, plan.guest_port).into()),
            Self::Passt => (Network::Passt, network::free_port(0)?),
        };
        Ok(GuestPlan { network: Some(network), host, ..plan })
    }
}

#[cfg(test)]
mod tests {
    use runtime_config::cmdline::{Config, IpConfig};

    use super::*;

    #[test]
    fn taps_come_first_and_a_refusal_is_reported() {
        let refused = || Err("not permitted".to_owned());
        assert_eq!(judge(LoadNetRequest::Auto, || Ok(())).unwrap().network, LoadNetwork::Taps);
        let other = judge(LoadNetRequest::Auto, refused).unwrap();
        assert_eq!(other.network, LoadNetwork::Passt);
        assert!(other.why.contains("not permitted"), "{}", other.why);
        let error = judge(LoadNetRequest::Tap, refused).unwrap_err();
        assert_eq!(exit::cause_of(&error), Some(Cause::Missing));
        assert_eq!(judge(LoadNetRequest::Passt, || Ok(())).unwrap().network, LoadNetwork::Passt);
    }

    #[test]
    fn guests_have_separate_networks_and_the_image_understands_their_words() {
        let network = |wire: GuestLink| u32::from(wire.address()) >> (32 - PREFIX);
        for (index, wire) in TAPS.into_iter().enumerate() {
            assert!(TAPS[..index].iter().all(|&other| network(other) != network(wire)));
            let GuestLink::Tap(_, host, guest) = wire else { panic!("no TAP") };
            assert_eq!(u32::from(host) >> (32 - PREFIX), network(wire));
            let config = Config::parse(&wire.append()).unwrap().ip;
            let own = IpConfig::Static { address: guest, prefix: PREFIX, gateway: None };
            assert_eq!(config, own);
        }
    }
}
