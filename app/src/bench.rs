//! The peer suite: the workloads of Linux's test of its vmalloc, under the same names and masks, on any
//! machine and on many CPUs at once.
//!
//! The suite knows neither the service nor the hardware. It gets the CPUs from a [`RunOnAll`].
//!
//! # Source
//!
//! The names, masks and workloads of Linux's `lib/test_vmalloc.c`.

mod cpu_run;
mod held;
mod plan;
mod round;
mod workloads;

pub use plan::{CpuResult, Plan};
pub use round::{RunOnAll, alone, run};
pub use workloads::{WORKLOADS, Workload};

#[cfg(test)]
mod tests;
