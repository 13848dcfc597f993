//! Skipping the rest of a request that cannot be held.

use super::error::ProtocolError;
use super::parse::{self, Limits, Oversize};

/// A request being skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discard {
    /// Bytes of the current argument, with its line end, still to come.
    skip: usize,
    /// Arguments after it.
    following: usize,
    bulk_bytes: usize,
    is_admitted: bool,
}

/// How far a [`Discard`] has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It needs more bytes than these.
    Pending {
        /// Bytes to step over.
        consumed: usize,
    },
    /// The request is over.
    Done {
        /// Bytes to step over.
        consumed: usize,
    },
    /// The request is malformed where it is skipped.
    Broken(ProtocolError),
}

impl Discard {
    /// Skips the oversize argument and all that follow it. The bytes before it have been stepped
    /// over by the caller.
    #[must_use]
    pub fn new(oversize: &Oversize, limits: &Limits) -> Self {
        // An argument whose header was not read is among those that follow.
        let skip = oversize.length.map_or(0, |length| length + 2);
        let Limits { bulk_bytes, is_admitted, .. } = *limits;
        Self { skip, following: oversize.following, bulk_bytes, is_admitted }
    }

    /// Skips the rest of an argument of which `remaining` bytes have not come yet, and all that follow it.
    #[must_use]
    pub fn rest_of(remaining: usize, following: usize, limits: &Limits) -> Self {
        let Limits { bulk_bytes, is_admitted, .. } = *limits;
        Self { skip: remaining + 2, following, bulk_bytes, is_admitted }
    }

    /// Skips what it can of `bytes`.
    pub fn step(&mut self, bytes: &[u8]) -> Progress {
        let mut position = 0;
        loop {
            let skipped = self.skip.min(bytes.len() - position);
            self.skip -= skipped;
            position += skipped;
            if self.skip > 0 {
                return Progress::Pending { consumed: position };
            }
            if self.following == 0 {
                return Progress::Done { consumed: position };
            }
            match parse::bulk_header(bytes, position, self.bulk_bytes, self.is_admitted) {
                Err(error) => return Progress::Broken(error),
                Ok(None) => return Progress::Pending { consumed: position },
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
    fn skips_the_argument_and_all_that_follow() {
        let bytes = b"xxxxx\r\n$3\r\nabc\r\n$0\r\n\r\nPING\r\n";
        let oversize = Oversize { consumed: 0, length: Some(5), following: 2 };
        let mut whole = Discard::new(&oversize, &LIMITS);
        assert_eq!(whole.step(bytes), Progress::Done { consumed: bytes.len() - 6 });

        let mut bytewise = Discard::new(&oversize, &LIMITS);
        let (mut from, mut to) = (0, 0);
        loop {
            match bytewise.step(&bytes[from..to]) {
                Progress::Pending { consumed } => from += consumed,
                Progress::Done { consumed } => {
                    assert_eq!(from + consumed, bytes.len() - 6);
                    break;
                }
                Progress::Broken(error) => panic!("{error}"),
            }
            to += 1;
        }
    }

    #[test]
    fn an_argument_of_unknown_length_is_read_from_its_header() {
        let oversize = Oversize { consumed: 0, length: None, following: 1 };
        let mut discard = Discard::new(&oversize, &LIMITS);
        assert_eq!(discard.step(b"$1"), Progress::Pending { consumed: 0 });
        assert_eq!(discard.step(b"$1\r\na\r\n"), Progress::Done { consumed: 7 });
    }

    #[test]
    fn a_malformed_rest_is_an_error() {
        let oversize = Oversize { consumed: 0, length: Some(1), following: 1 };
        let mut discard = Discard::new(&oversize, &LIMITS);
        assert_eq!(discard.step(b"a\r\n$-1\r\n"), Progress::Broken(ProtocolError::BulkLength));
    }

    #[test]
    fn a_stranger_has_no_longer_arguments_thrown_away() {
        let oversize = Oversize { consumed: 0, length: None, following: 2 };
        let bytes = b"$1\r\na\r\n$16385\r\n";
        let pending = Progress::Pending { consumed: bytes.len() };
        assert_eq!(Discard::new(&oversize, &LIMITS).step(bytes), pending);
        let limits = Limits { is_admitted: false, ..LIMITS };
        let broken = Progress::Broken(ProtocolError::UnadmittedBulk);
        assert_eq!(Discard::new(&oversize, &limits).step(bytes), broken);
    }
}
