//! The server under test: an image behind a device, or Linux in its place.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use runtime_config::{ports, verdict};

use super::control::Control;
use super::dial::Dial;
use super::space::Space;
use crate::guest::{Guest, Plan};
use crate::instance::Instance;
use crate::network::{Forward, Network};
use crate::resp::Client;
use crate::sys::Bond;
use crate::test::tcp::reports;
use crate::test::tcp::subject::Programs;

/// The address of the server.
pub(super) const GUEST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
/// The address of the network next to it.
pub(super) const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
/// The device of the network next to it.
pub(super) const DEVICE: &str = "tap0";
/// Properties of a device that cuts no segments.
pub(super) const UNCUT: &str = ",host_tso4=off";
/// From the start of QEMU to the first PONG.
const BOOT_LIMIT: Duration = Duration::from_secs(60);
/// How long a server may take to answer after a case.
const AFTER_LIMIT: Duration = Duration::from_secs(20);

/// How a server is started.
#[derive(Clone, Debug)]
pub(super) struct Boot {
    /// The address words of the kernel command line; empty for DHCP.
    pub(super) address: String,
    /// Other words of the kernel command line.
    pub(super) line: &'static str,
    /// Further properties of the network device.
    pub(super) card: &'static str,
    /// Whether the first PONG is waited for.
    pub(super) waits: bool,
    /// Whether the device is a port of a bridge, for devices beside it.
    pub(super) is_bridged: bool,
}

impl Boot {
    /// A static address and the network next to it as the router.
    pub(super) fn plain() -> Self {
        let address = format!("ip={GUEST}/24,{HOST}");
        Self { address, line: "", card: "", waits: true, is_bridged: false }
    }

    /// Returns the same with words of the kernel command line.
    pub(super) fn line(self, line: &'static str) -> Self {
        Self { line, ..self }
    }

    /// Returns the same with properties of the network device.
    pub(super) fn card(self, card: &'static str) -> Self {
        Self { card, ..self }
    }

    /// Returns the same with other address words, and without waiting for a PONG.
    pub(super) fn address(self, words: &str) -> Self {
        Self { address: words.to_owned(), waits: false, ..self }
    }

    /// Returns the same with a device that shows every segment as it is on a cable.
    pub(super) fn uncut(self) -> Self {
        self.card(UNCUT)
    }

    /// Returns the same as a port of a bridge.
    pub(super) fn bridged(self) -> Self {
        Self { is_bridged: true, ..self }
    }
}

/// A server that runs.
pub(super) enum Server {
    /// The image.
    Image(Box<Guest>),
    /// Debian's Redis on Linux.
    Linux { _redis: Control },
}

impl Server {
    /// Starts an image on the device, which is there.
    pub(super) fn image(programs: &Programs<'_>, boot: &Boot) -> anyhow::Result<Self> {
        let base = programs.plan((GUEST, ports::RESP).into())?;
        let http = Forward { host: (GUEST, ports::HTTP).into(), guest: ports::HTTP };
        let plan = Plan {
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

    /// Whether it is the image, which has reports and counters.
    pub(super) fn is_image(&self) -> bool {
        matches!(self, Self::Image(_))
    }

    /// Whether it still runs.
    pub(super) fn runs(&mut self) -> anyhow::Result<bool> {
        match self {
            Self::Image(guest) => Ok(guest.try_wait()?.is_none()),
            Self::Linux { .. } => Ok(true),
        }
    }

    /// All that it has written to its console.
    pub(super) fn console(&self) -> String {
        match self {
            Self::Image(guest) => guest.instance().console(),
            Self::Linux { .. } => String::new(),
        }
    }

    /// Waits until its console shows a text, it ends, or the time of a boot is over.
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

    /// Says what it shows after a case that it must not show: its end, a fault, no answer.
    pub(super) fn judge(&mut self, space: &Space) -> anyhow::Result<()> {
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
        let mut client = patient(space, resp())?;
        if let Some(password) = password {
            reports::text(client.call(&["AUTH", password])?)?;
        }
        reports::check(&mut client).context("after the case")?;
        Ok(())
    }
}

/// Where RESP is served.
pub(super) fn resp() -> SocketAddrV4 {
    SocketAddrV4::new(GUEST, ports::RESP)
}

/// Where HTTP is served.
pub(super) fn http() -> SocketAddrV4 {
    SocketAddrV4::new(GUEST, ports::HTTP)
}

/// Connects, again and again for a while.
pub(super) fn patient(space: &Space, to: SocketAddrV4) -> anyhow::Result<Client> {
    let deadline = Instant::now() + AFTER_LIMIT;
    loop {
        match Dial::PLAIN.within(Duration::from_secs(2)).client(space, to) {
            Ok(client) => return Ok(client),
            Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(50)),
            Err(error) => return Err(error).context("no new client is served"),
        }
    }
}
