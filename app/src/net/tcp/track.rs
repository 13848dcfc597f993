//! Tracks the sequence numbers of one connection by reading its transmitted and received segments.

use super::segment::{ACK, RST, SYN, Segment, TcpOptions, ahead};

/// The sequence numbers and windows of one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::net) struct Track {
    /// The first sequence number that the peer has not acknowledged (SND.UNA).
    pub(in crate::net) unacknowledged: u32,
    /// The sequence number behind the last one that was sent (SND.NXT).
    pub(in crate::net) next: u32,
    /// The next sequence number expected from the peer (RCV.NXT).
    pub(in crate::net) expected: u32,
    /// The last window sent to the peer, as in the header (not scaled).
    pub(in crate::net) told_window: u16,
    /// The last window received from the peer, as in the header (not scaled).
    pub(in crate::net) window: u16,
    /// Number of bits by which the windows of this end and of the peer are shifted (window scale option).
    own_shift: u8,
    peer_shift: u8,
    /// The largest window that the peer has offered, in bytes.
    largest_window: u32,
}

impl Track {
    /// Creates the numbers of a connection that begins with the SYN `syn` of a peer.
    pub(in crate::net) fn begin(syn: &Segment, options: &TcpOptions) -> Self {
        Self {
            expected: syn.sequence.wrapping_add(1),
            window: syn.window,
            largest_window: u32::from(syn.window),
            peer_shift: options.window_scale.unwrap_or(0),
            ..Self::default()
        }
    }

    /// Returns whether the peer has not yet acknowledged all sent bytes.
    pub(in crate::net) fn is_in_flight(&self) -> bool {
        self.next != self.unacknowledged
    }

    /// Returns the last window sent to the peer, in bytes.
    pub(in crate::net) fn receive_window(&self) -> u32 {
        u32::from(self.told_window) << self.own_shift
    }

    /// Returns how many bytes an acknowledgement number may be below the first unacknowledged number (RFC 5961 section
    /// 5). Segments with an older number are challenged.
    pub(in crate::net) fn old_acknowledgement(&self) -> u32 {
        self.largest_window
    }

    /// Records a received segment that the guard passes to the socket.
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
        // After a gap, `expected` does not change here. The acknowledgement that the socket sends contains the correct
        // number.
        let is_new = ahead(self.expected, segment.end()) > 0;
        let is_within = ahead(segment.end(), self.edge()) >= 0;
        if ahead(self.expected, segment.sequence) <= 0 && is_new && is_within {
            self.expected = segment.end();
        }
    }

    /// Returns the number behind the window sent to the peer.
    fn edge(&self) -> u32 {
        self.expected.wrapping_add(self.receive_window())
    }

    /// Records a transmitted segment.
    pub(in crate::net) fn send(&mut self, segment: &Segment, bytes: &[u8]) {
        if segment.flags & RST != 0 {
            return;
        }
        if segment.flags & SYN != 0 {
            // A SYN may be retransmitted, but then no byte behind the SYN was sent.
            self.unacknowledged = segment.sequence;
            self.next = segment.end();
            let options = TcpOptions::read(bytes, segment.header_bytes);
            match options.window_scale {
                Some(shift) => self.own_shift = shift,
                None => (self.own_shift, self.peer_shift) = (0, 0),
            }
            // The window in a SYN is a number of bytes. `told_window` is shifted to the left when it is read.
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
