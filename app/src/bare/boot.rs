//! From the loader's hand to Rust: the entry point, and a copy of what the loader says.

pub(crate) mod entry;
pub(crate) mod info;
