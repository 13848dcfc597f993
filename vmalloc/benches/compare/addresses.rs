//! Measures addresses only: each step replaces a random area by another one of random length.

use crate::churn::{Sizes, Steady};
use crate::peers::{self, OURS, PEERS};
use crate::settings::Settings;
use crate::table::Table;
use crate::timing::{self, Contestant};

/// Areas of up to half a leaf table, and longer ones.
pub(crate) const SIZES: [Sizes; 2] = [Sizes { low: 1, high: 256 }, Sizes { low: 257, high: 4096 }];

/// Returns the name of a row of the table.
pub(crate) fn name(sizes: Sizes, areas: u32) -> String {
    format!("addresses, {areas} areas of {}..={} pages", sizes.low, sizes.high)
}

pub(crate) fn measure(settings: &Settings, table: &mut Table) {
    for sizes in SIZES {
        for areas in settings.areas() {
            measure_one(settings, table, sizes, *areas);
        }
    }
}

fn measure_one(settings: &Settings, table: &mut Table, sizes: Sizes, areas: u32) {
    let what = |peer: &str| format!("{}, ns, against {peer}", name(sizes, areas));
    let wanted: Vec<&str> = PEERS.into_iter().filter(|peer| table.wants(&what(peer))).collect();
    if wanted.is_empty() {
        return;
    }
    let mut names = Vec::new();
    let mut states: Vec<Box<dyn Steady>> = Vec::new();
    for name in [OURS].into_iter().chain(wanted.iter().copied()) {
        let mut state = peers::steady(name, sizes, areas);
        if state.settle().is_ok() {
            names.push(name);
            states.push(state);
        }
    }
    let mut contestants: Vec<Contestant<'_>> = Vec::new();
    for state in &mut states {
        contestants.push(Box::new(|steps| state.run(steps)));
    }
    let times = timing::alternate(settings, &mut contestants);
    drop(contestants);
    states.iter().for_each(|state| state.verify());

    let of = |name| names.iter().position(|known| *known == name).map(|at| times[at]);
    for peer in wanted {
        table.row(&what(peer), of(OURS), of(peer));
    }
}
