//! Discards the rest of a request that is too large for the receive buffer.

use super::error::ProtocolError;
use super::header;
use super::parse::{Limits, Oversize};

/// The position in a request that is being discarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discard {
    /// Bytes of the current argument and its line end that must still be discarded.
    skip: usize,
    /// Number of arguments that follow the current one.
    following: usize,
    bulk_bytes: usize,
    is_admitted: bool,
}

/// The result of one step of a [`Discard`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscardProgress {
    /// The request continues behind the bytes that were passed.
    Pending {
        /// Number of bytes to skip.
        consumed: usize,
    },
    /// The request has ended.
    Done {
        /// Number of bytes to skip.
        consumed: usize,
    },
    /// The rest of the request is malformed.
    Broken(ProtocolError),
}

impl Discard {
    /// Creates the position at the argument that is too large. This argument and all following ones are discarded. The
    /// caller must have skipped the bytes before the argument.
    #[must_use]
    pub fn new(oversize: &Oversize, limits: &Limits) -> Self {
        // If the header of the argument was not parsed, the argument is counted in `following`.
        let skip = oversize.length.map_or(0, |length| length + 2);
        let Limits { bulk_bytes, is_admitted, .. } = *limits;
        Self { skip, following: oversize.following, bulk_bytes, is_admitted }
    }

    /// Creates a position within an argument. Its `remaining` bytes and `following` further arguments are discarded.
    #[must_use]
    pub fn rest_of(remaining: usize, following: usize, limits: &Limits) -> Self {
        let Limits { bulk_bytes, is_admitted, .. } = *limits;
        Self { skip: remaining + 2, following, bulk_bytes, is_admitted }
    }

    /// Determines how many bytes at the front of `bytes` belong to the request. The caller must skip these bytes.
    pub fn step(&mut self, bytes: &[u8]) -> DiscardProgress {
        let mut position = 0;
        loop {
            let skipped = self.skip.min(bytes.len() - position);
            self.skip -= skipped;
            position += skipped;
            if self.skip > 0 {
                return DiscardProgress::Pending { consumed: position };
            }
            if self.following == 0 {
                return DiscardProgress::Done { consumed: position };
            }
            match header::bulk(bytes, position, self.bulk_bytes, self.is_admitted) {
                Err(error) => return DiscardProgress::Broken(error),
                Ok(None) => return DiscardProgress::Pending { consumed: position },
                Ok(Some((start, length))) => {
                    position = start;
                    self.skip = length + 2;
                    self.following -= 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        inline_bytes: 64,
        bulk_bytes: 100_000,
        arguments: 8,
        held_bytes: 256,
        is_admitted: true,
    };

    #[test]
    fn an_argument_and_its_successors_are_discarded() {
        let bytes = b"xxxxx\r\n$3\r\nabc\r\n$0\r\n\r\nPING\r\n";
        let oversize = Oversize { consumed: 0, length: Some(5), following: 2 };
        let mut whole = Discard::new(&oversize, &LIMITS);
        assert_eq!(whole.step(bytes), DiscardProgress::Done { consumed: bytes.len() - 6 });

        let mut bytewise = Discard::new(&oversize, &LIMITS);
        let (mut from, mut to) = (0, 0);
        loop {
            match bytewise.step(&bytes[from..to]) {
                DiscardProgress::Pending { consumed } => from += consumed,
                DiscardProgress::Done { consumed } => {
                    assert_eq!(from + consumed, bytes.len() - 6);
                    break;
                }
                DiscardProgress::Broken(error) => panic!("{error}"),
            }
            to += 1;
        }
    }

    #[test]
    fn an_argument_of_unknown_length_is_read_from_its_header() {
        let oversize = Oversize { consumed: 0, length: None, following: 1 };
        let mut discard = Discard::new(&oversize, &LIMITS);
        assert_eq!(discard.step(b"$1"), DiscardProgress::Pending { consumed: 0 });
        assert_eq!(discard.step(b"$1\r\na\r\n"), DiscardProgress::Done { consumed: 7 });
    }

    #[test]
    fn a_malformed_rest_is_an_error() {
        let oversize = Oversize { consumed: 0, length: Some(1), following: 1 };
        let mut discard = Discard::new(&oversize, &LIMITS);
        assert_eq!(
            discard.step(b"a\r\n$-1\r\n"),
            DiscardProgress::Broken(ProtocolError::BulkLength)
        );
    }

    #[test]
    fn a_discarded_argument_has_a_limit_before_authentication() {
        let oversize = Oversize { consumed: 0, length: None, following: 2 };
        let bytes = b"$1\r\na\r\n$16385\r\n";
        let pending = DiscardProgress::Pending { consumed: bytes.len() };
        assert_eq!(Discard::new(&oversize, &LIMITS).step(bytes), pending);
        let limits = Limits { is_admitted: false, ..LIMITS };
        let broken = DiscardProgress::Broken(ProtocolError::UnadmittedBulk);
        assert_eq!(Discard::new(&oversize, &limits).step(bytes), broken);
    }
}
