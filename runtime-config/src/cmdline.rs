//! The kernel command line: parsed by the image, written by the host tool.
//!
//! A line is words of the form `key=value`, separated by spaces; of a repeated key the last word
//! counts, as in Linux. [`keys::KEYS`] is the one table of keys: the parser, the writer, `CONFIG
//! GET` and the help text read it. `Display` writes only what differs from the default, and
//! parsing that gives the same [`Config`].

pub mod address;
pub mod choice;
pub mod config;
pub mod error;
pub mod keys;
mod parse;
pub mod text;
mod write;

pub use address::{BadAddress, IpConfig};
pub use choice::{Flush, Frames, Pools, Realloc};
pub use config::Config;
pub use error::{Error, Reason};
pub use keys::{KEYS, Key, Value};
pub use text::Text;

#[cfg(test)]
mod tests;
