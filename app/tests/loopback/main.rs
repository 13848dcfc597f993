//! The service over TCP without a machine: smoltcp on both ends, the simulator below.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod harness;
mod value;
mod wire;

mod away;
mod bad_input;
mod bench;
mod crowd;
mod cuts;
mod large;
mod lazy;
mod names;
mod ownership;
mod regions;
mod reports;
mod stock;
