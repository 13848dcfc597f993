//! A newly booted image under test.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use runtime_config::{ports, verdict};

use crate::accel::Accel;
use crate::guest::{self, Guest, GuestPlan};
use crate::instance::Instance;
use crate::load_network::GuestLink;
use crate::network::NetRequest;
use crate::network::{self, Forward, Network};
use crate::qemu::Memory;
use crate::resp::Client;
use crate::runtime::Runtime;
use crate::sys::Bond;
use crate::test::programs::Programs;

use crate::test::reports::Audit;

/// Maximum time from the start of QEMU to the first PONG.
const BOOT_LIMIT: Duration = Duration::from_secs(60);
/// Maximum time in which the image must free the regions of a client that has ended.
const SETTLE_LIMIT: Duration = Duration::from_secs(20);

/// The settings of an image under test.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup {
    /// The kernel command line.
    pub(super) line: &'static str,
    /// Number of CPUs.
    pub(super) cpus: u32,
    /// The kind of network between host and guest.
    pub(super) network: NetRequest,
}

impl Setup {
    /// The default settings.
    pub(super) const PLAIN: Self = Self { line: "", cpus: 1, network: NetRequest::Auto };
}

/// A guest under test, which has answered a `PING`.
pub(super) struct Subject {
    guest: Guest,
    runtime: Runtime,
    network: Network,
    root: PathBuf,
}

impl Subject {
    /// Boots an image on a free port. QEMU uses TCG, so that the image behaves alike on every host.
    pub(super) fn boot(programs: &Programs<'_>, setup: Setup) -> anyhow::Result<Self> {
        let network = network::choose(setup.network)?.network;
        let host = network::free_port(0)?;
        let http = network::free_port_beside(host)?;
        let base = programs.plan(host)?;
        let plan = GuestPlan {
            smp: setup.cpus.max(programs.cpus),
            network: Some(network),
            append: setup.line.to_owned(),
            http: Some(Forward { host: http, guest: ports::HTTP }),
            ..base
        };
        Self::start(programs, plan)
    }

    /// Boots an image for hundreds of simultaneous clients, on a link that was set up before. The image has a
    /// BSP that serves requests and one AP. Its clock counts instructions, so that its turns have the same
    /// duration on busy and on idle hosts.
    pub(super) fn boot_on(
        link: GuestLink,
        programs: &Programs<'_>,
        line: &str,
    ) -> anyhow::Result<Self> {
        let base = programs.plan(network::free_port(0)?)?;
        let append = format!("{line} {}", link.append()).trim().to_owned();
        let memory = Memory::of_mebibytes(1024);
        let plan = GuestPlan { smp: 2, accel: Accel::CountedInTime, memory, append, ..base };
        let plan = link.attach(plan)?;
        let host = match plan.network {
            Some(Network::Tap(_)) => (link.address(), ports::HTTP).into(),
            _ => network::free_port_beside(plan.host)?,
        };
        let http = Some(Forward { host, guest: ports::HTTP });
        Self::start(programs, GuestPlan { http, ..plan })
    }

    fn start(programs: &Programs<'_>, plan: GuestPlan) -> anyhow::Result<Self> {
        let network = plan.network.context("a subject without a network")?;
        let Programs { workspace, runtime, .. } = *programs;
        let instance = Rc::new(Instance::claim(workspace, "test-tcp")?);
        let mut guest = Guest::start(plan, instance, Bond::Own)?;
        if let Err(reason) = guest.wait_for_pong(BOOT_LIMIT, || false)? {
            return Err(guest.explain(&reason, BOOT_LIMIT));
        }
        Ok(Self { guest, runtime, network, root: workspace.root().to_path_buf() })
    }

    /// Returns the name of the instance.
    pub(super) fn name(&self) -> &str {
        self.guest.instance().name()
    }

    /// Returns the address of the RESP service.
    pub(super) fn address(&self) -> SocketAddr {
        self.guest.plan().host
    }

    /// Returns the address of the HTTP reports.
    pub(super) fn http(&self) -> anyhow::Result<SocketAddr> {
        self.guest.ports().http.context("no HTTP port")
    }

    /// Returns the runtime of the image.
    pub(super) fn runtime(&self) -> Runtime {
        self.runtime
    }

    /// Returns the network between host and guest.
    pub(super) fn network(&self) -> Network {
        self.network
    }

    /// Returns the path of a file of the workspace.
    pub(super) fn file(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Returns the text of the console.
    pub(super) fn console(&self) -> String {
        self.guest.instance().console()
    }

    /// Opens a connection, and authenticates it if the image has a password.
    pub(super) fn connect(&self) -> anyhow::Result<Client> {
        let mut client = Client::connect(self.address()).context("cannot connect")?;
        let mut words = self.guest.plan().append.split(' ');
        if let Some(password) = words.find_map(|word| word.strip_prefix("requirepass=")) {
            crate::test::reports::text(client.call(&["AUTH", password])?)?;
        }
        Ok(client)
    }

    /// Waits until the image uses no more areas, frames and page tables than in the audit `before`.
    pub(super) fn settle(&self, client: &mut Client, before: &Audit) -> anyhow::Result<()> {
        let deadline = Instant::now() + SETTLE_LIMIT;
        loop {
            crate::test::reports::purge(client)?;
            let now = crate::test::reports::check(client)?;
            if now.holds_no_more_than(before) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("{now} after {} s, {before} before", SETTLE_LIMIT.as_secs());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the image has powered the machine off.
    ///
    /// # Errors
    /// The image still runs after the time limit, or ended in another way.
    pub(super) fn expect_off(&mut self) -> anyhow::Result<()> {
        let status = self.guest.wait_for_end(SETTLE_LIMIT)?.context("the image still runs")?;
        if guest::is_success(status) { Ok(()) } else { Err(self.guest.explain_end(status)) }
    }

    /// Adds a check of the image to the result of a test: the image must run, must pass an audit, and its
    /// console must show neither a fault nor a panic.
    pub(super) fn judge(&mut self, outcome: anyhow::Result<()>) -> anyhow::Result<()> {
        if let Some(status) = self.guest.try_wait()? {
            let death = self.guest.explain_end(status);
            return Err(match outcome {
                Ok(()) => death,
                Err(error) => error.context(format!("{death:#}")),
            });
        }
        outcome?;
        let mut client = self.connect()?;
        crate::test::reports::check(&mut client).context("after the test")?;
        let serial = self.console();
        let bad = [verdict::FAULT_PREFIX, verdict::PANIC_PREFIX];
        if let Some(line) =
            serial.lines().find(|line| bad.iter().any(|word| line.starts_with(word)))
        {
            bail!("the console says: {line}");
        }
        match verdict::kernel_stop(&serial) {
            Some(line) => bail!("the console says: {line}"),
            None => Ok(()),
        }
    }
}
