//! Reports over HTTP, read-only, by GET and HEAD.
//!
//! [`parse`] parses the [`Head`] of a request and keeps no state between calls. The head has the
//! [`Body`] of the response, which is written in pieces and holds a cursor, never the whole report.
//! [`Framing`] puts the pieces into chunks. The module does no input and output; the server moves the
//! bytes.
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
