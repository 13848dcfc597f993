//! `cargo xtask run`: installs missing programs, builds the image, and runs a guest.

mod banner;
mod ports;
mod tail;

use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use runtime_config::console::LogLevel;

use crate::accel::{self, Accel};
use crate::build::{self, Image};
use crate::cli::RunOptions;
use crate::guest::{self, Guest, GuestPlan, NoPong};
use crate::instance::{self, Instance};
use crate::qemu::{self, firmware};
use crate::sys::{Bond, Signals};
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;
use crate::{network, process};

use ports::Addresses;
use tail::Tail;

/// The time between two reads of the console while the guest runs.
const LOOK: Duration = Duration::from_millis(100);

/// Runs `cargo xtask run`.
pub(crate) fn run(workspace: &Workspace, options: &RunOptions) -> anyhow::Result<ExitCode> {
    if options.dry_run {
        return preview(workspace, options);
    }
    let Started { guest, accel, network, signals } = start(workspace, options)?;
    let Some((mut guest, pong)) = guest else {
        return Ok(ExitCode::from(130));
    };
    banner::print(workspace, options, &guest, pong, &accel, &network);
    if options.detach {
        guest.release();
        return Ok(ExitCode::SUCCESS);
    }
    watch(&mut guest, &signals, threshold(options))
}

/// A guest that was started, with the choices of its start.
#[derive(Debug)]
pub(crate) struct Started {
    /// The guest and the time until its first PONG, or `None` if the user interrupted the start.
    pub(crate) guest: Option<(Guest, Duration)>,
    /// The accelerator.
    pub(crate) accel: accel::AccelChoice,
    /// The network.
    pub(crate) network: network::NetworkChoice,
    /// The signals with which the user ends the guest.
    pub(crate) signals: Signals,
}

/// Installs missing programs, builds the image, and boots a guest until its first PONG.
pub(crate) fn start(workspace: &Workspace, options: &RunOptions) -> anyhow::Result<Started> {
    let (_, config) = options.machine.command_line()?;
    ports::check(options, &config)?;
    let instance = Rc::new(Instance::claim(workspace, &options.name)?);
    let Addresses { resp: host, http } = ports::choose(options, &config)?;
    let toolchain = Toolchain::ensure(workspace)?;
    let qemu = qemu::ensure(options.machine.qemu.as_deref())?;
    let image = build::compile(workspace, &toolchain, options.machine.runtime, Image::Service)?;
    let network = network::choose(options.machine.net)?;
    let accel = accel::choose(options.machine.accel);
    let plan = draft(options, qemu, image, accel.accel)?;
    let plan = GuestPlan { host, http, network: Some(network.network), ..plan };
    let (guest, accel, signals) = boot(options, plan, &instance, accel)?;
    Ok(Started { guest, accel, network, signals })
}

/// Chooses the settings that do not depend on the network of the host.
fn draft(
    options: &RunOptions,
    qemu: PathBuf,
    image: PathBuf,
    accel: Accel,
) -> anyhow::Result<GuestPlan> {
    let (append, config) = options.machine.command_line()?;
    let machine = &options.machine;
    Ok(GuestPlan {
        firmware: firmware::choose(machine.firmware, &qemu, &machine.machine)?,
        qemu,
        image,
        initrd: None,
        machine: machine.machine.clone(),
        cpu: machine.runtime.cpu(),
        memory: machine.memory,
        smp: machine.smp,
        numa: machine.numa,
        accel,
        network: None,
        card: "",
        append,
        host: ([127, 0, 0, 1], options.port).into(),
        guest_port: config.resp_port,
        http: None,
    })
}

type Booted = (Option<(Guest, Duration)>, accel::AccelChoice, Signals);

/// Starts the guest, and waits for its PONG. KVM may be tried first; if it is too slow, TCG is used.
fn boot(
    options: &RunOptions,
    mut plan: GuestPlan,
    instance: &Rc<Instance>,
    mut accel: accel::AccelChoice,
) -> anyhow::Result<Booted> {
    let bond = if options.detach { Bond::Released } else { Bond::Own };
    let full = Duration::from_secs(options.machine.timeout);
    let signals = Signals::block();
    loop {
        process::announce("Boot", &format!("under {}, at most {} s", accel.accel, full.as_secs()));
        let limit = if accel.on_trial { full.min(accel::TRIAL) } else { full };
        plan.accel = accel.accel;
        let mut tail = Tail::new(&instance.serial(), &plan.image, threshold(options));
        let mut guest = Guest::start(plan.clone(), Rc::clone(instance), bond)?;
        let outcome = guest.wait_for_pong(limit, || {
            tail.print_new();
            signals.wait(Duration::ZERO)
        })?;
        tail.print_new();
        match outcome {
            Ok(pong) => return Ok((Some((guest, pong)), accel, signals)),
            Err(NoPong::Interrupted) => return Ok((None, accel, signals)),
            Err(_) if accel.on_trial => {
                accel = accel::after_trial();
                process::announce("", &accel.why);
            }
            Err(reason) => return Err(guest.explain(&reason, limit)),
        }
    }
}

/// Shows the console until the guest ends or the user ends it.
fn watch(guest: &mut Guest, signals: &Signals, threshold: LogLevel) -> anyhow::Result<ExitCode> {
    let mut tail = Tail::at_end(&guest.instance().serial(), &guest.plan().image, threshold);
    loop {
        let asked = signals.wait(LOOK);
        tail.print_new();
        if asked {
            process::announce("Stop", guest.instance().name());
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(status) = guest.try_wait()? {
            tail.print_new();
            if !guest.instance().is_published() {
                process::announce("Stopped", "by cargo xtask stop");
                return Ok(ExitCode::SUCCESS);
            }
            if guest::is_success(status) {
                process::announce("Stopped", "by SHUTDOWN of a client");
                return Ok(ExitCode::SUCCESS);
            }
            return Err(guest.explain_end(status));
        }
    }
}

/// Returns the log level that is shown. By default only warnings and errors are shown, so that the banner
/// stays visible.
fn threshold(options: &RunOptions) -> LogLevel {
    options.machine.log.unwrap_or(LogLevel::Warn)
}

fn preview(workspace: &Workspace, options: &RunOptions) -> anyhow::Result<ExitCode> {
    let (_, config) = options.machine.command_line()?;
    ports::check(options, &config)?;
    instance::expect_free(workspace, &options.name)?;
    let folder = instance::folder(workspace, &options.name)?;
    let addresses = ports::fixed(options, &config)?;
    let network = network::choose(options.machine.net)?;
    let accel = accel::choose(options.machine.accel);
    let missing = "to be installed".to_owned();
    let toolchain = Toolchain::find(workspace)?.map_or(missing.clone(), |found| found.describe());
    let qemu = qemu::find(options.machine.qemu.as_deref())?;
    let shown = qemu.as_ref().map_or(missing, |path| path.display().to_string());
    let qemu = qemu.unwrap_or_else(|| PathBuf::from("qemu-system-x86_64"));
    let image = Image::Service.path(workspace, options.machine.runtime);
    let plan = draft(options, qemu, image, accel.accel)?;
    let Addresses { resp: host, http } = addresses;
    let plan = GuestPlan { host, http, network: Some(network.network), ..plan };
    println!("  compiler  {toolchain}");
    if let Some(note) = options.machine.runtime.note() {
        println!("   runtime  {note}");
    }
    println!("      qemu  {shown}");
    println!("     accel  {}: {}", accel.accel, accel.why);
    println!("   network  {}: {}", network.network, network.why);
    println!("     ports  {addresses}");
    print!("{}", plan.preview(&folder.join("serial.log")));
    Ok(ExitCode::SUCCESS)
}
