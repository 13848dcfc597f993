//! Counts dropped packets and connections by reason.

/// The reason for which a packet or connection was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drop {
    /// The frame is too short, is addressed to another machine, or has a protocol type that this machine does not use.
    Frame,
    /// The ARP packet contains an invalid address, or is not for IPv4 over Ethernet.
    Arp,
    /// The lengths in the IPv4 header are inconsistent, or its version is not 4.
    IpHeader,
    /// The checksum of the IPv4 header is wrong.
    IpChecksum,
    /// The source address cannot be that of another machine (for example a broadcast address, or that of this machine).
    IpSource,
    /// The target address is not that of this machine.
    IpTarget,
    /// The fragment contradicts another fragment of its packet, or the packet would exceed the maximum size.
    Fragment,
    /// The incomplete packet was evicted by the fragment of another packet, or its fragments did not all arrive in
    /// time.
    FragmentRoom,
    /// The ICMP message is damaged, or quotes a packet that no connection has in flight.
    Icmp,
    /// The TCP header is inconsistent.
    TcpHeader,
    /// The checksum of the TCP segment is wrong.
    TcpChecksum,
    /// The segment of a connection has no ACK flag (RFC 9293 section 3.10.7.4).
    TcpNoAck,
    /// The sequence number of the RST is not exactly the next expected number (RFC 5961 section 3).
    TcpReset,
    /// The SYN is for a connection that exists already (RFC 5961 section 4).
    TcpSyn,
    /// The segment acknowledges bytes that were not sent, or were acknowledged long ago (RFC 5961 section 5).
    TcpAck,
    /// The SYN cookie in the ACK of a handshake is invalid or has expired.
    TcpCookie,
    /// The next hop of a transmitted packet does not answer ARP requests, there is no route to the receiver, or a
    /// waiting packet was too long.
    NoNeighbor,
    /// The DHCP message is damaged, unexpected or unusable.
    Dhcp,
    /// The handshake of a connection was not finished before its socket was needed for another connection, or no socket
    /// was free.
    HalfOpen,
    /// The server had closed the connection, but its peer had not when the socket was needed for another connection.
    Closing,
}

impl Drop {
    /// All reasons, each at the index of its counter.
    pub const ALL: [Self; 20] = [
        Self::Frame,
        Self::Arp,
        Self::IpHeader,
        Self::IpChecksum,
        Self::IpSource,
        Self::IpTarget,
        Self::Fragment,
        Self::FragmentRoom,
        Self::Icmp,
        Self::TcpHeader,
        Self::TcpChecksum,
        Self::TcpNoAck,
        Self::TcpReset,
        Self::TcpSyn,
        Self::TcpAck,
        Self::TcpCookie,
        Self::NoNeighbor,
        Self::Dhcp,
        Self::HalfOpen,
        Self::Closing,
    ];

    /// Returns the name of the reason in metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Frame => "frame",
            Self::Arp => "arp",
            Self::IpHeader => "ip_header",
            Self::IpChecksum => "ip_checksum",
            Self::IpSource => "ip_source",
            Self::IpTarget => "ip_target",
            Self::Fragment => "fragment",
            Self::FragmentRoom => "fragment_room",
            Self::Icmp => "icmp",
            Self::TcpHeader => "tcp_header",
            Self::TcpChecksum => "tcp_checksum",
            Self::TcpNoAck => "tcp_no_ack",
            Self::TcpReset => "tcp_reset",
            Self::TcpSyn => "tcp_syn",
            Self::TcpAck => "tcp_ack",
            Self::TcpCookie => "tcp_cookie",
            Self::NoNeighbor => "no_neighbor",
            Self::Dhcp => "dhcp",
            Self::HalfOpen => "half_open",
            Self::Closing => "closing",
        }
    }
}

/// The number of drops for each reason since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    counts: [u64; Drop::ALL.len()],
    total: u64,
}

impl Drops {
    /// Counts one drop.
    pub fn note(&mut self, reason: Drop) {
        self.note_many(reason, 1);
    }

    /// Counts `times` drops for the same reason.
    pub fn note_many(&mut self, reason: Drop, times: usize) {
        self.counts[reason as usize] += times as u64;
        self.total += times as u64;
    }

    /// Returns the counters with those of `other` added.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let mut sum = *self;
        sum.counts.iter_mut().zip(other.counts).for_each(|(count, more)| *count += more);
        sum.total += other.total;
        sum
    }

    /// Returns the counter of a reason.
    #[must_use]
    pub fn count(&self, reason: Drop) -> u64 {
        self.counts[reason as usize]
    }

    /// Returns the sum of all counters.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_counter_and_word() {
        let mut drops = Drops::default();
        for (at, reason) in Drop::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, at, "{reason:?}");
            (0..=at).for_each(|_| drops.note(reason));
        }
        for (at, reason) in Drop::ALL.into_iter().enumerate() {
            assert_eq!(drops.count(reason), at as u64 + 1);
            let same = Drop::ALL.into_iter().filter(|other| other.word() == reason.word());
            assert_eq!(same.count(), 1, "{}", reason.word());
        }
    }
}
