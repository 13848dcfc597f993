//! Collections that live in the window, and views of regions, on a machine whose window the host can dereference.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![expect(unsafe_code, reason = "the machine maps memory, and an allocator is called directly")]
#![expect(clippy::unwrap_used, reason = "tests fail by panic")]

mod hosted {
    mod collections;
    mod machine;
    mod owners;
    mod views;
}
