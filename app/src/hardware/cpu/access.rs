//! Loads, stores and calls at any address. If the access faults, an error is returned.
//!
//! Each instruction that may fault has an entry in the [exception table](crate::hardware::cpu::fixups). The
//! instructions that access the other side of a copy, which is memory of the image, have no entry, so a fault there
//! stops the image. Copies are loops of 64-bit words, because `rep movsb` is ten times slower under QEMU's TCG. A copy
//! moves blocks of 32 bytes first. After a fault in a block, and for the bytes behind the last whole block, single
//! bytes are copied, so that the exact number of copied bytes is known.

#![expect(unsafe_code, reason = "accesses addresses that may not be mapped")]

use core::arch::naked_asm;

/// Bytes of a block, the unit of fast copies.
const BLOCK_BYTES: usize = 32;

/// Copies `blocks` blocks from `source`, which may fault. Returns the number of blocks left.
#[unsafe(naked)]
unsafe extern "C" fn load_blocks(target: *mut u8, source: u64, blocks: usize) -> usize {
    naked_asm!(
        "mov rax, rdx",
        "test rax, rax",
        "jz 3f",
        "2:",
        "20: mov rcx, [rsi]",
        "21: mov r8, [rsi + 8]",
        "22: mov r9, [rsi + 16]",
        "23: mov r10, [rsi + 24]",
        "mov [rdi], rcx",
        "mov [rdi + 8], r8",
        "mov [rdi + 16], r9",
        "mov [rdi + 24], r10",
        "add rsi, 32",
        "add rdi, 32",
        "dec rax",
        "jnz 2b",
        "3: ret",
        ".pushsection .fixups, \"a\"",
        ".quad 20b, 3b, 21b, 3b, 22b, 3b, 23b, 3b",
        ".popsection",
    )
}

/// Copies `bytes` bytes from `source`, which may fault. Returns the number of bytes left.
#[unsafe(naked)]
unsafe extern "C" fn load_bytes(target: *mut u8, source: u64, bytes: usize) -> usize {
    naked_asm!(
        "mov rax, rdx",
        "test rax, rax",
        "jz 3f",
        "2:",
        "20: mov cl, [rsi]",
        "mov [rdi], cl",
        "inc rsi",
        "inc rdi",
        "dec rax",
        "jnz 2b",
        "3: ret",
        ".pushsection .fixups, \"a\"",
        ".quad 20b, 3b",
        ".popsection",
    )
}

/// Copies `blocks` blocks to `target`, which may fault. Returns the number of blocks left.
#[unsafe(naked)]
unsafe extern "C" fn store_blocks(target: u64, source: *const u8, blocks: usize) -> usize {
    naked_asm!(
        "mov rax, rdx",
        "test rax, rax",
        "jz 3f",
        "2:",
        "mov rcx, [rsi]",
        "mov r8, [rsi + 8]",
        "mov r9, [rsi + 16]",
        "mov r10, [rsi + 24]",
        "20: mov [rdi], rcx",
        "21: mov [rdi + 8], r8",
        "22: mov [rdi + 16], r9",
        "23: mov [rdi + 24], r10",
        "add rsi, 32",
        "add rdi, 32",
        "dec rax",
        "jnz 2b",
        "3: ret",
        ".pushsection .fixups, \"a\"",
        ".quad 20b, 3b, 21b, 3b, 22b, 3b, 23b, 3b",
        ".popsection",
    )
}

/// Copies `bytes` bytes to `target`, which may fault. Returns the number of bytes left.
#[unsafe(naked)]
unsafe extern "C" fn store_bytes(target: u64, source: *const u8, bytes: usize) -> usize {
    naked_asm!(
        "mov rax, rdx",
        "test rax, rax",
        "jz 3f",
        "2:",
        "mov cl, [rsi]",
        "20: mov [rdi], cl",
        "inc rsi",
        "inc rdi",
        "dec rax",
        "jnz 2b",
        "3: ret",
        ".pushsection .fixups, \"a\"",
        ".quad 20b, 3b",
        ".popsection",
    )
}

/// Fills `blocks` blocks at `target`, which may fault, with the word `pattern`. Returns the number of blocks left.
#[unsafe(naked)]
unsafe extern "C" fn fill_blocks(target: u64, pattern: u64, blocks: usize) -> usize {
    naked_asm!(
        "mov rax, rdx",
        "test rax, rax",
        "jz 3f",
        "2:",
        "20: mov [rdi], rsi",
        "21: mov [rdi + 8], rsi",
        "22: mov [rdi + 16], rsi",
        "23: mov [rdi + 24], rsi",
        "add rdi, 32",
        "dec rax",
        "jnz 2b",
        "3: ret",
        ".pushsection .fixups, \"a\"",
        ".quad 20b, 3b, 21b, 3b, 22b, 3b, 23b, 3b",
        ".popsection",
    )
}

/// Sets `bytes` bytes at `target`, which may fault, to the low byte of `pattern`. Returns the number of bytes left.
#[unsafe(naked)]
unsafe extern "C" fn fill_bytes(target: u64, pattern: u64, bytes: usize) -> usize {
    naked_asm!(
        "mov rax, rdx",
        "test rax, rax",
        "jz 3f",
        "2:",
        "20: mov [rdi], sil",
        "inc rdi",
        "dec rax",
        "jnz 2b",
        "3: ret",
        ".pushsection .fixups, \"a\"",
        ".quad 20b, 3b",
        ".popsection",
    )
}

/// Adds 0 to the byte at `target` by a locked instruction. Returns 1 after a fault and 0 otherwise.
#[unsafe(naked)]
unsafe extern "C" fn touch(target: u64) -> usize {
    naked_asm!(
        "mov eax, 1",
        "20: lock add byte ptr [rdi], 0",
        "xor eax, eax",
        "3: ret",
        ".pushsection .fixups, \"a\"",
        ".quad 20b, 3b",
        ".popsection",
    )
}

/// Calls the function at `target`. Returns 1 if the fetch of its first instruction faulted, and 0 otherwise.
///
/// The entry in the exception table contains the return address of the call, because the handler of a faulting fetch
/// finds only this address on the stack.
#[unsafe(naked)]
unsafe extern "C" fn call(target: u64) -> usize {
    naked_asm!(
        "push rbp",
        "call rdi",
        "20: xor eax, eax",
        "pop rbp",
        "ret",
        "3: mov eax, 1",
        "pop rbp",
        "ret",
        ".pushsection .fixups, \"a\"",
        ".quad 20b, 3b",
        ".popsection",
    )
}

/// Copies bytes from `source` to `target`. Returns the number of bytes copied. The number is less than the length of
/// `target` if the next byte faulted.
pub(crate) fn read(source: u64, target: &mut [u8]) -> usize {
    let start = target.as_mut_ptr();
    let blocks = target.len() / BLOCK_BYTES;
    // SAFETY: `start` is valid for `blocks` blocks; the loads from `source` may fault.
    let left = unsafe { load_blocks(start, source, blocks) };
    let done = (blocks - left) * BLOCK_BYTES;
    let rest = &mut target[done..];
    // SAFETY: `rest` is valid for its length; the loads from `source` may fault.
    let missing =
        unsafe { load_bytes(rest.as_mut_ptr(), source.wrapping_add(done as u64), rest.len()) };
    target.len() - missing
}

/// Copies `source` to the address `target`. Returns the number of bytes copied. The number is less than the length of
/// `source` if the next byte faulted.
///
/// # Safety
///
/// The caller may overwrite the mapped writable bytes of the target.
pub(crate) unsafe fn write(target: u64, source: &[u8]) -> usize {
    let blocks = source.len() / BLOCK_BYTES;
    // SAFETY: `source` is valid for `blocks` blocks; the caller guarantees the target.
    let left = unsafe { store_blocks(target, source.as_ptr(), blocks) };
    let done = (blocks - left) * BLOCK_BYTES;
    let rest = &source[done..];
    // SAFETY: as above.
    let missing =
        unsafe { store_bytes(target.wrapping_add(done as u64), rest.as_ptr(), rest.len()) };
    source.len() - missing
}

/// Sets `bytes` bytes at `target` to `byte`. Returns the number of bytes set. The number is less than `bytes` if the
/// next byte faulted.
///
/// # Safety
///
/// The caller may overwrite the mapped writable bytes of the target.
pub(crate) unsafe fn fill(target: u64, bytes: usize, byte: u8) -> usize {
    let pattern = u64::from_ne_bytes([byte; 8]);
    let blocks = bytes / BLOCK_BYTES;
    // SAFETY: the caller guarantees the target.
    let left = unsafe { fill_blocks(target, pattern, blocks) };
    let done = (blocks - left) * BLOCK_BYTES;
    // SAFETY: as above.
    let missing = unsafe { fill_bytes(target.wrapping_add(done as u64), pattern, bytes - done) };
    bytes - missing
}

/// Reads the 64-bit word at `source`. Returns `None` after a fault.
pub(crate) fn read_word(source: u64) -> Option<u64> {
    let mut word = [0; 8];
    (read(source, &mut word) == word.len()).then_some(u64::from_ne_bytes(word))
}

/// Returns whether the byte at `target` can be loaded.
pub(crate) fn can_read(target: u64) -> bool {
    read(target, &mut [0]) == 1
}

/// Returns whether a store to the byte at `target` succeeds. The byte keeps its value.
pub(crate) fn can_write(target: u64) -> bool {
    // SAFETY: adding 0 by a locked instruction does not change the byte, even if another CPU uses it.
    unsafe { touch(target) == 0 }
}

/// Calls the function at `target`. Returns whether the fetch of its first instruction succeeded.
///
/// # Safety
///
/// If the fetch can succeed, the code at `target` must be a function without arguments that returns.
pub(crate) unsafe fn can_execute(target: u64) -> bool {
    // SAFETY: the caller guarantees the function.
    unsafe { call(target) == 0 }
}
