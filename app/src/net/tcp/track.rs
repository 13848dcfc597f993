//! The numbers of one connection, as they were seen on the wire.

use super::segment::{ACK, RST, SYN, Segment, TcpOptions, ahead};

/// The numbers of one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::net) struct Track {
    /// The first number that the peer has not acknowledged (SND.UNA).
    pub(in crate::net) unacknowledged: u32,
    /// The number behind the last one that was sent (SND.NXT).
    pub(in crate::net) next: u32,
    /// The number that the peer sends next, as far as is known here (RCV.NXT).
    pub(in crate::net) expected: u32,
    /// The window that the peer was told last, as it stood in the header.
    pub(in crate::net) told_window: u16,
    /// The window that the peer has told last, as it stood in the header.
    pub(in crate::net) window: u16,
    /// By how many bits the windows of this end and of the peer are shifted.
    own_shift: u8,
    peer_shift: u8,
    /// The largest window that the peer has told, in bytes.
    largest_window: u32,
}

impl Track {
    /// Begins with the SYN of a peer.
    pub(in crate::net) fn begin(syn: &Segment, options: &TcpOptions) -> Self {
        Self {
            expected: syn.sequence.wrapping_add(1),
            window: syn.window,
            largest_window: u32::from(syn.window),
            peer_shift: options.window_scale.unwrap_or(0),
            ..Self::default()
        }
    }

    /// Whether something was sent that is not acknowledged.
    pub(in crate::net) fn is_in_flight(&self) -> bool {
        self.next != self.unacknowledged
    }

    /// Bytes of the window that the peer was told.
    pub(in crate::net) fn receive_window(&self) -> u32 {
        u32::from(self.told_window) << self.own_shift
    }

    /// How far behind the last acknowledgement one may be (RFC 5961 section 5).
    pub(in crate::net) fn old_acknowledgement(&self) -> u32 {
        self.largest_window
    }

    /// Notes what a segment that is passed on to the socket says.
    pub(in crate::net) fn hear(&mut self, segment: &Segment) {
        if segment.flags & (SYN | RST) != 0 {
            return;
        }
        if segment.has(ACK) && ahead(self.unacknowledged, segment.acknowledged) > 0 {
            self.unacknowledged = segment.acknowledged;
        }
        self.window = segment.window;
        let window = u32::from(segment.window) << self.peer_shift;
        self.largest_window = self.largest_window.max(window);
        // A segment that begins further on leaves a hole, and the answer will say so.
        let is_new = ahead(self.expected, segment.end()) > 0;
        let is_within = ahead(segment.end(), self.edge()) >= 0;
        if ahead(self.expected, segment.sequence) <= 0 && is_new && is_within {
            self.expected = segment.end();
        }
    }

    /// The number behind the window that the peer was told.
    fn edge(&self) -> u32 {
        self.expected.wrapping_add(self.receive_window())
    }

    /// Notes a segment that goes out.
    pub(in crate::net) fn send(&mut self, segment: &Segment, bytes: &[u8]) {
        if segment.flags & RST != 0 {
            return;
        }
        if segment.flags & SYN != 0 {
            // It may be sent again; nothing behind it has been sent then.
            self.unacknowledged = segment.sequence;
            self.next = segment.end();
            let options = TcpOptions::read(bytes, segment.header_bytes);
            match options.window_scale {
                Some(shift) => self.own_shift = shift,
                None => (self.own_shift, self.peer_shift) = (0, 0),
            }
            // The window of a SYN is not scaled.
            self.told_window = segment.window >> self.own_shift;
        } else {
            self.told_window = segment.window;
        }
        if ahead(self.next, segment.end()) > 0 {
            self.next = segment.end();
        }
        if segment.has(ACK) {
            self.expected = segment.acknowledged;
        }
    }
}
