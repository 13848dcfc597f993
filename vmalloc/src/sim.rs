//! A machine on the host that can catch bugs.
//!
//! - Physical memory starts at an address that is never a valid pointer.
//! - Fresh and freed frames hold poison, and a write into a freed frame is found.
//! - The MMU walks on its own, from the manual, and shares no code with the crate's tables.
//! - TLBs and paging-structure caches keep what they have seen until they are flushed.
//! - Between any two steps of the crate it may walk speculatively, and set accessed bits.
//!
//! Tests read and write regions through a CPU's TLB: a translation that should have been flushed
//! reaches poison or the bytes of another region, and the test fails.

mod access;
mod machine;
mod memory;
mod mmu;
mod walker;

pub use machine::{SimMachine, WINDOW_START, window};
