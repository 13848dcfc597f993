//! Networks of their own: several at once, each reached by a thread that enters it for a moment.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::process::Command;
use std::thread;

use anyhow::Context;

use crate::{process, sys};

/// A network namespace without a name. It ends with the last file, process and socket in it.
#[derive(Debug)]
pub(super) struct Namespace {
    handle: File,
}

impl Namespace {
    /// Makes one whose loopback device is up.
    pub(super) fn new() -> anyhow::Result<Self> {
        let make = || {
            sys::leave_network()?;
            sys::own_network()
        };
        let made = thread::scope(|scope| scope.spawn(make).join());
        let handle = made.map_err(|_| anyhow::anyhow!("a thread panicked"))?;
        let space = Self { handle: handle.context("no network namespace")? };
        space.ip("link set lo up")?;
        // The kernel's own packets of IPv6 would be frames that no case has sent.
        let _ = space.set("../ipv6/conf/default/disable_ipv6", "1");
        Ok(space)
    }

    /// Moves the calling thread into it for good.
    pub(super) fn enter(&self) -> io::Result<()> {
        sys::enter_network(&self.handle)
    }

    /// Runs work on a thread in it. Sockets that are made there belong to it for their lives.
    pub(super) fn within<R: Send>(
        &self,
        work: impl FnOnce() -> io::Result<R> + Send,
    ) -> io::Result<R> {
        let thread = || self.enter().and_then(|()| work());
        let joined = thread::scope(|scope| scope.spawn(thread).join());
        joined.unwrap_or_else(|_| Err(io::Error::other("a thread panicked")))
    }

    /// Runs `ip` with words in it.
    pub(super) fn ip(&self, words: &str) -> anyhow::Result<()> {
        self.run("ip", words)
    }

    /// Runs a program with words in it, which must succeed.
    pub(super) fn run(&self, program: &str, words: &str) -> anyhow::Result<()> {
        let work = || {
            process::succeed(Command::new(program).args(words.split(' ')))
                .map(|_| ())
                .map_err(|error| io::Error::other(format!("{error:#}")))
        };
        Ok(self.within(work)?)
    }

    /// Gives a setting below `/proc/sys/net/ipv4` a value.
    pub(super) fn set(&self, setting: &str, value: &str) -> anyhow::Result<()> {
        let path = format!("/proc/sys/net/ipv4/{setting}");
        self.within(|| fs::write(&path, value)).with_context(|| path.clone())
    }

    /// Whether it has a device.
    pub(super) fn has(&self, device: &str) -> io::Result<bool> {
        self.within(|| Ok(fs::read_to_string("/proc/thread-self/net/dev")?.contains(device)))
    }

    /// A path by which `ip` finds it.
    pub(super) fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.handle.as_raw_fd())
    }
}
