//! A case of the layer `tcp`, which needs a guest or runs the tool.

use super::subject::{Setup, Subject};
use super::tool::Tool;
use crate::network::NetRequest;

/// One case.
pub(super) struct TcpCase {
    pub(super) name: &'static str,
    pub(super) drive: Drive,
}

/// The kind of a case.
#[derive(Clone, Copy)]
pub(super) enum Drive {
    /// A newly booted image with these settings.
    Guest(Setup, fn(&Subject) -> anyhow::Result<()>),
    /// A newly booted image for hundreds of simultaneous clients, with this kernel command line. The test
    /// runs in a network namespace of its own if this user is permitted to create one.
    Crowd(&'static str, fn(&Subject) -> anyhow::Result<()>),
    /// A run of the tool, without a guest from this layer.
    Tool(fn(&Tool<'_>) -> anyhow::Result<()>),
}

pub(super) const fn guest(name: &'static str, run: fn(&Subject) -> anyhow::Result<()>) -> TcpCase {
    guest_with(name, "", run)
}

pub(super) const fn guest_with(
    name: &'static str,
    line: &'static str,
    run: fn(&Subject) -> anyhow::Result<()>,
) -> TcpCase {
    TcpCase { name, drive: Drive::Guest(Setup { line, ..Setup::PLAIN }, run) }
}

pub(super) const fn guest_on(
    cpus: u32,
    name: &'static str,
    run: fn(&Subject) -> anyhow::Result<()>,
) -> TcpCase {
    TcpCase { name, drive: Drive::Guest(Setup { cpus, ..Setup::PLAIN }, run) }
}

/// Makes a case that transfers large pieces for few clients. It uses QEMU's user network, because passt of
/// 2023 may stall a connection with much data.
pub(super) const fn guest_by_user(
    name: &'static str,
    line: &'static str,
    run: fn(&Subject) -> anyhow::Result<()>,
) -> TcpCase {
    let setup = Setup { line, network: NetRequest::User, ..Setup::PLAIN };
    TcpCase { name, drive: Drive::Guest(setup, run) }
}

pub(super) const fn crowd(
    name: &'static str,
    line: &'static str,
    run: fn(&Subject) -> anyhow::Result<()>,
) -> TcpCase {
    TcpCase { name, drive: Drive::Crowd(line, run) }
}

pub(super) const fn tool(name: &'static str, run: fn(&Tool<'_>) -> anyhow::Result<()>) -> TcpCase {
    TcpCase { name, drive: Drive::Tool(run) }
}
