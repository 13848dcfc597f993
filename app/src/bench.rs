//! Benchmarks: runs the workloads of Linux's vmalloc test module, with the same names and masks, on one or more CPUs at
//! the same time.
//!
//! This module depends neither on the service nor on the hardware. The caller passes a [`RunOnAll`], which runs a
//! function on several CPUs.
//!
//! # Source
//!
//! The names, masks and workloads of Linux's `lib/test_vmalloc.c`.

mod cpu_run;
mod first_bytes;
mod held;
mod plan;
mod round;
mod workloads;

pub use plan::{CpuResult, Plan};
pub use round::{RunOnAll, alone, run};
pub use workloads::{WORKLOADS, Workload};

#[cfg(test)]
mod tests;
