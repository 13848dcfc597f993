//! A running guest: QEMU, its network helper, and the wait for its first PONG.

mod autopsy;
pub(crate) mod plan;

use std::fs::File;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::exit::{self, Cause};
use crate::instance::{Instance, Ports, Processes};
use crate::network::{Forward, Network};
use crate::passt::supervisor;
use crate::pid::Pid;
use crate::resp::client;
use crate::sys::{self, Bond};
use crate::{listen_backlog, process};

pub(crate) use autopsy::is_success;
pub(crate) use plan::GuestPlan;

/// How long QEMU may take to end after a signal.
const STOP_LIMIT: Duration = Duration::from_secs(3);
/// Bounds of the wait for one PONG: the short one detects a guest that boots in a tenth of a second, the
/// long one avoids many probes of a guest that takes minutes.
const PATIENCE_MIN: Duration = Duration::from_millis(4);
const PATIENCE_MAX: Duration = Duration::from_secs(2);

/// A guest and its helper. Dropping it ends both, unless it was released.
#[derive(Debug)]
pub(crate) struct Guest {
    plan: GuestPlan,
    instance: Rc<Instance>,
    qemu: Child,
    /// The supervisor of passt.
    supervisor: Option<Child>,
    started: Instant,
    released: bool,
}

/// The reason why no PONG came.
#[derive(Debug)]
pub(crate) enum NoPong {
    /// QEMU ended.
    Died(ExitStatus),
    /// The time limit was exceeded.
    Late,
    /// A person interrupted the wait.
    Interrupted,
}

impl Guest {
    /// Starts QEMU and, if the plan has one, passt.
    pub(crate) fn start(
        plan: GuestPlan,
        instance: Rc<Instance>,
        bond: Bond,
    ) -> anyhow::Result<Self> {
        let _ = std::fs::remove_file(instance.serial());
        let pair = match plan.network {
            Some(Network::Passt) => Some(UnixStream::pair().context("a socket pair")?),
            Some(Network::User | Network::Tap(_)) | None => None,
        };
        let ends = pair.as_ref().map(|(near, far)| (near.as_raw_fd(), far.as_raw_fd()));
        let (passt, mut qemu) = plan.commands(&instance.serial(), ends);
        qemu.stdin(Stdio::null());
        let path = instance.path("qemu.cmd");
        std::fs::write(&path, plan::script(passt.as_ref(), &qemu))
            .with_context(|| path.display().to_string())?;
        let mut supervisor = PasstSupervisor::start(passt, &instance, ends)?;
        let mut inherit = vec![instance.lock_descriptor()];
        inherit.extend(ends.map(|(near, _)| near));
        inherit.extend(supervisor.as_ref().map(|supervisor| supervisor.tie.as_raw_fd()));
        let qemu = spawn(qemu, &instance, "qemu.log", bond, &inherit).inspect_err(|_| {
            if let Some(supervisor) = &mut supervisor {
                end_group(&mut supervisor.child);
            }
        })?;
        // From here on QEMU alone holds the socket of the supervisor.
        let supervisor = supervisor.map(|supervisor| supervisor.child);
        let guest =
            Self { plan, instance, qemu, supervisor, started: Instant::now(), released: false };
        guest.record()?;
        Ok(guest)
    }

    /// Records the processes for `stop`.
    fn record(&self) -> anyhow::Result<()> {
        // A process that has ended has no start time and need not be stopped.
        let Some(qemu) = Pid::of(self.qemu.id()) else { return Ok(()) };
        let supervisor = self.supervisor.as_ref().and_then(|supervisor| Pid::of(supervisor.id()));
        self.instance.record(&Processes { qemu, supervisor })
    }

    /// Waits for the first PONG and publishes the ports; `tick` returns whether to give up.
    pub(crate) fn wait_for_pong(
        &mut self,
        limit: Duration,
        mut tick: impl FnMut() -> bool,
    ) -> anyhow::Result<Result<Duration, NoPong>> {
        loop {
            if let Some(status) = self.qemu.try_wait()? {
                return Ok(Err(NoPong::Died(status)));
            }
            if tick() {
                return Ok(Err(NoPong::Interrupted));
            }
            // A slow guest needs more time for one answer than the first probes give it.
            let patience = (self.started.elapsed() / 10).clamp(PATIENCE_MIN, PATIENCE_MAX);
            if client::pongs(self.plan.host, patience) {
                self.raise_backlogs();
                self.instance.publish(&self.ports())?;
                return Ok(Ok(self.started.elapsed()));
            }
            if self.started.elapsed() > limit {
                return Ok(Err(NoPong::Late));
            }
            std::thread::sleep(PATIENCE_MIN);
        }
    }

    /// Lets many clients connect at once through QEMU's user network.
    fn raise_backlogs(&self) {
        if self.plan.network != Some(Network::User) {
            return;
        }
        for Forward { host, .. } in self.plan.forwards().iter() {
            if let Err(error) = listen_backlog::raise(self.qemu.id(), host.port()) {
                process::announce(
                    "Backlog",
                    &format!("of port {} stays 1: {error:#}", host.port()),
                );
            }
        }
    }

    /// Waits until QEMU ends by itself; returns `None` if the time limit is exceeded.
    pub(crate) fn wait_for_end(&mut self, limit: Duration) -> anyhow::Result<Option<ExitStatus>> {
        process::wait(&mut self.qemu, limit).context("waiting for QEMU")
    }

    /// Returns the exit status if QEMU has ended.
    pub(crate) fn try_wait(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.qemu.try_wait().context("looking at QEMU")
    }

    /// Leaves the guest running when the tool ends.
    pub(crate) fn release(mut self) {
        self.released = true;
    }

    /// Returns the plan that the guest was started with.
    pub(crate) fn plan(&self) -> &GuestPlan {
        &self.plan
    }

    /// Returns the instance of the guest.
    pub(crate) fn instance(&self) -> &Instance {
        &self.instance
    }

    /// Returns the content of `ports.json`.
    pub(crate) fn ports(&self) -> Ports {
        Ports {
            resp: self.plan.host,
            http: self.plan.http.map(|http| http.host),
            pid: self.qemu.id(),
            accel: self.plan.accel.to_string(),
        }
    }

    /// Makes the error for a guest that did not come up.
    pub(crate) fn explain(&self, reason: &NoPong, limit: Duration) -> anyhow::Error {
        let what = match reason {
            NoPong::Died(status) => autopsy::meaning(*status, &self.instance.console()),
            NoPong::Late => format!("no PONG within {} s", limit.as_secs()),
            NoPong::Interrupted => "interrupted".to_owned(),
        };
        exit::failure(Cause::Guest, format!("{what}{}", autopsy::last_words(&self.instance)))
    }

    /// Makes the error for a guest that came up and ended by itself.
    pub(crate) fn explain_end(&self, status: ExitStatus) -> anyhow::Error {
        self.explain(&NoPong::Died(status), Duration::ZERO)
    }

    fn stop(&mut self) {
        self.instance.forget_ports();
        let _ = sys::kill(self.qemu.id(), libc::SIGTERM);
        if !matches!(process::wait(&mut self.qemu, STOP_LIMIT), Ok(Some(_))) {
            let _ = self.qemu.kill();
            let _ = self.qemu.wait();
        }
        // The supervisor detects the end of QEMU, ends passt and then itself.
        if let Some(supervisor) = &mut self.supervisor
            && !matches!(process::wait(supervisor, STOP_LIMIT), Ok(Some(_)))
        {
            end_group(supervisor);
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if !self.released {
            self.stop();
        }
    }
}

/// A supervisor that waits for the end of QEMU.
struct PasstSupervisor {
    child: Child,
    /// The socket that QEMU inherits; the supervisor detects that it is closed.
    tie: UnixStream,
}

impl PasstSupervisor {
    /// Starts passt under its supervisor, if the plan has a passt.
    fn start(
        passt: Option<Command>,
        instance: &Instance,
        ends: Option<(RawFd, RawFd)>,
    ) -> anyhow::Result<Option<Self>> {
        let (Some(passt), Some((_, far))) = (passt, ends) else { return Ok(None) };
        let (command, tie) = supervisor::command(&passt)?;
        // The supervisor must outlive a tool that is killed, because only the supervisor can then end
        // passt.
        let child = spawn(command, instance, "passt.log", Bond::Released, &[far])?;
        Ok(Some(Self { child, tie }))
    }
}

fn spawn(
    mut command: Command,
    instance: &Instance,
    log: &str,
    bond: Bond,
    inherit: &[i32],
) -> anyhow::Result<Child> {
    let log = File::create(instance.path(log))?;
    command.stdout(log.try_clone()?).stderr(log);
    sys::bind(&mut command, bond, inherit);
    command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))
}

/// Ends a child that leads a process group, with the group.
fn end_group(child: &mut Child) {
    let _ = sys::kill_group(child.id());
    let _ = child.wait();
}
