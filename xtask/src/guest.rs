//! A running guest: QEMU, its network helper passt, and the wait for the first PONG.

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

/// Maximum time in which QEMU must end after a signal.
const STOP_LIMIT: Duration = Duration::from_secs(3);
/// Minimum time of one attempt to get a PONG. It is short, to detect a guest that boots in a tenth of a
/// second. The next constant is the maximum: it is long, to avoid many attempts with a guest that takes
/// minutes.
const PATIENCE_MIN: Duration = Duration::from_millis(4);
const PATIENCE_MAX: Duration = Duration::from_secs(2);

/// A guest and its network helper. Both end when this value is dropped, unless it was released.
#[derive(Debug)]
pub(crate) struct Guest {
    plan: GuestPlan,
    instance: Rc<Instance>,
    qemu: Child,
    /// The supervisor of passt, if the guest uses passt.
    supervisor: Option<Child>,
    started: Instant,
    released: bool,
}

/// The reason why the guest sent no PONG.
#[derive(Debug)]
pub(crate) enum NoPong {
    /// QEMU ended.
    Died(ExitStatus),
    /// The time limit has passed.
    Late,
    /// The user interrupted the wait.
    Interrupted,
}

impl Guest {
    /// Starts QEMU, and passt if the plan has it.
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
        // From here on, only QEMU holds the socket by which the supervisor detects the end of QEMU.
        let supervisor = supervisor.map(|supervisor| supervisor.child);
        let guest =
            Self { plan, instance, qemu, supervisor, started: Instant::now(), released: false };
        guest.record()?;
        Ok(guest)
    }

    /// Records the processes of the guest, so that `stop` can end them.
    fn record(&self) -> anyhow::Result<()> {
        // A process that has already ended has no start time, and need not be stopped.
        let Some(qemu) = Pid::of(self.qemu.id()) else { return Ok(()) };
        let supervisor = self.supervisor.as_ref().and_then(|supervisor| Pid::of(supervisor.id()));
        self.instance.record(&Processes { qemu, supervisor })
    }

    /// Waits for the first PONG, and then publishes the ports. The wait ends early if `tick` returns `true`.
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
            // A slow guest needs more time for an answer than the first attempts allow.
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

    /// Raises the listen backlog of QEMU's user network, so that many clients can connect at the same time.
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

    /// Waits until QEMU ends by itself. Returns `None` if the time limit has passed.
    pub(crate) fn wait_for_end(&mut self, limit: Duration) -> anyhow::Result<Option<ExitStatus>> {
        process::wait(&mut self.qemu, limit).context("waiting for QEMU")
    }

    /// Returns the exit status of QEMU, or `None` while it runs.
    pub(crate) fn try_wait(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.qemu.try_wait().context("looking at QEMU")
    }

    /// Lets the guest continue after the end of the tool.
    pub(crate) fn release(mut self) {
        self.released = true;
    }

    /// Returns the plan with which the guest was started.
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

    /// Returns the error for a guest that sent no PONG.
    pub(crate) fn explain(&self, reason: &NoPong, limit: Duration) -> anyhow::Error {
        let what = match reason {
            NoPong::Died(status) => autopsy::meaning(*status, &self.instance.console()),
            NoPong::Late => format!("no PONG within {} s", limit.as_secs()),
            NoPong::Interrupted => "interrupted".to_owned(),
        };
        exit::failure(Cause::Guest, format!("{what}{}", autopsy::last_words(&self.instance)))
    }

    /// Returns the error for a guest that sent a PONG and ended later by itself.
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
        // The supervisor detects the end of QEMU, ends passt, and then ends itself.
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
    /// The socket that QEMU inherits. When it is closed, the supervisor knows that QEMU has ended.
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
        // The supervisor must continue if the tool is killed, because then only the supervisor can end passt.
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

/// Ends a child process and its process group, which the child leads.
fn end_group(child: &mut Child) {
    let _ = sys::kill_group(child.id());
    let _ = child.wait();
}
