//! A simulated machine on the host, which detects memory errors.
//!
//! - Physical memory starts at an address that is never a valid pointer.
//! - Fresh and freed frames contain a poison value, so a write to a freed frame is detected.
//! - The MMU is written from the manual and shares no code with the page tables of the crate.
//! - TLBs and paging-structure caches keep every entry until it is flushed.
//! - Between any two steps of the crate the MMU may walk speculatively and set accessed bits.
//!
//! Tests read and write regions through the TLB of a CPU. A translation that should have been
//! flushed reaches poison or the bytes of another region, and the test fails.

mod access;
mod machine;
mod memory;
mod mmu;
mod walker;

pub use machine::{SimMachine, WINDOW_START, window};
