//! Finds options in a DHCP message (RFC 2132).

/// Offset of the options, which follow the header and the magic cookie.
const OPTIONS_AT: usize = 240;
const FILE_AT: usize = 108;
const SERVER_NAME_AT: usize = 44;
const MAGIC_AT: usize = 236;

const PAD: u8 = 0;
const END: u8 = 255;

pub(super) const SUBNET_MASK: u8 = 1;
pub(super) const ROUTER: u8 = 3;
pub(super) const LEASE_SECONDS: u8 = 51;
pub(super) const OVERLOAD: u8 = 52;
pub(super) const MESSAGE_TYPE: u8 = 53;
pub(super) const SERVER: u8 = 54;
pub(super) const RENEWAL_SECONDS: u8 = 58;
pub(super) const REBINDING_SECONDS: u8 = 59;
pub(super) const CLIENT: u8 = 61;

/// Finds the first option with a code and returns its value. A server with many options may also store options in the
/// fields for the boot file name and the server name; these fields are searched in the order of RFC 2131 section 4.1.
pub(super) fn find(message: &[u8], code: u8) -> Option<&[u8]> {
    let options = message.get(OPTIONS_AT..)?;
    let overload = match find_in(options, OVERLOAD) {
        Some(&[fields]) => fields,
        _ => 0,
    };
    let file = if overload & 1 != 0 { &message[FILE_AT..MAGIC_AT] } else { &[] };
    let server_name = if overload & 2 != 0 { &message[SERVER_NAME_AT..FILE_AT] } else { &[] };
    [options, file, server_name].into_iter().find_map(|field| find_in(field, code))
}

/// Finds the first option with a code. Returns its value if it has exactly `N` bytes.
pub(super) fn find_bytes<const N: usize>(message: &[u8], code: u8) -> Option<[u8; N]> {
    find(message, code)?.try_into().ok()
}

/// Finds the first option with a code. Returns its value if it is a number of 32 bits.
pub(super) fn find_number(message: &[u8], code: u8) -> Option<u32> {
    find_bytes(message, code).map(u32::from_be_bytes)
}

fn find_in(mut field: &[u8], wanted: u8) -> Option<&[u8]> {
    loop {
        field = match *field {
            [PAD, ref rest @ ..] => rest,
            [code, length, ref rest @ ..] if code != END => {
                let (value, rest) = rest.split_at_checked(length.into())?;
                if code == wanted {
                    return Some(value);
                }
                rest
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;

    fn message(options: &[u8]) -> Vec<u8> {
        let mut message = vec![0; OPTIONS_AT];
        message.extend_from_slice(options);
        message
    }

    #[test]
    fn options_are_found_behind_pads_and_others() {
        let message = message(&[0, 0, 53, 1, 2, 0, 1, 4, 255, 255, 0, 0, 1, 4, 9, 9, 9, 9, 255, 3]);
        assert_eq!(find(&message, MESSAGE_TYPE), Some(&[2][..]));
        assert_eq!(find_number(&message, SUBNET_MASK), Some(0xffff_0000));
        assert_eq!(find_bytes::<2>(&message, SUBNET_MASK), None);
        assert_eq!(find(&message, ROUTER), None);
        assert_eq!(find(&[0; 100], ROUTER), None);
    }

    #[test]
    fn truncated_options_are_ignored() {
        for options in [&[3][..], &[3, 4], &[3, 4, 10, 0, 2], &[255, 3, 0]] {
            assert_eq!(find(&message(options), ROUTER), None, "{options:?}");
        }
    }

    #[test]
    fn options_in_other_fields_are_found_if_announced() {
        for (overload, router, mask) in
            [(0, None, None), (1, Some(9), None), (2, None, Some(8)), (3, Some(9), Some(8))]
        {
            let mut message = message(&[52, 1, overload, 255]);
            message[FILE_AT..FILE_AT + 3].copy_from_slice(&[3, 1, 9]);
            message[SERVER_NAME_AT..SERVER_NAME_AT + 3].copy_from_slice(&[1, 1, 8]);
            assert_eq!(find(&message, ROUTER).map(|bytes| bytes[0]), router);
            assert_eq!(find(&message, SUBNET_MASK).map(|bytes| bytes[0]), mask);
        }
    }
}
