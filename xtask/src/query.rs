//! `cargo xtask query`: sends commands to a running guest. They are words of the command line, or lines of
//! the input.

use std::ffi::OsString;
use std::io::{self, BufRead, ErrorKind, IsTerminal, Write};
use std::net::SocketAddr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::ExitCode;

use anyhow::Context;

use crate::cli::QueryOptions;
use crate::exit::{self, Cause};
use crate::instance;
use crate::resp::{Client, Reply, words};
use crate::workspace::Workspace;

/// The environment variable with the password, which `redis-cli` uses too.
const PASSWORD: &str = "REDISCLI_AUTH";

/// Runs `cargo xtask query`. An error reply is printed, and the exit code is then 1.
pub(crate) fn query(workspace: &Workspace, options: &QueryOptions) -> anyhow::Result<ExitCode> {
    let input = io::stdin();
    if options.command.is_empty() && input.is_terminal() {
        let message = "no command; give one, or commands on standard input, one per line";
        return Err(exit::failure(Cause::Usage, message));
    }
    let ports = instance::expect_live(workspace, &options.name)?;
    let mut session = Session::open(ports.resp, options)?;
    if options.command.is_empty() {
        session.run_lines(input.lock())?;
    } else {
        let words: Vec<_> = options.command.iter().map(|word| word.as_bytes()).collect();
        session.run(&words)?;
    }
    Ok(if session.has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A connection for a sequence of commands.
struct Session {
    client: Client,
    is_raw: bool,
    has_failed: bool,
    /// Whether the server has closed the connection because of a `SHUTDOWN`.
    has_ended: bool,
}

impl Session {
    /// Connects, authenticates, and chooses the protocol.
    fn open(address: SocketAddr, options: &QueryOptions) -> anyhow::Result<Self> {
        let client = Client::connect(address).with_context(|| format!("connect to {address}"))?;
        let mut session = Self { client, is_raw: options.raw, has_failed: false, has_ended: false };
        let password = options.password.clone().or_else(|| std::env::var_os(PASSWORD));
        if let Some(password) = password.map(OsString::into_vec) {
            session.expect_accepted("the password", &[b"AUTH", password.as_slice()])?;
        }
        if options.resp3 {
            session.expect_accepted("the protocol", &[b"HELLO", b"3"])?;
        }
        Ok(session)
    }

    fn expect_accepted(&mut self, what: &str, words: &[&[u8]]) -> anyhow::Result<()> {
        match self.client.call(words).with_context(|| format!("no reply to {what}"))? {
            Reply::Error(error) => anyhow::bail!("{what} is refused: {error}"),
            _ => Ok(()),
        }
    }

    /// Runs the commands of a text, which has one per line, up to `quit` or `exit`.
    fn run_lines(&mut self, input: impl BufRead) -> anyhow::Result<()> {
        for line in input.split(b'\n') {
            match words::split(&line.context("standard input")?) {
                None => {
                    println!("Invalid argument(s)");
                    self.has_failed = true;
                }
                Some(words) if words.is_empty() => {}
                Some(words) if is_end(&words) => break,
                Some(words) => self.run(&words)?,
            }
            if self.has_ended {
                break;
            }
        }
        Ok(())
    }

    /// Sends one command, and prints its reply. Push messages before the reply are printed first.
    fn run<T: AsRef<[u8]>>(&mut self, words: &[T]) -> anyhow::Result<()> {
        let mut reply = match self.client.call(words) {
            Err(error) if is_closed(&error) && is_shutdown(words) => {
                self.has_ended = true;
                return Ok(());
            }
            reply => reply.context("no reply")?,
        };
        while matches!(reply, Reply::Push(_)) {
            // As in redis-cli, only a terminal shows push messages.
            if io::stdout().is_terminal() {
                self.print(&reply)?;
            }
            reply = self.client.receive().context("no reply")?;
        }
        self.has_failed |= reply.is_error();
        self.print(&reply)
    }

    fn print(&self, reply: &Reply) -> anyhow::Result<()> {
        let text = if self.is_raw { reply.raw() } else { reply.terminal_bytes() };
        Ok(io::stdout().write_all(&text)?)
    }
}

/// Returns whether the words are the one request whose success ends the connection.
fn is_shutdown<T: AsRef<[u8]>>(words: &[T]) -> bool {
    words.first().is_some_and(|word| word.as_ref().eq_ignore_ascii_case(b"SHUTDOWN"))
}

fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset)
}

fn is_end(words: &[Vec<u8>]) -> bool {
    [b"quit", b"exit"].iter().any(|end| words[0].eq_ignore_ascii_case(*end))
}
