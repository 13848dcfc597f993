//! The reasons for dropped packets and connections, with a counter for each.

/// The reason for a dropped packet or connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drop {
    /// The frame is too short, or its addresses or type are not for this machine.
    Frame,
    /// The ARP packet has an invalid address, or is not for IPv4.
    Arp,
    /// The IPv4 header is inconsistent, or has another version.
    IpHeader,
    /// The checksum of the IPv4 header is wrong.
    IpChecksum,
    /// The sender is not a single machine.
    IpSource,
    /// The receiver is another machine.
    IpTarget,
    /// The fragment overlaps another one, or exceeds the maximum packet.
    Fragment,
    /// The fragment was evicted, or its packet was not complete in time.
    FragmentRoom,
    /// The ICMP message is damaged, or does not match a connection.
    Icmp,
    /// The TCP header is inconsistent.
    TcpHeader,
    /// The checksum of the TCP segment is wrong.
    TcpChecksum,
    /// The segment of a connection has no ACK (RFC 9293 section 3.10.7.4).
    TcpNoAck,
    /// The RST does not have exactly the next number (RFC 5961 section 3).
    TcpReset,
    /// The SYN is for an open connection (RFC 5961 section 4).
    TcpSyn,
    /// The segment acknowledges bytes that were not sent, or were acknowledged long ago (RFC 5961 section 5).
    TcpAck,
    /// The cookie in the ACK of a handshake is wrong or too old.
    TcpCookie,
    /// The receiver of a transmitted packet does not answer ARP, or has no route.
    NoNeighbor,
    /// The DHCP message is damaged, unexpected or unusable.
    Dhcp,
    /// The handshake of a connection was not finished in time, and its socket was reclaimed.
    HalfOpen,
    /// The connection was closed here, and its socket was reclaimed.
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

    /// Returns the reason as the label of a metric.
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

/// The counters since boot.
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

    /// Counts `times` drops.
    pub fn note_many(&mut self, reason: Drop, times: usize) {
        self.counts[reason as usize] += times as u64;
        self.total += times as u64;
    }

    /// Returns the sums of both.
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
