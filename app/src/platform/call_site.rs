//! Detects return addresses: an address is one if a call instruction ends there.

/// Maximum bytes of a call instruction.
pub const CALL_BYTES_MAX: usize = 7;

/// Returns whether `bytes`, which end at a return address, end with a call instruction.
///
/// The result may be wrong, because the last bytes of another instruction can look like a call.
///
/// # Source
///
/// Intel SDM volume 2, "CALL": `E8` with 4 bytes, or `FF /2` with its ModRM byte, SIB byte and displacement.
#[must_use]
pub fn is_after_call(bytes: &[u8; CALL_BYTES_MAX]) -> bool {
    let from_end = |count: usize| &bytes[CALL_BYTES_MAX - count..];
    let is_indirect = |count: usize| {
        let [0xff, modrm, ..] = from_end(count) else { return false };
        modrm >> 3 & 7 == 2 && length(*modrm) == count
    };
    from_end(5)[0] == 0xe8 || [2, 3, 4, 6, 7].into_iter().any(is_indirect)
}

/// Returns the length of a call instruction `FF /2` with this ModRM byte.
fn length(modrm: u8) -> usize {
    let (mode, register) = (modrm >> 6, modrm & 7);
    let index = usize::from(mode != 3 && register == 4);
    let displacement = match mode {
        0 if register == 5 => 4,
        0 | 3 => 0,
        1 => 1,
        _ => 4,
    };
    2 + index + displacement
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends_with(call: &[u8]) -> bool {
        let mut bytes = [0x90; CALL_BYTES_MAX];
        bytes[CALL_BYTES_MAX - call.len()..].copy_from_slice(call);
        is_after_call(&bytes)
    }

    #[test]
    fn calls_are_recognized() {
        assert!(ends_with(&[0xe8, 1, 2, 3, 4]), "call rel32");
        assert!(ends_with(&[0xff, 0xd0]), "call rax");
        assert!(ends_with(&[0x41, 0xff, 0xd3]), "call r11");
        assert!(ends_with(&[0xff, 0x50, 0x18]), "call [rax + 0x18]");
        assert!(ends_with(&[0xff, 0x54, 0x24, 8]), "call [rsp + 8]");
        assert!(ends_with(&[0xff, 0x15, 1, 2, 3, 4]), "call [rip + disp32]");
        assert!(ends_with(&[0xff, 0x94, 0x24, 1, 2, 3, 4]), "call [rsp + disp32]");
    }

    #[test]
    fn other_instructions_are_not_recognized() {
        assert!(!ends_with(&[0xe9, 1, 2, 3, 4]), "jmp rel32");
        assert!(!ends_with(&[0xff, 0xe0]), "jmp rax");
        assert!(!ends_with(&[0xff, 0x30]), "push [rax]");
        assert!(!ends_with(&[0xff, 0x50]), "half of a call");
        assert!(!ends_with(&[]), "nop");
    }
}
