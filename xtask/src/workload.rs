//! The requests that clients of a load choose: how often each kind, how large the regions, by a seed.

mod profile;
mod random;
mod sizes;

pub(crate) use profile::{Held, Operation, Profile};
pub(crate) use random::{Random, mix};
pub(crate) use sizes::{PAGE, Sizes};
