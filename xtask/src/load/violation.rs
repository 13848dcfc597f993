//! What must never be seen.

use std::fmt;

use super::live_ranges::AddressRange;
use super::pattern::Wrong;

/// A broken promise of the image, with what shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Violation {
    /// A byte is not what was written, or not zero where nothing was.
    Content {
        /// The region.
        place: AddressRange,
        /// The byte.
        wrong: Wrong,
    },
    /// Two live regions share addresses, or one lies on the other's guard page.
    Overlap(AddressRange, AddressRange),
    /// What was asked of another client's region was not refused.
    Intrusion {
        /// What was asked.
        request: String,
        /// What was answered.
        answer: String,
    },
    /// A request that must succeed was refused, or its reply makes no sense.
    Answer {
        /// Which one.
        request: String,
        /// What was answered.
        answer: String,
    },
    /// A connection ended, or sent what is no reply.
    Lost {
        /// Whose.
        client: usize,
        /// How.
        error: String,
    },
    /// No reply came for too long.
    Stall {
        /// To whom.
        client: usize,
        /// To what.
        request: String,
        /// Bytes of the reply that have come.
        received: usize,
        /// Bytes of requests that have not gone out.
        unsent: usize,
    },
    /// The image's audit, or what is left when everybody has gone.
    Audit(String),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Content { place, wrong } => write!(
                f,
                "content: byte {} of {place} is {:#04x}, not {:#04x}",
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
