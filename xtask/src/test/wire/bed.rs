//! The context of a case: the near network, which is next to the server, and the server behind its device.

use std::net::Ipv4Addr;

use super::boot::Boot;
use super::control::Control;
use super::findings::Findings;
use super::namespace::Namespace;
use super::server::Server;
use super::topology::{BRIDGE, DEVICE, HOST, HOST_MAC};
use crate::test::programs::Programs;

/// The context of a case. The thread of the case is in the near network.
#[derive(Debug)]
pub(super) struct Bed<'a> {
    pub(super) programs: &'a Programs<'a>,
    /// The network next to the server.
    pub(super) near: Namespace,
    /// Whether cases run for their documented durations, which are long.
    pub(super) is_long: bool,
    /// Whether Linux is tested in place of the image.
    pub(super) is_control: bool,
}

impl Bed<'_> {
    /// Starts a server, runs the work of the case with it, and judges the server. Errors count as faults.
    pub(super) fn serve(
        &self,
        claim: &str,
        boot: &Boot,
        findings: &mut Findings,
        work: impl FnOnce(&mut Server, &mut Findings) -> anyhow::Result<()>,
    ) {
        let outcome = || -> anyhow::Result<()> {
            let mut server = self.boot(boot)?;
            let worked = work(&mut server, findings);
            let judged = if boot.waits { server.judge(&self.near) } else { Ok(()) };
            match (worked, judged) {
                (Err(error), Err(death)) => Err(error.context(format!("{death:#}"))),
                (worked, judged) => worked.and(judged),
            }
        };
        let outcome = outcome();
        let cleared = self.clear();
        if let Err(error) = outcome.and(cleared) {
            findings.judge(claim, false, format!("{error:#}"));
        }
    }

    /// Creates the device, and starts a server behind it.
    fn boot(&self, boot: &Boot) -> anyhow::Result<Server> {
        if self.is_control {
            let control = Control::start(self.programs.workspace, &self.near, boot)?;
            self.address(boot)?;
            return Ok(Server::Linux { _redis: control });
        }
        self.near.ip(&format!("tuntap add dev {DEVICE} mode tap"))?;
        self.address(boot)?;
        Server::image(self.programs, boot)
    }

    /// Gives the near network the addresses that the settings need.
    fn address(&self, boot: &Boot) -> anyhow::Result<()> {
        let mac = HOST_MAC.map(|byte| format!("{byte:02x}")).join(":");
        self.near.ip(&format!("link set {DEVICE} up"))?;
        if !boot.is_bridged {
            self.near.ip(&format!("link set {DEVICE} address {mac}"))?;
            return self.near.ip(&format!("addr add {HOST}/24 dev {DEVICE}"));
        }
        self.near.ip("link add br0 type bridge")?;
        self.near.ip(&format!("link set br0 address {mac} up"))?;
        self.near.ip(&format!("link set {DEVICE} master br0"))?;
        self.near.ip(&format!("addr add {BRIDGE}/24 dev br0"))
    }

    /// Deletes the devices of the near network.
    fn clear(&self) -> anyhow::Result<()> {
        for device in [DEVICE, "br0"] {
            if self.near.has(device)? {
                self.near.ip(&format!("link del {device}"))?;
            }
        }
        Ok(())
    }

    /// Gives the near network a further address.
    pub(super) fn add(&self, address: Ipv4Addr) -> anyhow::Result<()> {
        self.near.ip(&format!("addr add {address}/24 dev {DEVICE}"))
    }

    /// Returns the long duration if cases run for their documented durations, and the short one otherwise.
    pub(super) fn seconds(&self, short: u64, long: u64) -> std::time::Duration {
        std::time::Duration::from_secs(if self.is_long { long } else { short })
    }
}
