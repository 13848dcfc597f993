//! The exit codes of the tool, and the errors that select one.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | the requested action succeeded |
//! | 1 | the requested action failed: an error reply, a failed test, a surviving mutation, a failed build |
//! | 2 | the command line is wrong |
//! | 3 | a program or device is missing on this machine; the command to install it was printed |
//! | 4 | the guest did not start to answer, or ended by itself |
//! | 5 | the name or the port is in use, or no guest of that name runs |

use std::fmt;
use std::process::ExitCode;

/// The causes that have an exit code other than 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// An option has a value that cannot be used.
    Usage,
    /// A program or device must be installed by the user.
    Missing,
    /// The guest ended, or sent no PONG in time.
    Guest,
    /// A name or port is in use, or no guest of that name runs.
    Taken,
}

impl Cause {
    fn code(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::Missing => 3,
            Self::Guest => 4,
            Self::Taken => 5,
        }
    }
}

/// An error with an exit code of its own.
#[derive(Debug)]
pub(crate) struct Failure {
    cause: Cause,
    message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Returns an error that ends the tool with the exit code of `cause`.
pub(crate) fn failure(cause: Cause, message: impl Into<String>) -> anyhow::Error {
    Failure { cause, message: message.into() }.into()
}

/// Returns the cause of an error, or `None` if the error has no exit code of its own.
pub(crate) fn cause_of(error: &anyhow::Error) -> Option<Cause> {
    error.downcast_ref::<Failure>().map(|failure| failure.cause)
}

/// Prints the error, if there is one, and returns the exit code.
pub(crate) fn code_of(result: anyhow::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        cause_of(&error).map_or(ExitCode::FAILURE, |cause| ExitCode::from(cause.code()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_survives_context() {
        let error = failure(Cause::Missing, "no QEMU").context("run");
        assert_eq!(cause_of(&error), Some(Cause::Missing));
        assert_eq!(format!("{error:#}"), "run: no QEMU");
        assert_eq!(cause_of(&anyhow::anyhow!("plain")), None);
    }
}
