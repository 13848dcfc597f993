//! The reports over HTTP: read-only, GET and HEAD.
//!
//! [`parse`] makes a [`Head`] of the bytes of one connection; it keeps no state between calls. What
//! a head asks for is a [`Body`], which is written in pieces wherever there is room: it holds a
//! cursor, never the report. [`Framing`] puts the pieces into chunks. Everything here is pure; the
//! server moves the bytes.
//!
//! Reports are for whoever can connect: a page of another site can make a browser ask, but not read
//! the answer, so the name in `Host` is not checked, only that there is one.

mod body;
mod framing;
mod json;
mod map;
mod metrics;
mod query;
mod regions;
mod request;
mod room;
mod route;
mod stats;
mod status;
mod summary;
mod vmallocinfo;

pub use body::{Body, Content, Share};
pub use framing::Framing;
pub use request::{Head, Parsed, parse};
pub use room::Room;
pub use status::Status;
