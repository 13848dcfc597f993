//! The kernel command line, which the host tool writes and the image parses.
//!
//! A line is a list of words of the form `key=value`, separated by spaces. If a key is repeated, the last
//! word applies, as in Linux. [`keys::KEYS`] is the only table of keys: the parser, the writer, `CONFIG GET`
//! and the help text of the host tool read it. `Display` writes only the values that differ from the
//! defaults. Parsing the written text results in the same [`Config`].

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
