//! The service over TCP without a machine: smoltcp on both ends, the simulator below.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod expiry;
mod harness;
mod http;
mod value;
mod wire;

mod announce;
mod any_bytes;
mod away;
mod bad_input;
mod batch;
mod bench;
mod command_docs;
mod commands;
mod crowd;
mod cuts;
mod fairness;
mod held;
mod idle;
mod info;
mod keys;
mod large;
mod lazy;
mod leases;
mod long_arguments;
mod many_keys;
mod many_values;
mod names;
mod ownership;
mod quotas;
mod regions;
mod reply_modes;
mod reports;
mod resize;
mod sessions;
mod settings;
mod settings_docs;
mod shutdown;
mod stock;
mod streamed;
mod sweeps;
mod transactions;
mod wide;
mod words;
