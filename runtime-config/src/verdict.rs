//! The verdict on a run of the guest's own tests.
//!
//! The guest announces `selftest: N tests`, prints one whole line `test NAME ... ok` or `test NAME ...
//! FAILED` when a test has ended, and closes with the footer `selftest: N passed, M failed`. Then it exits
//! through `isa-debug-exit`. A run has passed only if the exit code says so **and** the announced count,
//! the results and the footer agree: QEMU exits with code 0 on a triple fault, and a guest that stops
//! half-way prints no footer.

mod guest_end;

use core::fmt;

pub use guest_end::{GuestEnd, KernelExit, kernel_stop};

/// The reason of the guest's exit; the value is the byte that the guest writes to `isa-debug-exit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The guest has done all that was requested.
    Success = 16,
    /// A test failed.
    Failure = 17,
    /// The guest panicked; the message is on the console.
    Panic = 18,
    /// A fatal CPU exception; the [`FAULT_PREFIX`] line is on the console.
    Fault = 19,
    /// The image cannot run on the machine: too little memory, no network device.
    Refused = 20,
}

impl Exit {
    /// All reasons.
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

    /// Returns the reason behind an exit code of QEMU, or `None` if the guest did not choose the code.
    #[must_use]
    pub fn from_qemu_code(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|exit| exit.qemu_code() == code)
    }

    /// Describes the reason in a clause.
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
/// First word of the line after a fault or a panic that holds the call chain: `BACKTRACE rip=0x… 0x… 0x…`,
/// the address of the CPU and the return addresses, innermost first.
pub const BACKTRACE_PREFIX: &str = "BACKTRACE";
/// First word of the line that a panic prints: `PANIC file:line: message`.
pub const PANIC_PREFIX: &str = "PANIC";

/// First word of the line in which the image states why it cannot run on this machine.
pub const REFUSAL_PREFIX: &str = "REFUSED";
/// First word of the announcement and of the footer.
pub const SELFTEST_PREFIX: &str = "selftest:";

/// The announcement before the first test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// Number of tests that will run.
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
    /// Parses a line of the console; returns `None` if it is not a test line.
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

/// The footer after the last test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footer {
    /// Number of tests that passed.
    pub passed: usize,
    /// Number of tests that failed.
    pub failed: usize,
}

impl fmt::Display for Footer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SELFTEST_PREFIX} {} passed, {} failed", self.passed, self.failed)
    }
}

/// The verdict on one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every announced test ran and passed.
    Passed {
        /// Number of tests.
        tests: usize,
    },
    /// Exit code, announcement, results and footer agree that tests failed.
    Failed {
        /// Number of tests that passed.
        passed: usize,
        /// Number of tests that failed.
        failed: usize,
    },
    /// The run proves nothing: a part is missing or contradicts the others.
    Broken(Break),
}

/// The reason why a run is not conclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// A signal or the time limit ended QEMU.
    NoExitCode,
    /// The guest ended with neither success nor failure.
    End(GuestEnd),
    /// No line announces the number of tests.
    NoAnnouncement,
    /// The image announced 0 tests.
    NoTests,
    /// The footer is missing: the guest stopped half-way.
    NoFooter {
        /// Number of tests that were announced.
        announced: usize,
        /// Number of result lines.
        results: usize,
    },
    /// The counts differ.
    Mismatch {
        /// Number of tests that were announced.
        announced: usize,
        /// Number of result lines with `ok`.
        passed: usize,
        /// Number of result lines with `FAILED`.
        failed: usize,
        /// The counts of the footer.
        footer: Footer,
        /// The exit code of QEMU.
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

/// Iterates over the results on a console in order.
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
