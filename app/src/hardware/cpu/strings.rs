//! Defines `memcpy`, `memmove` and `memset` as loops that copy words of 64 bits.
//!
//! The linker prefers these functions to those of the compiler's library, which are weak symbols and use `rep movsb`.
//! Under QEMU's TCG, `rep movsb` is ten times slower than a loop of words. On real hardware the difference is small.

#![expect(unsafe_code, reason = "defines the memory functions that the compiler calls")]

use core::arch::naked_asm;

/// Copies `bytes` bytes, from lower to higher addresses. Source and target must not overlap, unless the target starts
/// below the source. The last word is read first and written last. It may overlap the word before, so that no single
/// bytes are left.
///
/// # Safety
///
/// As C's `memcpy`.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(target: *mut u8, source: *const u8, bytes: usize) -> *mut u8 {
    naked_asm!(
        "mov rax, rdi",
        "cmp rdx, 8",
        "jb 6f",
        "mov r8, [rsi + rdx - 8]",
        "lea r9, [rdi + rdx - 8]",
        // Copies all words but the last one, 32 bytes in each turn.
        "dec rdx",
        "mov rcx, rdx",
        "shr rcx, 5",
        "jz 3f",
        "2:",
        "mov r10, [rsi]",
        "mov r11, [rsi + 8]",
        "mov [rdi], r10",
        "mov [rdi + 8], r11",
        "mov r10, [rsi + 16]",
        "mov r11, [rsi + 24]",
        "mov [rdi + 16], r10",
        "mov [rdi + 24], r11",
        "add rsi, 32",
        "add rdi, 32",
        "dec rcx",
        "jnz 2b",
        "3:",
        "shr edx, 3",
        "and edx, 3",
        "jz 5f",
        "4:",
        "mov r10, [rsi]",
        "mov [rdi], r10",
        "add rsi, 8",
        "add rdi, 8",
        "dec edx",
        "jnz 4b",
        "5:",
        "mov [r9], r8",
        "ret",
        // Copies four to seven bytes as two halves that may overlap.
        "6:",
        "cmp edx, 4",
        "jb 7f",
        "mov ecx, [rsi]",
        "mov r8d, [rsi + rdx - 4]",
        "mov [rdi], ecx",
        "mov [rdi + rdx - 4], r8d",
        "ret",
        // Copies one to three bytes: the first, the middle and the last, which may be the same.
        "7:",
        "test edx, edx",
        "jz 8f",
        "mov r9d, edx",
        "shr r9d, 1",
        "mov cl, [rsi]",
        "mov r8b, [rsi + r9]",
        "mov r10b, [rsi + rdx - 1]",
        "mov [rdi], cl",
        "mov [rdi + r9], r8b",
        "mov [rdi + rdx - 1], r10b",
        "8: ret",
    )
}

/// Copies `bytes` bytes. Source and target may overlap.
///
/// # Safety
///
/// As C's `memmove`.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(target: *mut u8, source: *const u8, bytes: usize) -> *mut u8 {
    naked_asm!(
        // `memcpy` is used unless the target starts inside the source, where it would overwrite bytes that are not yet
        // copied.
        "mov rax, rdi",
        "sub rax, rsi",
        "cmp rax, rdx",
        "jae {memcpy}",
        "mov rax, rdi",
        // Copies from higher to lower addresses: single bytes first, until a number of whole words is left.
        "mov ecx, edx",
        "and ecx, 7",
        "jz 3f",
        "2:",
        "mov r8b, [rsi + rdx - 1]",
        "mov [rdi + rdx - 1], r8b",
        "dec rdx",
        "dec ecx",
        "jnz 2b",
        "3:",
        "test rdx, rdx",
        "jz 5f",
        "4:",
        "mov r8, [rsi + rdx - 8]",
        "mov [rdi + rdx - 8], r8",
        "sub rdx, 8",
        "jnz 4b",
        "5: ret",
        memcpy = sym memcpy,
    )
}

/// Sets `bytes` bytes at `target` to the low byte of `byte`.
///
/// # Safety
///
/// As C's `memset`.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(target: *mut u8, byte: i32, bytes: usize) -> *mut u8 {
    naked_asm!(
        "mov r9, rdi",
        // Makes a word that contains the byte eight times.
        "movzx eax, sil",
        "mov rcx, 0x0101010101010101",
        "imul rax, rcx",
        "mov rcx, rdx",
        "shr rcx, 7",
        "jz 3f",
        // Sets 128 bytes in each turn, because the overhead of the loop matters when a whole page is set.
        "2:",
        "mov [rdi], rax",
        "mov [rdi + 8], rax",
        "mov [rdi + 16], rax",
        "mov [rdi + 24], rax",
        "mov [rdi + 32], rax",
        "mov [rdi + 40], rax",
        "mov [rdi + 48], rax",
        "mov [rdi + 56], rax",
        "mov [rdi + 64], rax",
        "mov [rdi + 72], rax",
        "mov [rdi + 80], rax",
        "mov [rdi + 88], rax",
        "mov [rdi + 96], rax",
        "mov [rdi + 104], rax",
        "mov [rdi + 112], rax",
        "mov [rdi + 120], rax",
        "add rdi, 128",
        "dec rcx",
        "jnz 2b",
        "3:",
        "mov ecx, edx",
        "shr ecx, 3",
        "and ecx, 15",
        "jz 5f",
        "4:",
        "mov [rdi], rax",
        "add rdi, 8",
        "dec ecx",
        "jnz 4b",
        "5:",
        "and edx, 7",
        "jz 7f",
        "6:",
        "mov [rdi], al",
        "inc rdi",
        "dec edx",
        "jnz 6b",
        "7:",
        "mov rax, r9",
        "ret",
    )
}
