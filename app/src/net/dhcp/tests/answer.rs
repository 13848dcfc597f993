//! Builds valid and invalid messages of DHCP servers for tests.

use core::net::Ipv4Addr;

use super::MAC;

pub(in crate::net) const DISCOVER: u8 = 1;
pub(in crate::net) const OFFER: u8 = 2;
pub(in crate::net) const REQUEST: u8 = 3;
pub(in crate::net) const ACK: u8 = 5;
pub(in crate::net) const NAK: u8 = 6;

/// A message of a server. The transaction id is that of the client's message plus `xid_change`.
#[derive(Clone, Debug)]
pub(in crate::net) struct Answer {
    pub(in crate::net) op: u8,
    /// Type of the message. `None` means OFFER as the answer to a DISCOVER, and ACK as the answer to a REQUEST.
    pub(in crate::net) kind: Option<u8>,
    pub(in crate::net) xid_change: u32,
    pub(in crate::net) mac: [u8; 6],
    pub(in crate::net) magic: u32,
    pub(in crate::net) address: Ipv4Addr,
    pub(in crate::net) server: Option<Ipv4Addr>,
    pub(in crate::net) options: Vec<(u8, Vec<u8>)>,
    /// Time in milliseconds from the client's message until this answer arrives.
    pub(in crate::net) delay_ms: u64,
}

pub(in crate::net) fn address(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

/// Returns an answer with an address and without options.
pub(in crate::net) fn plain() -> Answer {
    Answer {
        op: 2,
        kind: None,
        xid_change: 0,
        mac: MAC.0,
        magic: 0x6382_5363,
        address: address("10.0.2.15"),
        server: Some(address("10.0.2.2")),
        options: Vec::new(),
        delay_ms: 0,
    }
}

/// Returns an answer with a lease of 20 s, a mask and a router. The lease is renewed after 5 s (T1) and rebound after
/// 15 s (T2).
pub(in crate::net) fn lease() -> Answer {
    plain().mask("255.255.255.0").router("10.0.2.3").secs(20, 5, 15)
}

/// Returns a NAK.
pub(in crate::net) fn nak() -> Answer {
    Answer { kind: Some(NAK), ..plain() }
}

impl Answer {
    /// Sets the option `code` to `value`, or removes the option if `value` is empty.
    pub(in crate::net) fn option(mut self, code: u8, value: &[u8]) -> Self {
        self.options.retain(|(other, _)| *other != code);
        if !value.is_empty() {
            self.options.push((code, value.to_vec()));
        }
        self
    }

    pub(in crate::net) fn mask(self, mask: &str) -> Self {
        self.option(1, &address(mask).octets())
    }

    pub(in crate::net) fn router(self, router: &str) -> Self {
        self.option(3, &address(router).octets())
    }

    pub(in crate::net) fn number(self, code: u8, number: u32) -> Self {
        self.option(code, &number.to_be_bytes())
    }

    pub(in crate::net) fn secs(self, lease: u32, renewal: u32, rebinding: u32) -> Self {
        self.number(51, lease).number(58, renewal).number(59, rebinding)
    }

    pub(in crate::net) fn at(self, text: &str) -> Self {
        Self { address: address(text), ..self }
    }

    pub(in crate::net) fn from(self, server: &str) -> Self {
        Self { server: Some(address(server)), ..self }
    }

    /// Returns the bytes of this answer to a message of the type `asked` with the transaction id `xid`.
    pub(in crate::net) fn bytes(&self, asked: u8, xid: u32) -> Vec<u8> {
        let kind = self.kind.unwrap_or(if asked == DISCOVER { OFFER } else { ACK });
        let mut bytes = vec![0; 240];
        bytes[..3].copy_from_slice(&[self.op, 1, 6]);
        bytes[4..8].copy_from_slice(&xid.wrapping_add(self.xid_change).to_be_bytes());
        bytes[16..20].copy_from_slice(&self.address.octets());
        bytes[28..34].copy_from_slice(&self.mac);
        bytes[236..240].copy_from_slice(&self.magic.to_be_bytes());
        bytes.extend([53, 1, kind]);
        if let Some(server) = self.server {
            bytes.extend([54, 4]);
            bytes.extend(server.octets());
        }
        for (code, value) in &self.options {
            bytes.extend([*code, u8::try_from(value.len()).unwrap()]);
            bytes.extend(value);
        }
        bytes.push(255);
        bytes
    }
}
