//! Compares QEMU's exit code with the counts on the console, and judges the run.

use core::fmt;

use super::exit::Exit;
use super::guest_end::GuestEnd;
use super::lines::{Footer, parse_announcement, parse_footer, test_lines};

/// The verdict on one run of the guest's tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every announced test ran and passed.
    Passed {
        /// Number of tests.
        tests: usize,
    },
    /// Some tests failed. The exit code, the announcement, the results and the footer agree.
    Failed {
        /// Number of tests that passed.
        passed: usize,
        /// Number of tests that failed.
        failed: usize,
    },
    /// The run is not conclusive, because a part is missing or the parts contradict each other.
    Broken(Break),
}

/// The reason why a run is not conclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// QEMU has no exit code, because a signal or the time limit ended it.
    NoExitCode,
    /// The guest ended for another reason than success or failure of the tests.
    End(GuestEnd),
    /// No line announces the number of tests.
    NoAnnouncement,
    /// The image announced 0 tests.
    NoTests,
    /// The footer is missing, because the guest stopped half-way.
    NoFooter {
        /// Number of tests that were announced.
        announced: usize,
        /// Number of result lines.
        results: usize,
    },
    /// The counts or the exit code do not agree.
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
    /// Judges a run by the text of the console and by QEMU's exit code, which is `None` if a signal ended
    /// QEMU.
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
