//! The checks that tests use, and the error of a failed check.

use core::fmt;
use core::panic::Location;

/// A failed check.
#[derive(Clone, Copy, Debug)]
pub(super) struct FailedCheck {
    what: &'static str,
    numbers: [u64; 2],
    place: &'static Location<'static>,
}

impl FailedCheck {
    /// Creates a failed check with a message and two numbers.
    #[track_caller]
    pub(super) fn new(what: &'static str, numbers: [u64; 2]) -> Self {
        Self { what, numbers, place: Location::caller() }
    }
}

impl fmt::Display for FailedCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, numbers: [first, second], place } = self;
        write!(f, "{what} ({first:#x}, {second:#x}) at {}:{}", place.file(), place.line())
    }
}

/// Returns a failed check unless `holds` is `true`.
#[track_caller]
pub(super) fn ensure(holds: bool, what: &'static str) -> Result<(), FailedCheck> {
    if holds { Ok(()) } else { Err(FailedCheck::new(what, [0, 0])) }
}

/// Returns a failed check unless both numbers are equal.
#[track_caller]
pub(super) fn same(found: u64, expected: u64, what: &'static str) -> Result<(), FailedCheck> {
    if found == expected { Ok(()) } else { Err(FailedCheck::new(what, [found, expected])) }
}

/// Returns the value of `result`, or a failed check if `result` is an error.
#[track_caller]
pub(super) fn value<T, E>(result: Result<T, E>, what: &'static str) -> Result<T, FailedCheck> {
    match result {
        Ok(value) => Ok(value),
        Err(_) => Err(FailedCheck::new(what, [0, 0])),
    }
}
