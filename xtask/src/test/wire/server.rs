//! The server under test: an image behind a device, or Linux in place of the image.

use std::net::SocketAddrV4;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use runtime_config::{ports, verdict};

use super::boot::Boot;
use super::control::Control;
use super::dial::Dial;
use super::namespace::Namespace;
use super::topology::{DEVICE, GUEST, resp};
use crate::guest::{Guest, GuestPlan};
use crate::instance::Instance;
use crate::network::{Forward, Network};
use crate::resp::Client;
use crate::sys::Bond;
use crate::test::programs::Programs;
use crate::test::reports;

/// Maximum time from the start of QEMU to the first PONG.
const BOOT_LIMIT: Duration = Duration::from_secs(60);
/// Maximum time in which a server must answer after a case.
const AFTER_LIMIT: Duration = Duration::from_secs(20);

/// A running server.
pub(super) enum Server {
    /// The image.
    Image(Box<Guest>),
    /// Debian's Redis on Linux.
    Linux { _redis: Control },
}

impl Server {
    /// Starts an image on the existing device of the near network.
    pub(super) fn image(programs: &Programs<'_>, boot: &Boot) -> anyhow::Result<Self> {
        let base = programs.plan((GUEST, ports::RESP).into())?;
        let http = Forward { host: (GUEST, ports::HTTP).into(), guest: ports::HTTP };
        let plan = GuestPlan {
            network: Some(Network::Tap(DEVICE)),
            append: format!("{} {}", boot.address, boot.line).trim().to_owned(),
            card: boot.card,
            http: Some(http),
            ..base
        };
        let instance = Rc::new(Instance::claim(programs.workspace, "test-wire")?);
        let mut guest = Guest::start(plan, instance, Bond::Own)?;
        if boot.waits
            && let Err(reason) = guest.wait_for_pong(BOOT_LIMIT, || false)?
        {
            return Err(guest.explain(&reason, BOOT_LIMIT));
        }
        Ok(Self::Image(Box::new(guest)))
    }

    /// Returns whether the server is the image. Only the image has reports and counters.
    pub(super) fn is_image(&self) -> bool {
        matches!(self, Self::Image(_))
    }

    /// Returns whether the server still runs.
    pub(super) fn runs(&mut self) -> anyhow::Result<bool> {
        match self {
            Self::Image(guest) => Ok(guest.try_wait()?.is_none()),
            Self::Linux { .. } => Ok(true),
        }
    }

    /// Returns the text of the console.
    pub(super) fn console(&self) -> String {
        match self {
            Self::Image(guest) => guest.instance().console(),
            Self::Linux { .. } => String::new(),
        }
    }

    /// Waits until the console shows `text`. Returns `false` if the server ends, or if the time limit of a
    /// boot has passed.
    pub(super) fn wait_for(&mut self, text: &str) -> anyhow::Result<bool> {
        let deadline = Instant::now() + BOOT_LIMIT;
        while Instant::now() < deadline && self.runs()? {
            if self.console().contains(text) {
                return Ok(true);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(false)
    }

    /// Fails if the server has ended, if its console shows a fault, or if it does not answer.
    pub(super) fn judge(&mut self, namespace: &Namespace) -> anyhow::Result<()> {
        let Self::Image(guest) = self else { return Ok(()) };
        if let Some(status) = guest.try_wait()? {
            return Err(guest.explain_end(status));
        }
        let serial = guest.instance().console();
        let bad = [verdict::FAULT_PREFIX, verdict::PANIC_PREFIX];
        let mut lines = serial.lines();
        if let Some(line) = lines.find(|line| bad.iter().any(|word| line.starts_with(word))) {
            bail!("the console says: {line}");
        }
        let append = &guest.plan().append;
        let mut words = append.split(' ');
        let password = words.find_map(|word| word.strip_prefix("requirepass="));
        let mut client = patient(namespace, resp())?;
        if let Some(password) = password {
            reports::text(client.call(&["AUTH", password])?)?;
        }
        reports::check(&mut client).context("after the case")?;
        Ok(())
    }
}

/// Opens a connection. Retries for a while if that fails.
pub(super) fn patient(namespace: &Namespace, to: SocketAddrV4) -> anyhow::Result<Client> {
    let deadline = Instant::now() + AFTER_LIMIT;
    loop {
        match Dial::PLAIN.within(Duration::from_secs(2)).client(namespace, to) {
            Ok(client) => return Ok(client),
            Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(50)),
            Err(error) => return Err(error).context("no new client is served"),
        }
    }
}
