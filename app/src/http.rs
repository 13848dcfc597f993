//! Serves read-only reports over HTTP, by the methods GET and HEAD.
//!
//! [`parse`] parses the head of a request and selects the [`Body`] of the response. The body is written in pieces: a
//! [`Body`] stores only a cursor, never the whole report. [`Framing`] writes the head of the response and puts the
//! pieces into chunks. This module does no input and output; the server transfers the bytes.
//!
//! Each client that can connect may read reports. A page of another web site can make a browser send a request, but
//! cannot read the response. The value of the `Host` field is therefore not checked, only its presence.

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
