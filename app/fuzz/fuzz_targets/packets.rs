//! Arbitrary frames for a whole server, with the files of `tests/packets`.
#![no_main]

#[path = "../../tests/packets/arena.rs"]
mod arena;
#[path = "../../tests/packets/check.rs"]
mod check;
#[path = "../../tests/packets/client.rs"]
mod client;
#[path = "../../tests/packets/frame.rs"]
mod frame;
#[path = "../../tests/packets/lab.rs"]
mod lab;
#[path = "../../tests/loopback/harness/machine.rs"]
mod machine;
#[path = "../../tests/packets/port.rs"]
mod port;
#[path = "../../tests/packets/script.rs"]
mod script;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| script::run(bytes));
