//! The window's page tables: an own cursor over the four levels.
//!
//! # Protocol
//!
//! The level-3 tables of the window are made at set-up and stay. Below them:
//!
//! 1. [`Tables::reserve`] makes every table that a range needs and raises the counts, under the
//!    lock. A new table is zeroed before the entry that publishes it is stored. After it nothing
//!    can fail.
//! 2. [`Tables::commit`] stores the entries, and [`Tables::clear`] takes them out again. Neither
//!    takes the lock: the range belongs to the caller, and its count pins the tables.
//! 3. [`Tables::detach`] lowers the counts and unlinks tables that reached 0. They come back as a
//!    chain that may be freed only after the flush that follows.
//!
//! Beside each leaf table lies an index: the id of the region that each page belongs to, stored
//! when the page is mapped and never cleared. That makes address to region one walk, without a
//! lock: the id is believed only if its slot still holds the address.
//!
//! A walk without the lock reads only frames that are tables, or were until the last flush: no
//! walk lasts over a flush of its own CPU.
//!
//! This module knows neither areas nor TLBs.

pub(crate) mod entry;
mod lookup;
pub(crate) mod span;
pub(crate) mod tables;
pub(crate) mod walk;

pub use entry::Entry;
pub(crate) use tables::Tables;
pub use walk::Walk;
