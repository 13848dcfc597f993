//! Copies the network's counts of dropped packets and connections in the order of the rows in which
//! the service reports them.

use crate::net::{Drop, Drops};
use crate::service::DROP_ROWS;

/// Returns the number of drops for each reason, in the order of [`DROP_ROWS`].
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
