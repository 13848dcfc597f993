//! The violations that a load detects.

use std::fmt;

use super::live_ranges::AddressRange;
use super::pattern::Wrong;

/// A broken promise of the image, with the evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Violation {
    /// A byte differs from the written one, or is not zero although it was never written.
    Content {
        /// The region.
        range: AddressRange,
        /// The byte.
        wrong: Wrong,
    },
    /// Two live regions share addresses, or one overlaps the other's guard page.
    Overlap(AddressRange, AddressRange),
    /// A request for another client's region was not refused.
    Intrusion {
        /// The request.
        request: String,
        /// The reply.
        answer: String,
    },
    /// A request that must succeed was refused, or its reply is malformed.
    Answer {
        /// The request.
        request: String,
        /// The reply.
        answer: String,
    },
    /// A connection ended, or sent bytes that are not a reply.
    Lost {
        /// The client.
        client: usize,
        /// The error.
        error: String,
    },
    /// No reply came in time.
    Stall {
        /// The client.
        client: usize,
        /// The request.
        request: String,
        /// Bytes of the reply that have arrived.
        received: usize,
        /// Bytes of requests that are unsent.
        unsent: usize,
    },
    /// The audit of the image failed, or resources are still allocated after all clients have ended.
    Audit(String),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Content { range, wrong } => write!(
                f,
                "content: byte {} of {range} is {:#04x}, not {:#04x}",
                wrong.offset, wrong.found, wrong.expected
            ),
            Self::Overlap(one, other) => write!(f, "overlap: {one}, and {other}"),
            Self::Intrusion { request, answer } => write!(f, "intrusion: {request}: {answer}"),
            Self::Answer { request, answer } => write!(f, "answer: {request}: {answer}"),
            Self::Lost { client, error } => write!(f, "lost: client {client}: {error}"),
            Self::Stall { client, request, received, unsent } => write!(
                f,
                "stall: client {client} waits for {request}, of which {received} bytes came; \
                 {unsent} bytes are unsent"
            ),
            Self::Audit(text) => write!(f, "audit: {text}"),
        }
    }
}
