//! The options of `VMALLOC`.

use vmalloc::{Huge, Protection};

use super::failure::{Failure, Word};
use super::{keys, lease, protect, size};
use crate::resp;

/// What a request for a region says besides its size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Options<'a> {
    /// Bytes to align to.
    pub(super) align: Option<u64>,
    /// The node to take frames from, as long as it has some.
    pub(super) node: Option<u32>,
    pub(super) protection: Protection,
    /// Checked: see [`Names::is_valid`].
    pub(super) name: Option<&'a [u8]>,
    pub(super) replace: bool,
    pub(super) soft: bool,
    pub(super) huge: Huge,
    /// Milliseconds after which it ends by itself.
    pub(super) lease_ms: Option<u64>,
}

/// Planned, and refused by name until they work.
const NOT_SERVED: [&str; 1] = ["IDEM"];

impl<'a> Options<'a> {
    /// Reads the words after the size.
    pub(super) fn parse(mut words: impl Iterator<Item = &'a [u8]>) -> Result<Self, Failure> {
        let mut options = Self::default();
        while let Some(word) = words.next() {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            let mut value = || words.next().ok_or_else(|| Failure::NoValue(Word::new(word)));
            if is("ALIGN") {
                options.align = Some(align(value()?)?);
            } else if is("NODE") {
                options.node = Some(node(value()?)?);
            } else if is("PROT") {
                options.protection = protect::protection(value()?)?;
            } else if is("NAME") {
                options.name = Some(keys::name(value()?)?);
            } else if is("LEASE") {
                options.lease_ms = Some(lease::lease(value()?, 1)?);
            } else if is("PERSIST") {
                options.lease_ms = None;
            } else if is("HUGE") {
                options.huge = huge(value()?)?;
            } else if is("REPLACE") {
                options.replace = true;
            } else if is("SOFT") {
                options.soft = true;
            } else if is("ZERO") || is("NOZERO") {
                // Memory that a client can read is zeroed before it changes hands, always.
            } else if let Some(name) = NOT_SERVED.iter().find(|name| is(name)) {
                return Err(Failure::NotServed(name));
            } else {
                return Err(Failure::Option(Word::new(word)));
            }
        }
        if options.replace && options.name.is_none() {
            return Err(Failure::Malformed("REPLACE needs a NAME"));
        }
        Ok(options)
    }
}

fn align(text: &[u8]) -> Result<u64, Failure> {
    let invalid = || Failure::Invalid("ALIGN is a number of bytes", Word::new(text));
    size::parse(text).ok_or_else(invalid)
}

pub(super) fn node(text: &[u8]) -> Result<u32, Failure> {
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
