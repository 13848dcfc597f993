//! Packets and connections that the network dropped, by reason.

/// The label and the name of each counter of dropped packets and connections. The server passes the
/// counts of the network in this order.
pub const DROP_ROWS: [(&str, &str); 20] = [
    ("frame", "dropped_frame"),
    ("arp", "dropped_arp"),
    ("ip_header", "dropped_ip_header"),
    ("ip_checksum", "dropped_ip_checksum"),
    ("ip_source", "dropped_ip_source"),
    ("ip_target", "dropped_ip_target"),
    ("fragment", "dropped_fragment"),
    ("fragment_room", "dropped_fragment_room"),
    ("icmp", "dropped_icmp"),
    ("tcp_header", "dropped_tcp_header"),
    ("tcp_checksum", "dropped_tcp_checksum"),
    ("tcp_no_ack", "dropped_tcp_no_ack"),
    ("tcp_reset", "dropped_tcp_reset"),
    ("tcp_syn", "dropped_tcp_syn"),
    ("tcp_ack", "dropped_tcp_ack"),
    ("tcp_cookie", "dropped_tcp_cookie"),
    ("no_neighbor", "dropped_no_neighbor"),
    ("dhcp", "dropped_dhcp"),
    ("half_open", "dropped_half_open"),
    ("closing", "dropped_closing"),
];

/// One count for each row of [`DROP_ROWS`].
type DropCounts = [u64; DROP_ROWS.len()];

/// Packets and connections that were dropped, by reason. The network counts since boot, but reports
/// show the counts since the last `CONFIG RESETSTAT`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dropped {
    total: DropCounts,
    at_reset: DropCounts,
}

impl Dropped {
    /// Stores the counts since boot, which the network has passed.
    pub fn note(&mut self, total: DropCounts) {
        self.total = total;
    }

    /// Makes the reported counts start again from 0.
    pub(in crate::service) fn reset(self) -> Self {
        Self { at_reset: self.total, ..self }
    }

    /// Returns the label, the name and the count of each reason.
    pub(in crate::service) fn rows(
        &self,
    ) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        let counts = self.total.into_iter().zip(self.at_reset);
        let rows = DROP_ROWS.into_iter().zip(counts);
        rows.map(|((word, name), (total, before))| (word, name, total.saturating_sub(before)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_bear_the_words_of_their_reasons() {
        for (word, name) in DROP_ROWS {
            assert_eq!(name.strip_prefix("dropped_"), Some(word));
        }
    }

    #[test]
    fn a_reset_counts_from_0_again() {
        let mut dropped = Dropped::default();
        dropped.note([7; DROP_ROWS.len()]);
        assert!(dropped.rows().all(|(_, _, count)| count == 7));
        dropped = dropped.reset();
        dropped.note([9; DROP_ROWS.len()]);
        assert!(dropped.rows().all(|(_, _, count)| count == 2));
    }
}
