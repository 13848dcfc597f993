//! `memcpy` and its kin, as loops of 64-bit words.
//!
//! Strong symbols: they replace the compiler's own, which use `rep movsb`. Under TCG that is ten
//! times slower than words, and without SSE the difference on hardware is small.

#![expect(unsafe_code, reason = "defines the memory functions that the compiler calls")]

use core::arch::naked_asm;

/// Copies `bytes` bytes that do not overlap.
///
/// # Safety
///
/// As C's `memcpy`.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(target: *mut u8, source: *const u8, bytes: usize) -> *mut u8 {
    naked_asm!(
        "mov rax, rdi",
        "mov rcx, rdx",
        "shr rcx, 5",
        "jz 3f",
        "2:",
        "mov r8, [rsi]",
        "mov r9, [rsi + 8]",
        "mov r10, [rsi + 16]",
        "mov r11, [rsi + 24]",
        "mov [rdi], r8",
        "mov [rdi + 8], r9",
        "mov [rdi + 16], r10",
        "mov [rdi + 24], r11",
        "add rsi, 32",
        "add rdi, 32",
        "dec rcx",
        "jnz 2b",
        "3:",
        "mov ecx, edx",
        "shr ecx, 3",
        "and ecx, 3",
        "jz 5f",
        "4:",
        "mov r8, [rsi]",
        "mov [rdi], r8",
        "add rsi, 8",
        "add rdi, 8",
        "dec ecx",
        "jnz 4b",
        "5:",
        "and edx, 7",
        "jz 7f",
        "6:",
        "mov cl, [rsi]",
        "mov [rdi], cl",
        "inc rsi",
        "inc rdi",
        "dec edx",
        "jnz 6b",
        "7: ret",
    )
}

/// Copies `bytes` bytes that may overlap.
///
/// # Safety
///
/// As C's `memmove`.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(target: *mut u8, source: *const u8, bytes: usize) -> *mut u8 {
    naked_asm!(
        // Upwards is safe unless the target starts inside the source.
        "mov rax, rdi",
        "sub rax, rsi",
        "cmp rax, rdx",
        "jae {memcpy}",
        "mov rax, rdi",
        // Downwards: bytes first, until whole words are left.
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

/// Sets `bytes` bytes.
///
/// # Safety
///
/// As C's `memset`.
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(target: *mut u8, byte: i32, bytes: usize) -> *mut u8 {
    naked_asm!(
        "mov r9, rdi",
        // The byte eight times over.
        "movzx eax, sil",
        "mov rcx, 0x0101010101010101",
        "imul rax, rcx",
        "mov rcx, rdx",
        "shr rcx, 5",
        "jz 3f",
        "2:",
        "mov [rdi], rax",
        "mov [rdi + 8], rax",
        "mov [rdi + 16], rax",
        "mov [rdi + 24], rax",
        "add rdi, 32",
        "dec rcx",
        "jnz 2b",
        "3:",
        "mov ecx, edx",
        "shr ecx, 3",
        "and ecx, 3",
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
