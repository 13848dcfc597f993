//! A case of the layer, and its guest or the tool.

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
    /// A fresh image.
    Guest(Setup, fn(&Subject) -> anyhow::Result<()>),
    /// A fresh image for hundreds of simultaneous clients, with a kernel command line. It is in its own
    /// network namespace if this user may make one.
    Crowd(&'static str, fn(&Subject) -> anyhow::Result<()>),
    /// The tool itself.
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

/// Makes a case with large pieces and few clients: passt of 2023 may stall a connection with much data.
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
