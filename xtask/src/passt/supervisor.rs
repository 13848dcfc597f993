//! The supervisor of passt: a process that ends passt when QEMU has ended.
//!
//! passt should end by itself when QEMU closes its end of the socket pair, but the version in Debian 12 was
//! observed to loop for ever instead. passt changes its user, so the kernel no longer kills it together with
//! the tool, and the tool itself may be killed. The supervisor is the parent of passt, in a session of its
//! own. The other end of its standard input is held by QEMU and the tool until QEMU runs, and then by QEMU
//! alone. The end of that input therefore means that QEMU has ended, for any reason.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use anyhow::Context;

use crate::process;

/// Maximum time in which passt may end by itself.
const GRACE: Duration = Duration::from_secs(1);
/// The time between two checks whether passt has ended before QEMU.
const LOOK: Duration = Duration::from_secs(1);

/// Writes the command of a supervisor, and returns the socket that QEMU must hold.
///
/// # Errors
/// A socket pair cannot be made.
pub(crate) fn command(supervised: &Command) -> anyhow::Result<(Command, UnixStream)> {
    let (held, input) = UnixStream::pair().context("a socket pair")?;
    // The program may have been rebuilt since it was started; this path names the running one.
    let mut command = Command::new("/proc/self/exe");
    command.args(["supervise", "--"]).arg(supervised.get_program()).args(supervised.get_args());
    command.stdin(Stdio::from(std::os::fd::OwnedFd::from(input)));
    Ok((command, held))
}

/// Runs `cargo xtask supervise`.
pub(crate) fn supervise(words: &[OsString]) -> anyhow::Result<ExitCode> {
    let (program, arguments) = words.split_first().context("no command")?;
    let mut command = Command::new(program);
    let child = command.args(arguments).stdin(Stdio::null()).spawn();
    keep(child.with_context(|| format!("cannot start {}", program.display()))?, std::io::stdin())?;
    Ok(ExitCode::SUCCESS)
}

/// Waits until the input ends or the child ends, and then ends the child.
fn keep(mut child: Child, mut input: impl Read + Send + 'static) -> std::io::Result<()> {
    let (end, has_ended) = mpsc::channel();
    std::thread::spawn(move || {
        // An error ends the wait too.
        let _ = std::io::copy(&mut input, &mut std::io::sink());
        end.send(())
    });
    while has_ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
        if child.try_wait()?.is_some() {
            return Ok(());
        }
    }
    if process::wait(&mut child, GRACE)?.is_none() {
        child.kill()?;
        child.wait()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pid::Pid;
    use crate::sys::{self, Bond};

    /// Time limit of a supervisor on a loaded machine.
    const HANG: Duration = Duration::from_secs(60);

    /// Starts a program that runs until its input ends or a signal arrives. It ends with the test.
    fn spawn(command: &mut Command) -> (Child, Pid) {
        sys::bind(command, Bond::Shared, &[]);
        let child = command.stdin(Stdio::piped()).spawn().unwrap();
        // The caller holds the input, so the process is alive and has a start time.
        let pid = Pid::of(child.id()).unwrap();
        (child, pid)
    }

    /// Runs a supervisor beside the test; the channel reports its return.
    fn supervisor(child: Child, input: UnixStream) -> mpsc::Receiver<std::io::Result<()>> {
        let (end, has_ended) = mpsc::channel();
        std::thread::spawn(move || end.send(keep(child, input)));
        has_ended
    }

    #[test]
    fn a_child_that_spins_is_ended_when_the_input_ends() {
        let script = "trap '' TERM HUP INT; while :; do :; done";
        let (child, pid) = spawn(Command::new("sh").args(["-c", script]));
        let (held, input) = UnixStream::pair().unwrap();
        let supervisor = supervisor(child, input);
        // Longer than one interval.
        assert_eq!(supervisor.recv_timeout(LOOK * 2).unwrap_err(), RecvTimeoutError::Timeout);
        assert!(pid.lives(), "ended while QEMU lives");
        drop(held);
        supervisor.recv_timeout(HANG).expect("the supervisor returns").unwrap();
        assert!(!pid.lives());
    }

    #[test]
    fn a_child_that_ends_is_not_waited_for() {
        let (mut child, pid) = spawn(&mut Command::new("cat"));
        let (_held, input) = UnixStream::pair().unwrap();
        // The end of its input ends the child.
        drop(child.stdin.take());
        supervisor(child, input).recv_timeout(HANG).expect("the supervisor returns").unwrap();
        assert!(!pid.lives());
    }
}
