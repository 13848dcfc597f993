//! The options that follow the value of a `SET`.

use crate::service::failure::Failure;
use crate::service::parse::expiry::Expiry;
use crate::service::store::{Lease, Publication, TurnClock};

const SYNTAX: Failure = Failure::Redis("syntax error");

/// The options of a `SET`.
#[derive(Debug, Default)]
pub(super) struct SetOptions {
    pub(super) only_new: bool,
    pub(super) only_old: bool,
    /// Whether the client wants the old value as the reply.
    pub(super) wants_old: bool,
    lease: Option<Lease>,
    keep_lease: bool,
}

impl SetOptions {
    /// Parses the words after the value. As in Redis, a conflict between words is reported before
    /// an invalid time.
    pub(super) fn parse<'a>(
        clock: &TurnClock,
        mut words: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Self, Failure> {
        let mut options = Self::default();
        let mut expiry: Option<(Expiry, &[u8])> = None;
        while let Some(word) = words.next() {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            match () {
                () if is("NX") && !options.only_old => options.only_new = true,
                () if is("XX") && !options.only_new => options.only_old = true,
                () if is("GET") => options.wants_old = true,
                () if is("KEEPTTL") && expiry.is_none() => options.keep_lease = true,
                () => {
                    let unit = unit(word).filter(|unit| {
                        !options.keep_lease && expiry.is_none_or(|(other, _)| other == *unit)
                    });
                    expiry = Some((unit.ok_or(SYNTAX)?, words.next().ok_or(SYNTAX)?));
                }
            }
        }
        if let Some((expiry, text)) = expiry {
            options.lease = Some(expiry.lease(clock, text, "set")?);
        }
        Ok(options)
    }

    /// Adds the options to a publication.
    pub(super) fn apply<N>(&self, publication: Publication<N>) -> Publication<N> {
        publication.condition(self.only_new, self.only_old).lease(self.lease, self.keep_lease)
    }
}

fn unit(word: &[u8]) -> Option<Expiry> {
    let known = [
        ("EX", Expiry::SECONDS),
        ("PX", Expiry::MILLISECONDS),
        ("EXAT", Expiry::AT_SECOND),
        ("PXAT", Expiry::AT_MILLISECOND),
    ];
    let found = known.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
    found.map(|(_, expiry)| expiry)
}
