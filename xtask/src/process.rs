//! Runs child processes that end by themselves: compilers, package managers, and clients of tests.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::sys::{self, Bond};

/// Maximum time of any child process: the first build on a slow machine.
const LONGEST: Duration = Duration::from_secs(1800);
/// The interval of checks of a child.
const LOOK: Duration = Duration::from_millis(10);

static VERBOSE: AtomicBool = AtomicBool::new(false);

/// Shows the output of children also if they succeed.
pub(crate) fn set_verbose(verbose: bool) {
    VERBOSE.store(verbose, Ordering::SeqCst);
}

/// Returns whether the output of children is shown also if they succeed.
pub(crate) fn is_verbose() -> bool {
    VERBOSE.load(Ordering::SeqCst)
}

/// Prints one line that announces a step.
pub(crate) fn announce(verb: &str, what: &str) {
    eprintln!("{verb:>10}  {what}");
}

/// Runs a command to its end. Returns its output for any exit code.
pub(crate) fn capture(command: &mut Command) -> anyhow::Result<Output> {
    capture_within(command, LONGEST)
}

/// Runs a command, and returns its output. Kills the command when the time limit has passed.
///
/// # Errors
/// The command cannot run, or a signal ended it, such as the kill after the time limit.
pub(crate) fn capture_within(command: &mut Command, limit: Duration) -> anyhow::Result<Output> {
    capture_fed(command.stdin(Stdio::null()), Vec::new(), limit)
}

/// As [`capture_within`], for a command that reads `input` from its standard input.
///
/// # Errors
/// As [`capture_within`].
pub(crate) fn feed_within(
    command: &mut Command,
    input: Vec<u8>,
    limit: Duration,
) -> anyhow::Result<Output> {
    capture_fed(command.stdin(Stdio::piped()), input, limit)
}

fn capture_fed(command: &mut Command, input: Vec<u8>, limit: Duration) -> anyhow::Result<Output> {
    sys::bind(command, Bond::Shared, &[]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot run {}", show(command)))?;
    if let Some(mut pipe) = child.stdin.take() {
        // If the command stops reading, its own error explains the reason.
        std::thread::spawn(move || pipe.write_all(&input));
    }
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    if wait(&mut child, limit)?.is_none() {
        child.kill()?;
    }
    let status = child.wait()?;
    let output = Output { status, stdout: joined(stdout), stderr: joined(stderr) };
    if is_verbose() {
        eprintln!("$ {}", show(command));
        print_output(&output)?;
    }
    if output.status.code().is_none() {
        print_output(&output)?;
        bail!("{}: {}, at most {} s", show(command), output.status, limit.as_secs());
    }
    Ok(output)
}

/// Waits until a child ends. Returns `None` if the time limit has passed.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        let status = child.try_wait()?;
        if status.is_some() || Instant::now() > deadline {
            return Ok(status);
        }
        std::thread::sleep(LOOK);
    }
}

/// Reads a pipe to its end in the background, so that the child never blocks on it.
fn collect(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // Output that was read before an error is still worth showing.
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

fn joined(reader: JoinHandle<Vec<u8>>) -> Vec<u8> {
    reader.join().unwrap_or_default()
}

/// Runs a command that must succeed. Shows its output if it fails.
pub(crate) fn succeed(command: &mut Command) -> anyhow::Result<Output> {
    let output = capture(command)?;
    if !output.status.success() {
        if !is_verbose() {
            print_output(&output)?;
        }
        bail!("{}: {}", show(command), output.status);
    }
    Ok(output)
}

/// Prints the output of a child.
pub(crate) fn print_output(output: &Output) -> anyhow::Result<()> {
    let mut stderr = std::io::stderr().lock();
    stderr.write_all(&output.stderr)?;
    stderr.write_all(&output.stdout)?;
    Ok(())
}

/// Returns the output of a command, or `None` if it cannot run or fails.
pub(crate) fn ask(program: impl AsRef<Path>, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program.as_ref()).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Finds a program in `PATH`; a name with a slash is used unchanged.
pub(crate) fn find(program: impl AsRef<Path>) -> Option<PathBuf> {
    let program = program.as_ref();
    if program.components().count() > 1 {
        return program.is_file().then(|| program.to_path_buf());
    }
    find_in(&std::env::var_os("PATH")?, program)
}

/// Finds a program in the folders of a `PATH`.
pub(crate) fn find_in(path: &OsStr, program: impl AsRef<Path>) -> Option<PathBuf> {
    let program = program.as_ref();
    std::env::split_paths(path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Writes a command in the form of a shell.
pub(crate) fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| quote(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

/// Quotes a word for a shell if necessary.
pub(crate) fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./,:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_if_needed() {
        assert_eq!(quote("-netdev"), "-netdev");
        assert_eq!(quote("user,id=n0"), "user,id=n0");
        assert_eq!(quote("a b"), "'a b'");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote(""), "''");
    }

    #[test]
    fn programs_are_found_in_the_path() {
        assert!(find("sh").is_some());
        assert!(find("/bin/sh").is_some());
        assert!(find("no-such-program-here").is_none());
    }

    #[test]
    fn commands_that_hang_are_killed() {
        let limit = Duration::from_millis(50);
        let error = capture_within(Command::new("sleep").arg("60"), limit).unwrap_err();
        assert!(error.to_string().contains("sleep 60"), "{error}");
    }

    #[test]
    fn children_can_be_ended_while_signals_are_blocked() {
        let _signals = sys::Signals::block();
        let mut command = Command::new("sleep");
        sys::bind(command.arg("60"), Bond::Own, &[]);
        let mut child = command.spawn().unwrap();
        sys::kill(child.id(), libc::SIGTERM).unwrap();
        let status = wait(&mut child, Duration::from_secs(5)).unwrap();
        let _ = child.kill();
        assert!(status.is_some(), "SIGTERM did not reach the child");
    }

    #[test]
    fn failing_commands_are_named() {
        let error = succeed(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert!(error.to_string().contains("exit status: 3"), "{error}");
        assert_eq!(ask("sh", &["-c", "echo hi"]).as_deref(), Some("hi\n"));
        assert_eq!(ask("sh", &["-c", "exit 1"]), None);
    }
}
