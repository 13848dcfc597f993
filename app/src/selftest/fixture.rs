//! The arguments and the result of a test.

use crate::hardware::machine::Window;
use crate::selftest::failed_check::FailedCheck;

/// The arguments of a test.
#[derive(Clone, Copy)]
pub(super) struct Fixture {
    /// The window of the image.
    pub(super) vm: &'static Window,
    /// Duration of the test for stale translations. 0 selects the default of that test.
    pub(super) seconds: u64,
}

/// The result of a test.
pub(super) type TestResult = Result<(), FailedCheck>;
