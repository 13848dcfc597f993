//! Parses the console lines on which a verdict is based.

use core::fmt;

/// First word of the line that describes a fatal CPU exception: `FAULT #PF address=0x… rip=0x… error=0x… …`.
pub const FAULT_PREFIX: &str = "FAULT";
/// First word of the line with the call chain that follows a fault or a panic: `BACKTRACE rip=0x… 0x… 0x…`.
/// The line contains the address at which the CPU was, and the return addresses, innermost first.
pub const BACKTRACE_PREFIX: &str = "BACKTRACE";
/// First word of the line that a panic prints: `PANIC file:line: message`.
pub const PANIC_PREFIX: &str = "PANIC";

/// First word of the line in which the image reports why it cannot run on this machine.
pub const REFUSAL_PREFIX: &str = "REFUSED";
/// First word of the announcement and of the footer.
pub const SELFTEST_PREFIX: &str = "selftest:";

/// The announcement that the guest prints before the first test.
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

/// The result line of one test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestLine<'a> {
    /// Name of the test, without spaces.
    pub name: &'a str,
    /// Whether the test passed.
    pub passed: bool,
}

impl fmt::Display for TestLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "test {} ... {}", self.name, if self.passed { "ok" } else { "FAILED" })
    }
}

impl<'a> TestLine<'a> {
    /// Parses a line of the console. Returns `None` if it is not the result line of a test.
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

/// The footer that the guest prints after the last test.
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

/// Iterates over the test results on a console, in order.
pub fn test_lines(serial: &str) -> impl Iterator<Item = TestLine<'_>> {
    serial.lines().filter_map(TestLine::parse)
}

pub(super) fn parse_announcement(line: &str) -> Option<usize> {
    line.trim().strip_prefix(SELFTEST_PREFIX)?.trim().strip_suffix(" tests")?.parse().ok()
}

pub(super) fn parse_footer(line: &str) -> Option<Footer> {
    let (passed, failed) = line.trim().strip_prefix(SELFTEST_PREFIX)?.trim().split_once(", ")?;
    let passed = passed.strip_suffix(" passed")?.parse().ok()?;
    let failed = failed.strip_suffix(" failed")?.parse().ok()?;
    Some(Footer { passed, failed })
}
