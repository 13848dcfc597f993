//! RESP2: requests out of bytes, replies into bytes.
//!
//! [`parse`] looks at the bytes of one connection and says what stands at their front. A request that
//! comes in pieces is looked at once: a [`Resume`] says how far. Its arguments are
//! ranges into those bytes; only the words of an inline request are copied, without their quotes. [`Discard`] skips a request that is too large to be
//! held. [`Reply`] appends to a fixed buffer and goes on counting when it is full.

mod arguments;
mod discard;
mod error;
mod inline;
mod number;
mod parse;
mod reply;

pub use arguments::{ArgumentCursor, Arguments, Ranges};
pub use discard::{Discard, Progress};
pub use error::ProtocolError;
pub use number::{decimal, signed};
pub use parse::{Limits, Oversize, Parsed, Resume, parse};
pub use reply::{Mark, Reply};
