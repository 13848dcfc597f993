//! Counts the instructions of a step with callgrind, because these counts have no noise.

use std::process::Command;

use crate::addresses;
use crate::mapping::{self, per_page};
use crate::pairs;
use crate::peers::{LOOP, OFFSET_ALLOCATOR, OURS};
use crate::scenario::{COUNTED_PART, Scenario};
use crate::settings::Settings;
use crate::table::Table;

pub(crate) fn measure(settings: &Settings, table: &mut Table) {
    if settings.counts_instructions() {
        measure_addresses(settings, table);
        measure_mapping(table);
        measure_pair(table);
    }
}

fn measure_addresses(settings: &Settings, table: &mut Table) {
    for sizes in addresses::SIZES {
        let mut few = None;
        for areas in settings.counted_areas().iter().copied() {
            let name = addresses::name(sizes, areas);
            let count = |who| count(Scenario::Addresses { who, sizes, areas });
            let growth = format!("{name}, instructions, against 1000 areas");
            let mut ours = None;
            for peer in [OFFSET_ALLOCATOR, LOOP] {
                let what = format!("{name}, instructions, against {peer}");
                if !table.wants(&what) && !table.wants(&growth) {
                    continue;
                }
                let counted = ours.get_or_insert_with(|| count(OURS)).clone();
                if table.wants(&what) {
                    show(table, &what, counted, count(peer), 1);
                }
            }
            match (few, ours) {
                (Some(few), Some(Ok(many))) => table.row(&growth, Some(many), Some(few)),
                (_, Some(Ok(first))) => few = Some(first),
                _ => {}
            }
        }
    }
}

fn measure_mapping(table: &mut Table) {
    let pages = 256;
    let what = format!("{}, instructions per page, against x86_64", mapping::name(pages));
    if table.wants(&what) {
        let ours = count(Scenario::Mapping { who: OURS, pages });
        show(table, &what, ours, count(Scenario::Mapping { who: "x86_64", pages }), pages);
    }
}

fn measure_pair(table: &mut Table) {
    let what = format!("{}, instructions", pairs::name(1));
    if table.wants(&what) {
        match count(Scenario::Pairs { pages: 1 }) {
            Ok(ours) => table.row(&what, Some(ours), None),
            Err(reason) => table.dash(&what, &reason),
        }
    }
}

type Counted = Result<f64, String>;

fn show(table: &mut Table, what: &str, ours: Counted, peer: Counted, pages: u64) {
    match (ours, peer) {
        (Ok(ours), Ok(peer)) => {
            table.row(what, Some(per_page(ours, pages)), Some(per_page(peer, pages)));
        }
        (Err(reason), _) | (_, Err(reason)) => table.dash(what, &reason),
    }
}

/// Runs this program again under callgrind and returns the instructions of one step.
///
/// # Errors
///
/// The reason why the instructions could not be counted.
fn count(scenario: Scenario<'_>) -> Counted {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    command.arg(format!("--toggle-collect={COUNTED_PART}"));
    let output = command.arg(program).args(scenario.arguments()).output();
    let output = output.map_err(|error| format!("valgrind: {error}"))?;
    if !output.status.success() {
        return Err(format!("valgrind: {}", output.status));
    }
    let printed = String::from_utf8_lossy(&output.stderr);
    let total = printed.lines().find_map(|line| line.split_once("Collected :"));
    let total: f64 = total.and_then(|(_, count)| count.trim().parse().ok()).unwrap_or(0.0);
    if total == 0.0 {
        return Err("callgrind counted nothing".to_owned());
    }
    Ok(per_page(total, scenario.steps()))
}
