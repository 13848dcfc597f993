//! Tests of the tool: a guest must end together with the tool unless it was detached.

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use super::tool::{self, Tool};
use crate::instance::{self, Ports, Processes};
use crate::process;
use crate::qemu::Memory;
use crate::resp::client;
use crate::sys::{self, Bond};
use crate::test::tally::Skip;
use crate::workspace::Workspace;

const NAME: &str = "test-tool";
const DOWN_LIMIT: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(5);

/// After `run --detach`, `query` and `stop`, every process must have ended and `ports.json` must be removed.
pub(super) fn stop(tool: &Tool<'_>) -> anyhow::Result<()> {
    let smallest = Memory::SMALLEST.to_string();
    let output =
        tool.call(&["run", "--detach", "--name", NAME, "--port", "0", "--memory", &smallest])?;
    ensure!(output.status.success(), "run: {}", text(&output.stderr));
    let (ports, processes) = recorded(tool.workspace)?;
    ensure!(client::pongs(ports.resp, Duration::from_secs(5)), "no PONG after run --detach");
    let query = tool.call(&["query", "--name", NAME, "PING"])?;
    ensure!(query.status.success() && query.stdout == b"PONG\n", "query: {}", text(&query.stdout));
    let refused = tool.call(&["query", "--name", NAME, "VMALLOC", "0"])?;
    ensure!(refused.status.code() == Some(1), "query of an error: {}", refused.status);
    ensure!(text(&refused.stdout).starts_with("(error) INVAL"), "{}", text(&refused.stdout));
    let stopped = tool.call(&["stop", "--name", NAME])?;
    ensure!(stopped.status.success(), "stop: {}", text(&stopped.stderr));
    ensure!(processes.living().is_empty(), "after stop: {:?}", processes.living());
    expect_gone(tool.workspace, &ports)?;
    let again = tool.call(&["stop", "--name", NAME])?;
    ensure!(again.status.code() == Some(5), "stop without a guest: {}", again.status);
    Ok(())
}

/// Tests `SHUTDOWN` by redis-cli and by `query`. `run` must end successfully, and the console must name the
/// client.
pub(super) fn shutdown(tool: &Tool<'_>) -> anyhow::Result<()> {
    if process::find("redis-cli").is_none() {
        return Err(Skip("redis-cli is not installed").into());
    }
    for is_stock in [true, false] {
        let mut child = start(tool)?;
        let outcome = wait_up(tool.workspace, &mut child).and_then(|ports| {
            let output = match is_stock {
                true => {
                    let port = ports.resp.port().to_string();
                    let mut command = Command::new("redis-cli");
                    process::capture_within(command.args(["-p", &port, "SHUTDOWN"]), tool::LIMIT)?
                }
                false => tool.call(&["query", "--name", NAME, "SHUTDOWN"])?,
            };
            let said = text(&[output.stdout, output.stderr].concat());
            ensure!(output.status.success() && said.is_empty(), "SHUTDOWN: {said:?}");
            let status = process::wait(&mut child, DOWN_LIMIT)?.context("run does not end")?;
            ensure!(status.success(), "run ended with {status}");
            Ok(ports)
        });
        if outcome.is_err() {
            // The tool may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
        expect_gone(tool.workspace, &outcome?)?;
        let serial = instance::folder(tool.workspace, NAME)?.join("serial.log");
        let console = std::fs::read_to_string(serial)?;
        ensure!(console.contains(" asked for a shutdown"), "no client is named: {console}");
        ensure!(console.contains("power off after "), "not powered off: {console}");
    }
    Ok(())
}

/// A second `run` with the name of a live guest must fail, and its error must contain the address of the
/// first.
pub(super) fn claimed(tool: &Tool<'_>) -> anyhow::Result<()> {
    let mut first = start(tool)?;
    let outcome = wait_up(tool.workspace, &mut first).and_then(|ports| {
        let second = tool.call(&["run", "--name", NAME, "--port", "0"])?;
        ensure!(second.status.code() == Some(5), "the second run: {}", second.status);
        let message = text(&second.stderr);
        ensure!(message.contains(&ports.resp.to_string()), "no ports in {message}");
        Ok(ports)
    });
    let ports = end(first, libc::SIGTERM, outcome)?;
    expect_gone(tool.workspace, &ports)
}

/// Sends SIGINT, as Ctrl-C does. The tool must end successfully, and no process may be left.
pub(super) fn interrupt(tool: &Tool<'_>) -> anyhow::Result<()> {
    let mut child = start(tool)?;
    let outcome = wait_up(tool.workspace, &mut child);
    let ports = end(child, libc::SIGINT, outcome)?;
    expect_gone(tool.workspace, &ports)
}

/// Sends SIGKILL, after which the tool cannot clean up. No process may be left.
pub(super) fn kill_running(tool: &Tool<'_>) -> anyhow::Result<()> {
    let mut child = start(tool)?;
    let outcome = wait_up(tool.workspace, &mut child);
    let ports = end(child, libc::SIGKILL, outcome)?;
    expect_gone(tool.workspace, &ports)
}

/// Sends SIGKILL before the first reply of the guest. No process may be left.
pub(super) fn kill_booting(tool: &Tool<'_>) -> anyhow::Result<()> {
    let folder = instance::folder(tool.workspace, NAME)?;
    let commands = folder.join("qemu.cmd");
    let _ = std::fs::remove_file(&commands);
    let mut child = start(tool)?;
    let outcome = wait_for(&mut child, || Ok(commands.exists().then_some(())));
    end(child, libc::SIGKILL, outcome)?;
    expect_silence(&folder, None)
}

/// A passt that loops after the end of QEMU must be ended by `stop`, or by the supervisor if the tool is
/// killed.
pub(super) fn spinning_passt(tool: &Tool<'_>) -> anyhow::Result<()> {
    let Some(passt) = process::find("passt") else {
        return Err(Skip("passt is not installed").into());
    };
    let folder = tool.workspace.path("target/run/test-passt");
    std::fs::create_dir_all(&folder)?;
    let script = folder.join("passt");
    let spin = "trap '' TERM HUP INT; {} \"$@\"; while :; do :; done";
    let spin = spin.replace("{}", &passt.display().to_string());
    std::fs::write(&script, format!("#!/bin/sh\n{spin}\n"))?;
    std::fs::set_permissions(&script, Permissions::from_mode(0o755))?;
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    let spinning = |mut command: Command| {
        command.args(["--net", "passt"]).env("PATH", &path);
        command
    };

    let child = spinning(run_command(tool, &["--detach"])?);
    let output = process::capture_within(&mut { child }, tool::LIMIT)?;
    ensure!(output.status.success(), "run: {}", text(&output.stderr));
    let (ports, processes) = recorded(tool.workspace)?;
    ensure!(processes.supervisor.is_some() && processes.living().len() == 2, "{processes:?}");
    let stopped = tool.call(&["stop", "--name", NAME])?;
    ensure!(stopped.status.success(), "stop: {}", text(&stopped.stderr));
    ensure!(processes.living().is_empty(), "after stop: {:?}", processes.living());
    expect_gone(tool.workspace, &ports)?;

    let mut child = spawn(spinning(run_command(tool, &[])?))?;
    let outcome = wait_up(tool.workspace, &mut child).and_then(|_| recorded(tool.workspace));
    let (ports, processes) = end(child, libc::SIGKILL, outcome)?;
    expect_gone(tool.workspace, &ports)?;
    ensure!(processes.living().is_empty(), "after kill -9: {:?}", processes.living());
    Ok(())
}

/// Returns the recorded ports and processes of the guest.
fn recorded(workspace: &Workspace) -> anyhow::Result<(Ports, Processes)> {
    let ports = instance::expect_live(workspace, NAME)?;
    let folder = instance::folder(workspace, NAME)?;
    Ok((ports, instance::processes(&folder).context("no processes are recorded")?))
}

/// If a port is in use, the tool must report the port before it builds the image.
pub(super) fn taken_port(tool: &Tool<'_>) -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let port = listener.local_addr()?.port().to_string();
    let output = tool.call(&["run", "--name", NAME, "--port", &port])?;
    ensure!(output.status.code() == Some(5), "run on a taken port: {}", output.status);
    let message = text(&output.stderr);
    ensure!(message.contains(&port) && message.contains("--port 0"), "{message}");
    Ok(())
}

fn start(tool: &Tool<'_>) -> anyhow::Result<Child> {
    spawn(run_command(tool, &[])?)
}

fn run_command(tool: &Tool<'_>, more: &[&str]) -> anyhow::Result<Command> {
    let mut command = tool.command(&["run", "--name", NAME, "--port", "0"])?;
    command.args(more);
    Ok(command)
}

fn spawn(mut command: Command) -> anyhow::Result<Child> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    sys::bind(&mut command, Bond::Own, &[]);
    command.spawn().context("cannot start the tool")
}

fn wait_up(workspace: &Workspace, child: &mut Child) -> anyhow::Result<Ports> {
    wait_for(child, || instance::find_live(workspace, NAME))
}

fn wait_for<T>(
    child: &mut Child,
    mut look: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + tool::LIMIT;
    while Instant::now() < deadline {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if let Some(status) = child.try_wait()? {
            bail!("the tool ended: {status}");
        }
        std::thread::sleep(LOOK);
    }
    bail!("not up within {} s", tool::LIMIT.as_secs())
}

/// Sends a signal to the tool, and checks how the tool ends. Kills the tool after a failure.
fn end<T>(mut child: Child, signal: i32, outcome: anyhow::Result<T>) -> anyhow::Result<T> {
    // If the tool has already ended, its own result explains the failure better.
    let sent = sys::kill(child.id(), signal);
    let status = process::wait(&mut child, DOWN_LIMIT)?;
    if status.is_none() {
        child.kill()?;
        child.wait()?;
    }
    let found = outcome?;
    sent?;
    let status = status.context("the tool does not end")?;
    match signal {
        libc::SIGKILL => ensure!(status.signal() == Some(signal), "the tool ended: {status}"),
        _ => ensure!(status.success(), "the tool ended: {status}"),
    }
    Ok(found)
}

fn expect_gone(workspace: &Workspace, ports: &Ports) -> anyhow::Result<()> {
    let folder = instance::folder(workspace, NAME)?;
    expect_silence(&folder, Some(ports))?;
    // A process that is ending has no command line any more, but may still hold its lock and its sockets.
    let deadline = Instant::now() + DOWN_LIMIT;
    while instance::find_live(workspace, NAME)?.is_some() {
        ensure!(Instant::now() < deadline, "the name still lives");
        std::thread::sleep(LOOK);
    }
    while TcpListener::bind(ports.resp).is_err() {
        ensure!(Instant::now() < deadline, "the port is still taken");
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// Waits until no QEMU and no passt of this folder is left.
fn expect_silence(folder: &Path, ports: Option<&Ports>) -> anyhow::Result<()> {
    let deadline = Instant::now() + DOWN_LIMIT;
    let serial = folder.join("serial.log").display().to_string();
    let port = passt_port(folder, ports);
    loop {
        let left = processes(|line| {
            line.contains(&serial) || port.as_ref().is_some_and(|port| line.contains(port))
        })?;
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("still there: {}", left.join("; "));
        }
        std::thread::sleep(LOOK);
    }
}

/// Returns a word that occurs only in the command line of this guest's passt.
fn passt_port(folder: &Path, ports: Option<&Ports>) -> Option<String> {
    if let Some(ports) = ports {
        return Some(format!("{}/{}:", ports.resp.ip(), ports.resp.port()));
    }
    let commands = std::fs::read_to_string(folder.join("qemu.cmd")).ok()?;
    let words = commands.split_whitespace();
    words.skip_while(|word| *word != "-t").nth(1).map(str::to_owned)
}

/// Returns the command lines of processes for which `matches` returns `true`, without the test's own
/// processes.
fn processes(matches: impl Fn(&str) -> bool) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Ok(line) = std::fs::read(entry.path().join("cmdline")) else {
            continue;
        };
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if matches(&line) {
            found.push(line);
        }
    }
    Ok(found)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}
