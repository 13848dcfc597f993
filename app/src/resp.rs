//! RESP: parses requests and writes replies.
//!
//! [`parse()`] parses the request at the front of the bytes of one connection. A [`Resume`] holds the
//! progress of an incomplete request, so each byte is parsed once. Arguments are ranges into the bytes;
//! only the words of an inline request are copied, without their quotes. [`Discard`] skips a request
//! that is too large to be held. [`Reply`] writes to a fixed buffer, and counts the bytes that do not
//! fit.

mod arguments;
mod discard;
mod error;
mod header;
mod inline;
mod number;
mod parse;
mod reply;

pub use arguments::{ArgumentCursor, Arguments, Ranges};
pub use discard::{Discard, DiscardProgress};
pub use error::ProtocolError;
pub use number::{decimal, signed};
pub use parse::{Limits, Oversize, Parsed, Resume, parse};
pub use reply::{Mark, Reply};
