//! A well-behaved TCP client, which retransmits unacknowledged bytes and accepts received bytes in order.

use std::net::Ipv4Addr;

use super::frame::{ACK, FIN, PSH, RST, SYN, Tcp};

/// Address of the client, which is that of the gateway.
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);

/// Hardware address of the client.
pub(crate) const MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// A connection of the client to the image.
#[derive(Debug)]
pub(crate) struct Client {
    port: u16,
    target: u16,
    /// The first sequence number that the image has not acknowledged.
    first: u32,
    /// The unacknowledged bytes behind the SYN.
    unsent: Vec<u8>,
    /// The next sequence number expected from the image.
    expected: Option<u32>,
    /// The received bytes.
    pub(crate) received: Vec<u8>,
    /// Whether the image has reset or ended the connection.
    pub(crate) is_over: bool,
}

impl Client {
    /// Creates a connection with an initial sequence number.
    pub(crate) fn new(port: u16, target: u16, number: u32) -> Self {
        let (unsent, received) = (Vec::new(), Vec::new());
        Self { port, target, first: number, unsent, expected: None, received, is_over: false }
    }

    /// Returns whether a segment of the image belongs to the connection.
    pub(crate) fn has(&self, segment: &Tcp) -> bool {
        (segment.target, segment.source) == (self.port, self.target)
    }

    /// Sends bytes.
    pub(crate) fn say(&mut self, words: &str) {
        self.unsent.extend_from_slice(words.as_bytes());
    }

    /// Returns whether sent bytes are unacknowledged.
    pub(crate) fn is_waiting(&self) -> bool {
        self.expected.is_none() || !self.unsent.is_empty()
    }

    /// Returns the segments with all unacknowledged bytes.
    pub(crate) fn segment(&self) -> Tcp {
        match self.expected {
            Some(_) => self.say_from(self.first, PSH | ACK, self.unsent.clone()),
            None => {
                // Options: segment size 1460, selective acknowledgements, window scale 7.
                let options = vec![2, 4, 5, 0xb4, 4, 2, 1, 1, 1, 3, 3, 7];
                Tcp { options, ..self.say_from(self.first, SYN, Vec::new()) }
            }
        }
    }

    fn say_from(&self, sequence: u32, flags: u8, payload: Vec<u8>) -> Tcp {
        let (source, target, options) = (self.port, self.target, Vec::new());
        let (acknowledged, window) = (self.expected.unwrap_or(0), 60_000);
        Tcp { source, target, sequence, acknowledged, flags, window, options, payload }
    }

    /// Handles a segment of the image and returns the answer.
    pub(crate) fn hear(&mut self, segment: &Tcp) -> Option<Tcp> {
        if segment.flags & RST != 0 {
            let is_refused = segment.acknowledged == self.first.wrapping_add(1);
            self.is_over |=
                self.expected == Some(segment.sequence) || self.expected.is_none() && is_refused;
            return None;
        }
        if segment.flags & SYN != 0 && self.expected.is_none() {
            if segment.acknowledged != self.first.wrapping_add(1) {
                return None;
            }
            self.first = segment.acknowledged;
            self.expected = Some(segment.end());
            return Some(self.segment());
        }
        let acknowledged = segment.acknowledged.wrapping_sub(self.first) as usize;
        if (1..=self.unsent.len()).contains(&acknowledged) {
            self.unsent.drain(..acknowledged);
            self.first = segment.acknowledged;
        }
        if segment.end() == segment.sequence && Some(segment.sequence) == self.expected {
            return None;
        }
        if Some(segment.sequence) == self.expected {
            self.received.extend_from_slice(&segment.payload);
            self.expected = Some(segment.end());
            self.is_over |= segment.flags & FIN != 0;
        }
        Some(self.say_from(self.first, ACK, Vec::new()))
    }
}
