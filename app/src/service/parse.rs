//! Parsers for the arguments of clients.

pub(super) mod address;
pub(super) mod cursor;
pub(super) mod expiry;
pub(super) mod glob;
pub(super) mod key;
pub(super) mod lease;
pub(super) mod options;
pub(super) mod pattern;
pub(super) mod protection;
pub(super) mod size;
