//! Reports over HTTP, read-only, by GET and HEAD.
//!
//! [`parse`] parses the head of a request and keeps no state between calls. The returned [`Head`] contains
//! the response to send. A [`Body`] writes its report in pieces and stores only the position of the next
//! piece, so no report is buffered whole. [`Framing`] encodes the pieces as HTTP chunks. The module does no
//! I/O; the server reads and writes the connection.
//!
//! Every client that can connect may read reports. A page of another site can make a browser send a
//! request, but cannot read the response. So the value of `Host` is not checked, only its presence.

mod body;
mod budget;
mod framing;
mod json;
mod map;
mod metrics;
mod query;
mod regions;
mod request;
mod route;
mod stats;
mod status;
mod summary;
mod vmallocinfo;
mod writer;

pub use body::{Body, Representation};
pub use budget::RowBudget;
pub use framing::Framing;
pub use request::{Head, ParsedHead, parse};
pub use status::Status;
pub use writer::BoundedWriter;
