//! The rules about the types of a crate.

use std::collections::{BTreeMap, BTreeSet};

use super::breach::{Breach, BreachKind};
use super::graph::Methods;
use super::tree::{Meaning, Tree};

/// Maximum number of inherent methods of a type.
const METHODS_MAX: usize = 40;

/// Maximum number of files with inherent implementations of a type.
const FILES_MAX: usize = 6;

/// Returns a violation for each type that is too large, and for each name that several types have.
pub(super) fn breaches(tree: &Tree, methods: &Methods) -> Vec<Breach> {
    let mut breaches = large_types(tree, methods);
    breaches.extend(double_names(tree));
    breaches
}

fn large_types(tree: &Tree, methods: &Methods) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for ((module, type_), definers) in methods {
        let files: BTreeSet<_> = definers.values().flatten().collect();
        let home = tree.file_name(tree.file_of(*module));
        if definers.len() > METHODS_MAX {
            let text = format!(
                "{type_} of {home} has {} methods, at most {METHODS_MAX} are allowed",
                definers.len()
            );
            breaches.push(Breach {
                kind: BreachKind::Spread,
                key: format!("{type_}: methods"),
                text,
            });
        }
        if files.len() > FILES_MAX {
            let names: Vec<_> = files.iter().map(|file| tree.file_name(**file)).collect();
            let text = format!(
                "{type_} of {home} has methods in {} files, at most {FILES_MAX} are allowed: {}",
                files.len(),
                names.join(", ")
            );
            breaches.push(Breach {
                kind: BreachKind::Spread,
                key: format!("{type_}: files"),
                text,
            });
        }
    }
    breaches
}

fn double_names(tree: &Tree) -> Vec<Breach> {
    let mut homes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for module in &tree.modules {
        for (name, meanings) in &module.names {
            // Definitions in one module that exclude each other by `cfg` count as one type.
            if meanings.contains(&Meaning::Type) {
                homes.entry(name).or_default().push(tree.file_name(module.file));
            }
        }
    }
    let breach = |(name, homes): (&str, Vec<&str>)| {
        let text = format!("{name} is defined in {}", homes.join(", "));
        (homes.len() > 1).then(|| Breach {
            kind: BreachKind::DoubleName,
            key: name.to_owned(),
            text,
        })
    };
    homes.into_iter().filter_map(breach).collect()
}
