//! The options of `VMALLOC`.

use vmalloc::{Huge, Protection};

use super::key::name;
use super::{lease, protection, size};
use crate::resp;
use crate::service::failure::{Failure, Word};

/// The options of a request for a region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::service) struct Options<'a> {
    /// The alignment in bytes.
    pub(in crate::service) align: Option<u64>,
    /// The preferred node for frames.
    pub(in crate::service) node: Option<u32>,
    pub(in crate::service) protection: Protection,
    /// The name, which was [checked](name).
    pub(in crate::service) name: Option<&'a [u8]>,
    pub(in crate::service) replace: bool,
    pub(in crate::service) soft: bool,
    pub(in crate::service) huge: Huge,
    /// The lease in milliseconds.
    pub(in crate::service) lease_ms: Option<u64>,
}

impl<'a> Options<'a> {
    /// Parses the words after the size.
    pub(in crate::service) fn parse(
        mut words: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Self, Failure> {
        let mut options = Self::default();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| Failure::NoValue(Word::new(word)));
            match word::key(word) {
                word::ALIGN => options.align = Some(align(value()?)?),
                word::NODE => options.node = Some(node(value()?)?),
                word::PROT => options.protection = protection::parse(value()?)?,
                word::NAME => options.name = Some(name(value()?)?),
                word::LEASE => options.lease_ms = Some(lease::parse(value()?)?),
                word::PERSIST => options.lease_ms = None,
                word::HUGE => options.huge = huge(value()?)?,
                word::REPLACE => options.replace = true,
                word::SOFT => options.soft = true,
                // Both words are accepted without effect: memory that a client can read is always
                // zeroed.
                word::ZERO | word::NOZERO => {}
                // The option is planned; until it is implemented, the error names it.
                word::IDEM => return Err(Failure::NotServed("IDEM")),
                _ => return Err(Failure::Option(Word::new(word))),
            }
        }
        if options.replace && options.name.is_none() {
            return Err(Failure::Malformed("REPLACE needs a NAME"));
        }
        Ok(options)
    }
}

/// Option words as numbers. Most requests contain options, and comparing numbers takes one step
/// each.
mod word {
    const CASE: u8 = b'a' - b'A';

    pub(in crate::service) const ALIGN: u64 = key(b"ALIGN");
    pub(in crate::service) const HUGE: u64 = key(b"HUGE");
    pub(in crate::service) const IDEM: u64 = key(b"IDEM");
    pub(in crate::service) const LEASE: u64 = key(b"LEASE");
    pub(in crate::service) const NAME: u64 = key(b"NAME");
    pub(in crate::service) const NODE: u64 = key(b"NODE");
    pub(in crate::service) const NOZERO: u64 = key(b"NOZERO");
    pub(in crate::service) const PERSIST: u64 = key(b"PERSIST");
    pub(in crate::service) const PROT: u64 = key(b"PROT");
    pub(in crate::service) const REPLACE: u64 = key(b"REPLACE");
    pub(in crate::service) const SOFT: u64 = key(b"SOFT");
    pub(in crate::service) const ZERO: u64 = key(b"ZERO");

    /// Converts a word to a number, with a leading bit that marks the length of the word. Returns 0
    /// for a word that is longer than any option. Two words have the same number only if they
    /// differ in nothing but the case bits of their bytes.
    pub(in crate::service) const fn key(word: &[u8]) -> u64 {
        if word.len() > 7 {
            return 0;
        }
        let (mut key, mut at) = (1, 0);
        while at < word.len() {
            key = key << 8 | (word[at] & !CASE) as u64;
            at += 1;
        }
        key
    }
}

fn align(text: &[u8]) -> Result<u64, Failure> {
    let invalid = || Failure::Invalid("ALIGN is a number of bytes", Word::new(text));
    size::parse(text).ok_or_else(invalid)
}

/// Parses the number of a node.
pub(in crate::service) fn node(text: &[u8]) -> Result<u32, Failure> {
    let number = resp::decimal(text).and_then(|node| u32::try_from(node).ok());
    number.ok_or_else(|| Failure::Invalid("NODE is the number of a node", Word::new(text)))
}

fn huge(text: &[u8]) -> Result<Huge, Failure> {
    let known = [("never", Huge::Never), ("try", Huge::Try), ("must", Huge::Must)];
    let found = known.into_iter().find(|(name, _)| text.eq_ignore_ascii_case(name.as_bytes()));
    let (_, huge) =
        found.ok_or_else(|| Failure::Invalid("HUGE is never, try or must", Word::new(text)))?;
    Ok(huge)
}
