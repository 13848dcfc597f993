//! The rule that imports must form no cycle.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::breach::{Breach, BreachKind};
use super::graph::Graph;
use super::tree::{FileIndex, Tree};

/// Returns a violation for each file that depends on itself through other files.
pub(super) fn breaches(tree: &Tree, graph: &Graph) -> Vec<Breach> {
    let mut shown = BTreeMap::new();
    let mut breaches = Vec::new();
    for file in 0..tree.files.len() {
        let Some(cycle) = shortest_cycle(graph, file) else { continue };
        let name = tree.file_name(file);
        let first = *shown.entry(cycle.iter().copied().collect::<BTreeSet<_>>()).or_insert(file);
        let text = if first == file {
            format!("{name} is in an import cycle{}", show(tree, graph, &cycle))
        } else {
            format!("{name} is in the cycle of {}", tree.file_name(first))
        };
        breaches.push(Breach { kind: BreachKind::Cycle, key: name.to_owned(), text });
    }
    breaches
}

fn show(tree: &Tree, graph: &Graph, cycle: &[FileIndex]) -> String {
    let arrows = cycle.iter().zip(cycle.iter().cycle().skip(1));
    arrows.map(|(from, to)| format!("\n        {}", graph.show(tree, *from, *to))).collect()
}

/// Returns the shortest cycle that begins at a file, without that file at its end.
fn shortest_cycle(graph: &Graph, start: FileIndex) -> Option<Vec<FileIndex>> {
    let mut from = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(file) = queue.pop_front() {
        for next in graph.needs(file) {
            if next == start {
                let mut cycle = vec![file];
                while let Some(&before) = from.get(&cycle[cycle.len() - 1]) {
                    cycle.push(before);
                }
                cycle.reverse();
                return Some(cycle);
            }
            if let Entry::Vacant(entry) = from.entry(next) {
                entry.insert(file);
                queue.push_back(next);
            }
        }
    }
    None
}
