//! A process that is identified by its pid and start time, so that a pid that the kernel has reused is
//! detected.

use std::io;
use std::os::fd::OwnedFd;

use crate::sys;

/// A process, which need not be a child of the tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pid {
    /// The pid.
    pub(crate) number: u32,
    /// The start time, in clock ticks since the boot of the host.
    pub(crate) start: u64,
}

impl Pid {
    /// Identifies a live process. Returns `None` if no process has this pid.
    pub(crate) fn of(number: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
        Some(Self { number, start: start_of(&stat)? })
    }

    /// Returns whether the process lives. A zombie process does not.
    pub(crate) fn lives(self) -> bool {
        Self::of(self.number) == Some(self)
    }

    /// Sends a signal to this process only. Returns whether the process lives.
    ///
    /// # Errors
    /// This user may not send the signal.
    pub(crate) fn signal(self, signal: libc::c_int) -> io::Result<bool> {
        let Some(handle) = self.open()? else { return Ok(false) };
        sys::signal(&handle, signal)?;
        Ok(true)
    }

    /// Opens the process. The handle refers to the process even after its pid is reused.
    fn open(self) -> io::Result<Option<OwnedFd>> {
        let handle = match sys::open_process(self.number) {
            Ok(handle) => handle,
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return Ok(None),
            Err(error) => return Err(error),
        };
        // Checked after the handle was opened: the handle refers to the current owner of the pid.
        Ok(self.lives().then_some(handle))
    }
}

/// Reads the start time from a line of `/proc/PID/stat`; returns `None` for a process that has ended. The
/// name in parentheses may contain any character, including parentheses and spaces.
fn start_of(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    // Field 22; the iterator begins at the state, field 3.
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};
    use std::time::{Duration, Instant};

    use super::*;
    use crate::process;
    use crate::sys::Bond;

    /// Time limit for the kernel to end a process on a loaded machine.
    const HANG: Duration = Duration::from_secs(60);

    /// Starts a process that lives until it is ended, at the latest with the test.
    fn sleeper() -> Child {
        let mut command = Command::new("sleep");
        sys::bind(command.arg("600"), Bond::Shared, &[]);
        command.spawn().unwrap()
    }

    #[test]
    fn a_process_is_identified_by_its_start_too() {
        let mut child = sleeper();
        let pid = Pid::of(child.id()).unwrap();
        assert!(pid.lives());
        // The same pid with another start time is another process and gets no signal.
        let recycled = Pid { start: pid.start + 1, ..pid };
        assert!(!recycled.lives());
        assert!(!recycled.signal(libc::SIGKILL).unwrap());
        assert!(process::wait(&mut child, Duration::from_millis(100)).unwrap().is_none());
        assert!(pid.signal(libc::SIGKILL).unwrap());
        assert!(process::wait(&mut child, HANG).unwrap().is_some());
        assert!(!pid.lives());
        assert!(!pid.signal(libc::SIGKILL).unwrap());
    }

    #[test]
    fn a_zombie_has_ended() {
        let mut child = sleeper();
        let pid = Pid::of(child.id()).unwrap();
        child.kill().unwrap();
        let deadline = Instant::now() + HANG;
        while pid.lives() {
            assert!(Instant::now() < deadline, "a child that was killed still lives");
            std::thread::sleep(Duration::from_millis(1));
        }
        child.wait().unwrap();
    }

    #[test]
    fn names_may_hold_brackets() {
        let tail = "S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 9 9";
        assert_eq!(start_of(&format!("7 (a b) S 1) {tail}")), Some(98_765));
        assert_eq!(start_of(&format!("7 (sh) {}", tail.replacen('S', "Z", 1))), None);
        assert_eq!(start_of(""), None);
    }
}
