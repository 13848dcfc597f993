//! The guest that is loaded: a running guest, or one that the load has started.

use std::net::SocketAddr;
use std::time::Duration;

use crate::cli::{LoadOptions, MachineOptions, RunOptions};
use crate::guest::Guest;
use crate::instance;
use crate::network::NetRequest;
use crate::run;
use crate::sys::Signals;
use crate::workspace::Workspace;

/// Number of connections beside those of the load, for monitoring and reports.
const SPARE_CLIENTS: usize = 8;
/// The name of a guest that the load has started.
const NAME: &str = "load";

/// A guest. When this value is dropped, a guest that the load has started ends, and a running guest
/// continues.
#[derive(Debug)]
pub(super) struct Target {
    address: SocketAddr,
    ours: Option<Guest>,
    signals: Signals,
}

impl Target {
    /// Finds the guest that the options name, or starts one. Returns `None` if the user interrupts the start.
    pub(super) fn find(
        workspace: &Workspace,
        options: &LoadOptions,
    ) -> anyhow::Result<Option<Self>> {
        if let Some(name) = &options.name {
            let address = instance::expect_live(workspace, name)?.resp;
            return Ok(Some(Self { address, ours: None, signals: Signals::block() }));
        }
        let run = RunOptions {
            detach: false,
            name: NAME.to_owned(),
            port: 0,
            http_port: None,
            dry_run: false,
            machine: machine(options)?,
        };
        let started = run::start(workspace, &run)?;
        let signals = started.signals;
        Ok(started.guest.map(|(guest, _)| Self {
            address: guest.plan().host,
            ours: Some(guest),
            signals,
        }))
    }

    /// Returns the address of the guest.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns whether the load has started the guest, so that no other client uses it.
    pub(super) fn is_ours(&self) -> bool {
        self.ours.is_some()
    }

    /// Returns whether the user has interrupted the load.
    pub(super) fn is_interrupted(&self) -> bool {
        self.signals.wait(Duration::ZERO)
    }

    /// Returns the reason why a guest that the load has started ended, or `None` while it runs.
    pub(super) fn death(&mut self) -> anyhow::Result<Option<anyhow::Error>> {
        let Some(guest) = &mut self.ours else { return Ok(None) };
        Ok(guest.try_wait()?.map(|status| guest.explain_end(status)))
    }
}

/// Returns the options of a guest that the load starts. The guest accepts enough clients for the load, unless
/// the command line sets their number.
///
/// Clients connect one after the other, so QEMU's user network accepts any number of them. passt is faster,
/// but has a fault in Debian 12: if a connection sends and receives many bytes at once, acknowledgements
/// overtake data that fills the guest's window. The guest refuses them, and both sides wait for ever.
fn machine(options: &LoadOptions) -> anyhow::Result<MachineOptions> {
    let mut machine = options.machine.clone();
    let (_, config) = machine.command_line()?;
    let needed = options.clients as usize + SPARE_CLIENTS;
    if config.clients < needed && !machine.append.contains("clients=") {
        machine.append.push_str(&format!(" clients={needed}"));
    }
    if machine.net == NetRequest::Auto {
        machine.net = NetRequest::User;
    }
    Ok(machine)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Verb};

    fn append(words: &[&str]) -> String {
        let words = ["xtask", "load"].iter().chain(words);
        let Verb::Load(options) = Cli::parse_from(words).verb else { panic!("not a load") };
        machine(&options).unwrap().append
    }

    #[test]
    fn the_image_takes_all_clients() {
        assert_eq!(append(&[]), "");
        assert_eq!(append(&["--clients", "300"]), " clients=308");
        assert_eq!(append(&["--clients", "300", "--append", "clients=9"]), "clients=9");
    }

    #[test]
    fn a_running_guest_cannot_get_another_machine() {
        let parse = |words: &[&str]| Cli::try_parse_from([&["xtask", "load"], words].concat());
        assert!(parse(&["--name", "a", "--smp", "2"]).is_err());
        assert!(parse(&["--machine", "q35"]).is_ok());
        assert!(parse(&["--name", "a", "--machine", "q35"]).is_err());
        assert!(parse(&["--runtime", "hermit"]).is_ok());
        assert!(parse(&["--name", "a", "--runtime", "hermit"]).is_err());
        assert!(parse(&["--name", "a", "--clients", "2"]).is_ok());
    }
}
