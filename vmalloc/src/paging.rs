//! The page tables of the window.
//!
//! # Protocol
//!
//! The level-3 tables of the window are made at set-up and stay. Below them:
//!
//! 1. [`Tables::reserve`] makes every table that a range needs and raises the counts, under the
//!    lock; [`Tables::pin`] does it without the lock if the range has one table, which is in use. A
//!    new table is zeroed before the entry that publishes it is stored. No later step can fail.
//! 2. `leaf.rs` stores the entries, takes them out, moves and changes them. It takes no lock: the
//!    range belongs to the caller, and its count pins the tables.
//! 3. `reclaim.rs` lowers the counts. Of the tables that reached 0 a few stay, the others are
//!    unlinked, and freed after the shootdown that follows.
//!
//! A leaf table is either all one region's, or has an index beside it: the slot of the region that
//! each page belongs to, stored when the page is mapped and never cleared. That makes address to
//! region one walk, without a lock: a slot is believed only if its range holds the address.
//!
//! A walk without the lock reads only frames that are tables, or were until the last shootdown: no
//! CPU answers a shootdown inside a walk.
//!
//! Level-2 entries may be leaves of 2 MiB: `large.rs`.
//!
//! This module knows no areas. Of flushes it knows only their proof,
//! [`Flushed`](crate::tlb::Flushed).

pub(crate) mod entry;
pub(crate) mod idle;
pub(crate) mod large;
pub(crate) mod leaf;
pub(crate) mod lookup;
pub(crate) mod pin;
pub(crate) mod reclaim;
pub(crate) mod relocate;
pub(crate) mod span;
pub(crate) mod tables;
#[cfg(test)]
mod tests;
pub(crate) mod walk;

pub use entry::Entry;
pub(crate) use leaf::Mapping;
pub(crate) use pin::{NotPinned, Pinned};
pub(crate) use reclaim::Detaching;
pub(crate) use tables::{Stash, Tables};
pub use walk::Walk;
