//! Why a packet or a connection was dropped: one counter for each reason.

/// The reason why something that came from the network was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drop {
    /// A frame that is too short, or whose addresses or type mean nothing here.
    Frame,
    /// An ARP packet that names an address nobody can have, or is no ARP for IPv4.
    Arp,
    /// An IPv4 header that contradicts itself, or another version.
    IpHeader,
    /// A wrong checksum of an IPv4 header.
    IpChecksum,
    /// A sender that is no single machine.
    IpSource,
    /// A receiver that is another machine.
    IpTarget,
    /// A fragment that overlaps another one, or ends behind the longest packet.
    Fragment,
    /// A fragment for which there was no room, or whose packet was not complete in time.
    FragmentRoom,
    /// An ICMP message that is damaged, or that fits no connection.
    Icmp,
    /// A TCP header that contradicts itself.
    TcpHeader,
    /// A wrong checksum of a TCP segment.
    TcpChecksum,
    /// A segment without ACK on a connection (RFC 9293 section 3.10.7.4).
    TcpNoAck,
    /// A RST that does not have exactly the next number (RFC 5961 section 3).
    TcpReset,
    /// A SYN on an open connection (RFC 5961 section 4).
    TcpSyn,
    /// A segment that acknowledges what was never sent, or long ago (RFC 5961 section 5).
    TcpAck,
    /// An ACK of a handshake whose cookie is wrong or too old.
    TcpCookie,
    /// A packet out for a machine that does not answer ARP, or without a route.
    NoNeighbor,
    /// A DHCP message that offers what no machine can use.
    Dhcp,
    /// A connection that its client did not finish in time, and whose place another one needed.
    HalfOpen,
    /// A connection that was closed here, and whose place another one needed.
    Closing,
}

impl Drop {
    /// Every reason, each at the index of its counter.
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

    /// The reason as a label of a metric.
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

/// How often each reason was met since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    counts: [u64; Drop::ALL.len()],
    total: u64,
}

impl Drops {
    /// Counts one.
    pub fn note(&mut self, reason: Drop) {
        self.note_many(reason, 1);
    }

    /// Counts so many.
    pub fn note_many(&mut self, reason: Drop, times: usize) {
        self.counts[reason as usize] += times as u64;
        self.total += times as u64;
    }

    /// Both counts together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let mut sum = *self;
        sum.counts.iter_mut().zip(other.counts).for_each(|(count, more)| *count += more);
        sum.total += other.total;
        sum
    }

    /// How often a reason was met.
    #[must_use]
    pub fn count(&self, reason: Drop) -> u64 {
        self.counts[reason as usize]
    }

    /// How often any was.
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
