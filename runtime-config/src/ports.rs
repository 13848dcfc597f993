//! Ports and addresses: TCP, IP and I/O.

/// TCP port of the RESP service, in the guest and (by default) on the host.
pub const RESP: u16 = 7379;
/// TCP port of the read-only HTTP reports.
pub const HTTP: u16 = 8080;

/// Address that QEMU's user network and passt give to the guest. If no DHCP server answers, the image takes
/// this address.
pub const GUEST_ADDRESS: [u8; 4] = [10, 0, 2, 15];
/// Prefix length of [`GUEST_ADDRESS`].
pub const GUEST_PREFIX: u8 = 24;
/// The guest's default gateway.
pub const GUEST_GATEWAY: [u8; 4] = [10, 0, 2, 2];

/// I/O port of QEMU's `isa-debug-exit` device. Writing the byte `v` ends QEMU with the exit code `(v << 1) |
/// 1`.
pub const DEBUG_EXIT_IO: u16 = 0xf4;
/// Number of I/O ports that `isa-debug-exit` decodes.
pub const DEBUG_EXIT_IO_SIZE: u16 = 4;
/// I/O port of the first serial line.
pub const COM1_IO: u16 = 0x3f8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gateway_lies_in_the_guest_network() {
        let shift = 32 - u32::from(GUEST_PREFIX);
        let network = |address: [u8; 4]| u32::from_be_bytes(address) >> shift;
        assert_eq!(network(GUEST_ADDRESS), network(GUEST_GATEWAY));
        assert_ne!(GUEST_ADDRESS, GUEST_GATEWAY);
    }

    #[test]
    fn services_do_not_share_a_port() {
        assert_ne!(RESP, HTTP);
    }
}
