//! The requests of a load: their kinds and the sizes of regions, chosen by a seed.

mod profile;
mod random;
mod sizes;

pub(crate) use profile::{Held, Operation, Profile};
pub(crate) use random::{Random, mix};
pub(crate) use sizes::{PAGE, Sizes};
