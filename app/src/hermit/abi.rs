//! The functions of Hermit that the image calls: its stable interface for applications.
//!
//! # Source
//!
//! Crate hermit-abi 0.5, whose other declarations the image has no use for.

#![expect(unsafe_code, reason = "declares functions of the kernel")]

/// `NORMAL_PRIO` of Hermit: that of the thread which runs `main`.
pub(super) const NORMAL_PRIORITY: u8 = 2;

unsafe extern "C" {
    /// Hermit's entry: takes its boot record in `rdi`, the number of the CPU in `esi`, and the lowest byte of its stack
    /// in `rsp`.
    pub(super) fn _start();

    /// Starts a thread on a core, where it stays. Interrupts are on afterwards.
    pub(super) fn sys_spawn2(
        function: unsafe extern "C" fn(usize),
        argument: usize,
        priority: u8,
        stack_bytes: usize,
        core: isize,
    ) -> i32;

    /// How many cores run. Interrupts are on afterwards.
    pub(super) safe fn sys_get_processor_count() -> usize;
}
