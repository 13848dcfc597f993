//! Parses requests and writes replies in RESP, the protocol of Redis.
//!
//! [`parse()`] parses the request at the front of the bytes that a connection has received. A [`Resume`] records how
//! far an incomplete request has been parsed, so that each byte is parsed once. Arguments are ranges of the received
//! bytes; only the words of an inline request are copied, to remove their quotes. [`Discard`] skips a request that is
//! too large for the receive buffer. [`Reply`] writes to a buffer of fixed size, and counts the bytes that do not fit.

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
