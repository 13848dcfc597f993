//! Named regions as the string keys of Redis: each command is a few lines over the regions.

mod get;
mod scan;
mod set;

pub(super) use get::{exists, get, getrange, kind, memory, strlen};
pub(super) use scan::scan;
pub(super) use set::{append, del, set, setrange};

use vmalloc::{Machine, RegionInfo};

use super::Service;
use super::failure::{Failure, Word};
use super::names::Names;

impl<M: Machine> Service<M> {
    /// The region of that name, if there is one.
    pub(super) fn key(&self, name: &[u8]) -> Result<Option<RegionInfo>, Failure> {
        let id = self.names.find(name).and_then(|index| self.names.id(index));
        id.map(|id| self.any(id)).transpose()
    }
}

/// Checks a key that is to be made.
pub(super) fn name(text: &[u8]) -> Result<&[u8], Failure> {
    if Names::is_valid(text) {
        return Ok(text);
    }
    let what = "a name is 1 to 64 graphic ASCII bytes without @, \" and \\";
    Err(Failure::Invalid(what, Word::new(text)))
}
