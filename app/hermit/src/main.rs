//! The program on the Hermit kernel, which starts before it and calls its `main`.

#![no_std]
#![no_main]
#![expect(unsafe_code, reason = "Hermit finds `main` by its name")]

extern crate hermit as _;

/// Called by Hermit on its first task, with the arguments behind `--`.
// SAFETY: no other function of the program has this name.
#[unsafe(no_mangle)]
extern "C" fn main(_count: i32, _arguments: *const *const u8, _environment: *const *const u8) {}
