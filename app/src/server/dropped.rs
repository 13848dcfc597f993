//! Counts of packets and connections that the network dropped, in the order of the service's rows.

use crate::net::{Drop, Drops};
use crate::service::DROP_ROWS;

/// Returns the counts in the order of the service's rows.
pub(super) fn counts(drops: &Drops) -> [u64; DROP_ROWS.len()] {
    Drop::ALL.map(|reason| drops.count(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_has_a_row_for_each_reason_in_the_same_order() {
        assert_eq!(DROP_ROWS.map(|(word, _)| word), Drop::ALL.map(Drop::word));
        let mut drops = Drops::default();
        drops.note(Drop::Closing);
        assert_eq!(counts(&drops).last(), Some(&1));
    }
}
