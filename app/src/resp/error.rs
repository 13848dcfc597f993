//! What ends a connection.

use core::fmt;

use super::reply::Reply;

/// Why the bytes of a connection make no sense any more. The wording is that of Redis 7.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// A line without an end is longer than an inline request may be.
    InlineTooLong,
    /// A quote was opened and not closed, or goes on after its end.
    UnbalancedQuotes,
    /// The number after `*` is none, or more than the arguments allowed.
    MultibulkLength,
    /// More arguments than a client may send before it has said the password.
    UnadmittedMultibulk,
    /// A longer argument than a client may send before it has said the password.
    UnadmittedBulk,
    /// The line after `*` has no end.
    MultibulkCountTooLong,
    /// An argument does not begin with `$`.
    ExpectedDollar {
        /// What it begins with.
        found: u8,
    },
    /// The number after `$` is none, negative, or more than a bulk string may have.
    BulkLength,
    /// The line after `$` has no end.
    BulkCountTooLong,
}

impl ProtocolError {
    /// Replies with the error. What a client sent may be any byte, and Redis repeats it as it is.
    pub fn reply(self, reply: &mut Reply<'_>) {
        match self {
            Self::ExpectedDollar { found } => {
                reply.error_of_bytes(&[b"ERR Protocol error: expected '$', got '", &[found], b"'"]);
            }
            _ => reply.error(format_args!("ERR {self}")),
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Protocol error: ")?;
        f.write_str(match self {
            Self::InlineTooLong => "too big inline request",
            Self::UnbalancedQuotes => "unbalanced quotes in request",
            Self::MultibulkLength => "invalid multibulk length",
            Self::MultibulkCountTooLong => "too big mbulk count string",
            Self::ExpectedDollar { found } => {
                return write!(f, "expected '$', got '{}'", found.escape_ascii());
            }
            Self::BulkLength => "invalid bulk length",
            Self::UnadmittedMultibulk => "unauthenticated multibulk length",
            Self::UnadmittedBulk => "unauthenticated bulk length",
            Self::BulkCountTooLong => "too big bulk count string",
        })
    }
}

impl core::error::Error for ProtocolError {}
