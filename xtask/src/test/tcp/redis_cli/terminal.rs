//! Runs a program on a pseudo-terminal, and types its input.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::process;
use crate::sys::{self, Bond};

/// Number of columns of the terminal: enough for the longest hint, because longer lines are cut.
const COLUMNS: u16 = 400;
const ROWS: u16 = 50;

/// A program that runs on a terminal. It ends when this value is dropped.
#[derive(Debug)]
pub(super) struct Terminal {
    child: Child,
    keys: File,
    screen: Receiver<Vec<u8>>,
    shown: String,
    /// The end of the text that [`await_text`](Self::await_text) has read.
    read: usize,
    limit: Duration,
}

impl Terminal {
    /// Starts a program. `limit` is the maximum time of each wait.
    pub(super) fn start(command: &mut Command, limit: Duration) -> anyhow::Result<Self> {
        let (person, program) = sys::open_terminal(ROWS, COLUMNS)?;
        command.stdin(program.try_clone()?).stdout(program.try_clone()?).stderr(program);
        // On a terminal of the type `dumb`, redis-cli shows no hints.
        command.env("TERM", "xterm");
        sys::bind(command, Bond::Own, &[]);
        let child = command.spawn().with_context(|| process::show(command))?;
        // While the command holds the program's end of the terminal open, the end of the program cannot be
        // detected.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let keys = File::from(person);
        let mut pictures = keys.try_clone()?;
        let (send, screen) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // When the program ends, its end of the terminal closes, and this read fails.
            while let Ok(count) = pictures.read(&mut bytes) {
                if count == 0 || send.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, keys, screen, shown: String::new(), read: 0, limit })
    }

    /// Types `text`.
    pub(super) fn press(&mut self, text: &str) -> anyhow::Result<()> {
        self.keys.write_all(text.as_bytes()).context("the terminal takes no keys")
    }

    /// Reads until `text` appears. Returns the text before it.
    pub(super) fn await_text(&mut self, text: &str) -> anyhow::Result<String> {
        let deadline = Instant::now() + self.limit;
        loop {
            if let Some(at) = self.shown[self.read..].find(text) {
                let before = self.shown[self.read..self.read + at].to_owned();
                self.read += at + text.len();
                return Ok(before);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(bytes) => self.shown.push_str(&String::from_utf8_lossy(&bytes)),
                Err(_) => bail!("no {text:?} in {:?}", &self.shown[self.read..]),
            }
        }
    }

    /// Waits for the program to end.
    pub(super) fn end(&mut self) -> anyhow::Result<ExitStatus> {
        process::wait(&mut self.child, self.limit)?.context("the program on the terminal stays")
    }

    /// Returns the text that the program has shown and that was read.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A program that has ended by itself need not be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
