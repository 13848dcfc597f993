//! The errors of the protocol parser.

use core::fmt;

use super::reply::Reply;

/// An error after which further bytes of the connection cannot be parsed. The texts are those of Redis 7.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// An unfinished line is longer than an inline request may be.
    InlineTooLong,
    /// A quote is not closed, or its end is not followed by a space.
    UnbalancedQuotes,
    /// The text after `*` is not a number, or the number is too large.
    MultibulkLength,
    /// The request has more arguments than a client may send before it authenticates.
    UnadmittedMultibulk,
    /// An argument is longer than a client may send before it authenticates.
    UnadmittedBulk,
    /// The header line that begins with `*` is too long and has no end.
    MultibulkCountTooLong,
    /// An argument does not begin with `$`.
    ExpectedDollar {
        /// The first byte of the argument.
        found: u8,
    },
    /// The text after `$` is not a number, or the number is negative or too large.
    BulkLength,
    /// The header line that begins with `$` is too long and has no end.
    BulkCountTooLong,
}

impl ProtocolError {
    /// Appends the error to a reply. As in Redis, the reply contains the unexpected byte of the client unchanged.
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
