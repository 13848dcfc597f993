//! Kinds of connections.

use crate::service::failure::{Failure, Word};

/// The kinds of connections in Redis. All connections of the image are normal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientKind {
    Normal,
    Other,
}

impl ClientKind {
    /// Parses a kind of connection.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Failure> {
        let is = |name: &str| text.eq_ignore_ascii_case(name.as_bytes());
        match () {
            () if is("NORMAL") => Ok(Self::Normal),
            () if ["MASTER", "SLAVE", "REPLICA", "PUBSUB"].into_iter().any(is) => Ok(Self::Other),
            () => Err(Failure::Quoted("Unknown client type '", Word::new(text), "'")),
        }
    }
}
