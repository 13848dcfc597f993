//! Applies the address of the machine, and sends the packets that this machine sends without a connection and without a
//! request.

use smoltcp::time::Instant;
use smoltcp::wire::IpCidr;

use super::state::Front;
use crate::net::ip::addresses::Addresses;
use crate::net::nic::Nic;
use crate::net::wire::Wire;

impl Front {
    /// Applies the address and the gateway of `addressing` to the link layer and to smoltcp. Neighbours are removed if
    /// the address has changed.
    pub(in crate::net) fn readdress(&mut self) {
        let own = Addresses::new(self.addressing.address(), self.addressing.gateway());
        if self.wire.own.address() != own.address() {
            self.wire.link.forget();
        }
        self.wire.own = own;
        self.interface.update_ip_addrs(|addresses| {
            addresses.clear();
            if let Some(address) = self.addressing.address() {
                // One address always fits, because the list is empty.
                let _ = addresses.push(IpCidr::Ipv4(address));
            }
        });
    }

    /// Sends DHCP messages, announcements and ARP requests that are due.
    pub(in crate::net) fn send_own<N: Nic>(&mut self, nic: &mut N, now: Instant) {
        while !nic.is_full()
            && let Some(message) = self.addressing.packet(now)
            && let Some(slot) = nic.transmit()
        {
            let (packet, write) = (&message.packet, |bytes: &mut [u8]| {
                bytes.copy_from_slice(&message.packet);
            });
            self.wire.answer(slot, message.to, packet.len(), write, now);
        }
        let Wire { link, own, drops, .. } = &mut self.wire;
        link.poll(nic, own, drops, now);
    }
}
