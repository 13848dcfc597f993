//! The functions of Hermit that the image calls, from its stable interface for applications.
//!
//! # Source
//!
//! Crate hermit-abi 0.5, which declares further functions.

#![expect(unsafe_code, reason = "declares functions of the kernel")]

/// `NORMAL_PRIO` of Hermit, the priority of the thread that runs `main`.
pub(super) const NORMAL_PRIORITY: u8 = 2;

unsafe extern "C" {
    /// Enters Hermit with the boot record in `rdi`, the number of the CPU in `esi`, and the lowest address of the
    /// stack in `rsp`.
    pub(super) fn _start();

    /// Starts a thread that is pinned to a core. Interrupts are on afterwards.
    pub(super) fn sys_spawn2(
        function: unsafe extern "C" fn(usize),
        argument: usize,
        priority: u8,
        stack_bytes: usize,
        core: isize,
    ) -> i32;

    /// Returns the number of running cores. Interrupts are on afterwards.
    pub(super) safe fn sys_get_processor_count() -> usize;
}
