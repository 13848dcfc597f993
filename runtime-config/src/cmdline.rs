//! The kernel command line: the image parses it, the host tool writes it.
//!
//! A line is a list of words of the form `key=value`, separated by spaces. Of a repeated key the last word
//! counts, as in Linux. [`keys::KEYS`] is the one table of keys: the parser, the writer, `CONFIG GET` and
//! the help text read it. `Display` writes only the values that differ from the defaults, and parsing that
//! text gives the same [`Config`].

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
