//! The peer suite: what Linux's own test of its vmalloc does, by the same names and masks, on any
//! machine and on many CPUs at once.
//!
//! Knows neither the service nor the hardware: a [`Crew`] brings the CPUs.
//!
//! # Source
//!
//! The names, masks and workloads of Linux's `lib/test_vmalloc.c`.

mod held;
mod round;
mod workloads;

pub use round::{Crew, Outcome, Plan, alone, run};
pub use workloads::{WORKLOADS, Workload};

#[cfg(test)]
mod tests;
