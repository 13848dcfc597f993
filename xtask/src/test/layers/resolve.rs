//! Finds the definition behind a path, through imports, re-exports and globs.

use super::tree::{Meaning, ModuleIndex, Tree};

/// Maximum number of imports that are followed one after the other, because globs may form a cycle.
const DEPTH_MAX: usize = 12;

/// The definition to which a path leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Definition {
    Module(ModuleIndex),
    /// An item, and the segments behind it: `new` of `Type::new`.
    Item {
        module: ModuleIndex,
        name: String,
        rest: Vec<String>,
    },
}

impl Tree {
    /// Returns the definitions of a path that is used in `module`. There are none if the path leads out of
    /// the crate, and several if the build configuration chooses between imports.
    pub(super) fn resolve(&self, module: ModuleIndex, path: &[String]) -> Vec<Definition> {
        let mut found = Vec::new();
        self.follow(module, path, 0, &mut found);
        found.sort();
        found.dedup();
        found
    }

    fn follow(
        &self,
        module: ModuleIndex,
        path: &[String],
        depth: usize,
        found: &mut Vec<Definition>,
    ) {
        if depth > DEPTH_MAX {
            return;
        }
        match path.first().map(String::as_str) {
            Some("crate") => self.descend(0, &path[1..], depth, found),
            Some("self") => self.follow_up(module, &path[1..], depth, found),
            Some("super") => self.follow_up(module, path, depth, found),
            _ => self.descend(module, path, depth, found),
        }
    }

    /// Follows the rest of a path that began with `self` or `super`.
    fn follow_up(
        &self,
        module: ModuleIndex,
        path: &[String],
        depth: usize,
        found: &mut Vec<Definition>,
    ) {
        match (path.first().map(String::as_str), self.modules[module].parent) {
            (Some("super"), Some(parent)) => self.follow_up(parent, &path[1..], depth, found),
            _ => self.descend(module, path, depth, found),
        }
    }

    /// Follows a path from the names of a module.
    fn descend(
        &self,
        module: ModuleIndex,
        path: &[String],
        depth: usize,
        found: &mut Vec<Definition>,
    ) {
        let Some((name, rest)) = path.split_first() else {
            found.push(Definition::Module(module));
            return;
        };
        let meanings = self.modules[module].names.get(name).map_or(&[][..], Vec::as_slice);
        for meaning in meanings {
            match meaning {
                Meaning::Value if !rest.is_empty() => {}
                Meaning::Type | Meaning::Value => {
                    found.push(item(module, name, rest));
                }
                Meaning::Module(child) => self.descend(*child, rest, depth, found),
                Meaning::Import(import) if self.is_external(module, import) => {
                    // If a module re-exports an item of another crate, that module counts as the definition.
                    found.push(item(module, name, rest));
                }
                Meaning::Import(import) => {
                    self.follow(module, &[import, rest].concat(), depth + 1, found);
                }
            }
        }
        if !meanings.is_empty() {
            return;
        }
        for glob in &self.modules[module].globs {
            let mut bases = Vec::new();
            self.follow(module, glob, depth + 1, &mut bases);
            for base in bases {
                // A glob import of an enum is an arrow at the place of the import.
                if let Definition::Module(base) = base
                    && base != module
                {
                    self.descend(base, path, depth + 1, found);
                }
            }
        }
    }

    /// Returns whether an import leads to another crate.
    fn is_external(&self, module: ModuleIndex, import: &[String]) -> bool {
        let is_local = |first: &String| {
            ["crate", "self", "super"].contains(&first.as_str())
                || self.modules[module].names.contains_key(first)
        };
        !import.first().is_some_and(is_local)
    }
}

fn item(module: ModuleIndex, name: &str, rest: &[String]) -> Definition {
    Definition::Item { module, name: name.to_owned(), rest: rest.to_vec() }
}
