//! Compares the breaches of a crate with the list of exceptions.

use std::collections::{BTreeMap, BTreeSet};

use super::breach::{Breach, BreachKind};

/// Violations of one rule in one crate that are permitted for one reason.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) kind: BreachKind,
    /// The name of the crate.
    pub(super) package: &'static str,
    /// The reason, for readers of the list.
    pub(super) reason: &'static str,
    /// The keys of the permitted violations.
    pub(super) rows: &'static [&'static str],
}

/// Returns the messages for a crate: violations that are not permitted, and rows that match no violation.
pub(super) fn judge(groups: &[Group], package: &str, breaches: &[Breach]) -> Vec<String> {
    let of_package = groups.iter().filter(|group| group.package == package);
    let rows: BTreeMap<_, _> = of_package
        .flat_map(|group| group.rows.iter().map(|row| ((group.kind, *row), group.reason)))
        .collect();
    let keys: BTreeSet<_> =
        breaches.iter().map(|breach| (breach.kind, breach.key.as_str())).collect();
    let is_new = |breach: &&Breach| !rows.contains_key(&(breach.kind, breach.key.as_str()));
    let new = breaches.iter().filter(is_new);
    let new = new.map(|breach| format!("{package}: {}: {}", breach.kind, breach.text));
    let stale = rows.iter().filter(|(row, _)| !keys.contains(*row)).map(|((kind, row), reason)| {
        format!("{package}: {kind}: {row}: delete the row of layers/allowed.rs ({reason}): it is not needed any more")
    });
    new.chain(stale).collect()
}
