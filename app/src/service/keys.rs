//! Named regions as the string keys of Redis: each command is a few lines over the regions.

mod flush;
mod get;
mod large_set;
mod mget;
mod mset;
mod old;
mod scan;
mod set;
mod set_options;
mod variants;

pub(super) use flush::flush;
pub(super) use get::{exists, get, getrange, kind, memory_usage, strlen};
pub(super) use large_set::LargeSet;
pub(super) use mget::mget;
pub(super) use mset::{mset, msetnx};
pub(super) use old::{getdel, write as write_old};
pub(super) use scan::{STEPS_MAX, checked as checked_pattern, keys, scan};
pub(super) use set::{LargeWrite, append, del, publish, set, setrange, wants_old};
pub(super) use variants::{getset, psetex, setex, setnx};

use vmalloc::{Machine, RegionInfo};

use super::Service;
use super::failure::Failure;
use super::names::Names;

impl<M: Machine> Service<M> {
    /// The region of a name that a command reads: whether it is there is counted.
    pub(super) fn read_key(&mut self, name: &[u8]) -> Result<Option<RegionInfo>, Failure> {
        self.has_key(name);
        self.key(name)
    }

    /// Whether a region has a name that a command asks for; that is counted.
    pub(super) fn has_key(&mut self, name: &[u8]) -> bool {
        let is_there = self.names.find(name).is_some();
        let lookups = &mut self.counters.lookups;
        *(if is_there { &mut lookups.hits } else { &mut lookups.misses }) += 1;
        is_there
    }

    /// The region of that name, if there is one.
    pub(super) fn key(&self, name: &[u8]) -> Result<Option<RegionInfo>, Failure> {
        let id = self.names.find(name).and_then(|index| self.names.id(index));
        id.map(|id| self.any(id)).transpose()
    }
}

/// Checks a key that is to be made: any bytes, as many as a name has.
pub(super) fn name(text: &[u8]) -> Result<&[u8], Failure> {
    if Names::is_valid(text) { Ok(text) } else { Err(Failure::LongKey(text.len())) }
}
