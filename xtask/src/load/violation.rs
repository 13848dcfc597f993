//! The violations of the image's promises that a load detects.

use std::fmt;

use super::live_ranges::AddressRange;
use super::pattern::Wrong;

/// A broken promise of the image, with the evidence for the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Violation {
    /// A byte differs from the byte that was written, or is not zero although no byte was written there.
    Content {
        /// The region that contains the byte.
        range: AddressRange,
        /// The offset and the values of the byte.
        wrong: Wrong,
    },
    /// Two live regions have common addresses, or a region overlaps the guard page of another one.
    Overlap(AddressRange, AddressRange),
    /// A request for the region of another client was not refused.
    Intrusion {
        /// The request.
        request: String,
        /// The reply.
        answer: String,
    },
    /// A request that must succeed was refused, or its reply is not valid.
    Answer {
        /// The request.
        request: String,
        /// The reply.
        answer: String,
    },
    /// A connection ended, or sent bytes that are not a reply.
    Lost {
        /// The number of the client.
        client: usize,
        /// The error.
        error: String,
    },
    /// A reply did not arrive in time.
    Stall {
        /// The number of the client.
        client: usize,
        /// The oldest request of the client.
        request: String,
        /// Number of bytes of the reply that have arrived.
        received: usize,
        /// Number of bytes of requests that are unsent.
        unsent: usize,
    },
    /// The image's audit failed, or resources are still in use after all clients have ended.
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
