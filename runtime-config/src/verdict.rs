//! What counts as a passed run of the guest's own tests.
//!
//! The guest announces `selftest: N tests`, prints one whole line `test NAME ... ok` or
//! `test NAME ... FAILED` per test when it has ended, and closes with the footer
//! `selftest: N passed, M failed`. Then it leaves through `isa-debug-exit`. A run has passed only
//! if the exit code says so **and** the announced count, the results and the footer agree: QEMU
//! ends with code 0 on a triple fault, and a guest that stops half-way prints no footer.

mod guest_end;

use core::fmt;

pub use guest_end::{GuestEnd, KernelExit, kernel_stop};

/// Why the guest leaves; the value is the byte that it writes to `isa-debug-exit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It did all that it was asked to.
    Success = 16,
    /// A test failed.
    Failure = 17,
    /// It panicked; the message is on the console.
    Panic = 18,
    /// A CPU exception that nobody recovers from; the [`FAULT_PREFIX`] line is on the console.
    Fault = 19,
    /// The machine cannot run it: too little memory, no network device.
    Refused = 20,
}

impl Exit {
    /// Every way to leave.
    pub const ALL: [Self; 5] =
        [Self::Success, Self::Failure, Self::Panic, Self::Fault, Self::Refused];

    /// Returns the byte to write to the debug-exit port.
    #[must_use]
    pub const fn port_value(self) -> u8 {
        self as u8
    }

    /// Returns the exit code that QEMU ends with: 33 for success, then 35, 37, 39, 41.
    #[must_use]
    pub const fn qemu_code(self) -> i32 {
        ((self as i32) << 1) | 1
    }

    /// Returns the reason behind an exit code of QEMU, `None` when the guest did not choose it.
    #[must_use]
    pub fn from_qemu_code(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|exit| exit.qemu_code() == code)
    }

    /// Says in a clause what the guest meant.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Success => "the guest left with success",
            Self::Failure => "a test in the guest failed",
            Self::Panic => "the guest panicked",
            Self::Fault => "a CPU exception stopped the guest",
            Self::Refused => "the guest cannot run on this machine",
        }
    }
}

/// First word of the line that attributes a fatal CPU exception:
/// `FAULT #PF address=0x… rip=0x… error=0x… …`.
pub const FAULT_PREFIX: &str = "FAULT";
/// First word of the line behind a fault or a panic that says how the CPU came there:
/// `BACKTRACE rip=0x… 0x… 0x…`, where it was and where it would have returned to, the nearest first.
pub const BACKTRACE_PREFIX: &str = "BACKTRACE";
/// First word of the line that a panic prints: `PANIC file:line: message`.
pub const PANIC_PREFIX: &str = "PANIC";

/// Starts the line in which the image says why it cannot run on this machine.
pub const REFUSAL_PREFIX: &str = "REFUSED";
/// First word of the announcement and of the footer.
pub const SELFTEST_PREFIX: &str = "selftest:";

/// The announcement, before the first test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// Tests that will run.
    pub tests: usize,
}

impl fmt::Display for Announcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SELFTEST_PREFIX} {} tests", self.tests)
    }
}

/// The line of one test that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestLine<'a> {
    /// Name of the test, without spaces.
    pub name: &'a str,
    /// Whether it passed.
    pub passed: bool,
}

impl fmt::Display for TestLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "test {} ... {}", self.name, if self.passed { "ok" } else { "FAILED" })
    }
}

impl<'a> TestLine<'a> {
    /// Parses a line of the console, `None` when it is no test line.
    #[must_use]
    pub fn parse(line: &'a str) -> Option<Self> {
        let (name, result) = line.trim().strip_prefix("test ")?.split_once(" ... ")?;
        let passed = match result {
            "ok" => true,
            "FAILED" => false,
            _ => return None,
        };
        Some(Self { name, passed })
    }
}

/// The footer, after the last test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footer {
    /// Tests that passed.
    pub passed: usize,
    /// Tests that failed.
    pub failed: usize,
}

impl fmt::Display for Footer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SELFTEST_PREFIX} {} passed, {} failed", self.passed, self.failed)
    }
}

/// The judgement over one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every announced test ran and passed.
    Passed {
        /// How many.
        tests: usize,
    },
    /// Exit code, announcement, results and footer agree that tests failed.
    Failed {
        /// Tests that passed.
        passed: usize,
        /// Tests that failed.
        failed: usize,
    },
    /// The run proves nothing: something is missing or contradicts the rest.
    Broken(Break),
}

/// Why a run proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// QEMU was ended by a signal, or was stopped by the time limit.
    NoExitCode,
    /// The guest ended with neither success nor failure.
    End(GuestEnd),
    /// No line announced how many tests there are.
    NoAnnouncement,
    /// The image announced no test at all.
    NoTests,
    /// No footer: the guest stopped half-way.
    NoFooter {
        /// Tests that were announced.
        announced: usize,
        /// Result lines that were seen.
        results: usize,
    },
    /// The counts differ.
    Mismatch {
        /// Tests that were announced.
        announced: usize,
        /// Result lines that say ok.
        passed: usize,
        /// Result lines that say FAILED.
        failed: usize,
        /// What the footer says.
        footer: Footer,
        /// What QEMU ended with.
        exit_code: i32,
    },
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoExitCode => f.write_str("no exit code: a signal or the time limit ended QEMU"),
            Self::End(end) => end.fmt(f),
            Self::NoAnnouncement => f.write_str("no tests were announced"),
            Self::NoTests => f.write_str("0 tests were announced"),
            Self::NoFooter { announced, results } => {
                write!(f, "no footer: {results} results of {announced} tests")
            }
            Self::Mismatch { announced, passed, failed, footer, exit_code } => write!(
                f,
                "{announced} announced, {passed} ok and {failed} FAILED seen, {} and {} in the \
                 footer, exit code {exit_code}",
                footer.passed, footer.failed
            ),
        }
    }
}

impl Verdict {
    /// Judges a run by QEMU's exit code (`None` after a signal) and the text of the console.
    #[must_use]
    pub fn judge(exit_code: Option<i32>, serial: &str) -> Self {
        match judge(exit_code, serial) {
            Ok(verdict) => verdict,
            Err(broken) => Self::Broken(broken),
        }
    }
}

fn judge(exit_code: Option<i32>, serial: &str) -> Result<Verdict, Break> {
    let exit_code = exit_code.ok_or(Break::NoExitCode)?;
    let expected = [Exit::Success.qemu_code(), Exit::Failure.qemu_code()];
    if !expected.contains(&exit_code) {
        return Err(Break::End(GuestEnd::judge(exit_code, serial)));
    }
    let announced = serial.lines().find_map(parse_announcement).ok_or(Break::NoAnnouncement)?;
    if announced == 0 {
        return Err(Break::NoTests);
    }
    let passed = test_lines(serial).filter(|line| line.passed).count();
    let failed = test_lines(serial).filter(|line| !line.passed).count();
    let footer = serial
        .lines()
        .find_map(parse_footer)
        .ok_or(Break::NoFooter { announced, results: passed + failed })?;
    let claims_success = exit_code == Exit::Success.qemu_code();
    let agrees = footer == Footer { passed, failed }
        && announced == passed + failed
        && claims_success == (failed == 0);
    match (agrees, claims_success) {
        (true, true) => Ok(Verdict::Passed { tests: passed }),
        (true, false) => Ok(Verdict::Failed { passed, failed }),
        (false, _) => Err(Break::Mismatch { announced, passed, failed, footer, exit_code }),
    }
}

/// Iterates over the results on a console, in order.
pub fn test_lines(serial: &str) -> impl Iterator<Item = TestLine<'_>> {
    serial.lines().filter_map(TestLine::parse)
}

fn parse_announcement(line: &str) -> Option<usize> {
    line.trim().strip_prefix(SELFTEST_PREFIX)?.trim().strip_suffix(" tests")?.parse().ok()
}

fn parse_footer(line: &str) -> Option<Footer> {
    let (passed, failed) = line.trim().strip_prefix(SELFTEST_PREFIX)?.trim().split_once(", ")?;
    let passed = passed.strip_suffix(" passed")?.parse().ok()?;
    let failed = failed.strip_suffix(" failed")?.parse().ok()?;
    Some(Footer { passed, failed })
}

#[cfg(test)]
mod tests;
