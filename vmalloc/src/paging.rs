//! The page tables of the window: their creation, their entries, and their removal when they are
//! empty.
//!
//! # Protocol
//!
//! The level-3 tables of the window are created at set-up and never freed. Tables of levels 2 and 1
//! are created when a region needs them. Every leaf table counts the pages of the areas that it
//! serves, and a table with a count above 0 is not freed.
//!
//! 1. [`Tables::reserve`] creates every table that a range needs and raises the counts, under the
//!    lock of the tables. If the range lies under one leaf table that is in use, [`Tables::pin`]
//!    raises its count without the lock. A new table is zeroed before the entry that publishes it
//!    is stored. No later step can fail.
//! 2. `leaf.rs` stores, clears, moves and changes the entries of the range. It takes no lock: the
//!    range belongs to the caller, and the raised counts keep the tables.
//! 3. `reclaim.rs` lowers the counts. Some of the tables whose count reaches 0 are cached. The
//!    other ones are unlinked, and freed after the next shootdown that also waits for halted CPUs.
//!
//! The frame, the count and the owners of a leaf table are in a record that belongs to the place of
//! the table, 2 MiB of the window: `record.rs`, found through `records.rs`.
//!
//! All pages of a leaf table belong to one region, or the table has an index beside it. For each
//! page the index names the slot of the region that the page was mapped for last; an index entry is
//! never cleared. So the region of an address is found by its record, without a lock. The slot found
//! may be stale: a caller must check that the range of the slot contains the address.
//!
//! A look-up without the lock reads only frames that are tables, indexes or records, or were until
//! the last shootdown: a CPU acknowledges no shootdown during a look-up.
//!
//! Level-2 entries may be leaves of 2 MiB: `large.rs`.
//!
//! This module knows no areas. From the module `tlb` it uses only the proof that a flush is
//! complete, [`Flushed`](crate::tlb::Flushed).

pub(crate) mod entry;
pub(crate) mod idle;
pub(crate) mod large;
pub(crate) mod leaf;
pub(crate) mod lookup;
mod make;
pub(crate) mod pin;
pub(crate) mod reclaim;
pub(crate) mod record;
pub(crate) mod records;
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
