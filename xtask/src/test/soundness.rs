//! The lint of `vmalloc/SOUNDNESS.md`: the document must have a row for every safe public function of the
//! library, and no other row.
//!
//! A section `## Name` belongs to a type, a trait or a module; the first cells of its rows name functions in
//! backticks, and implementations of traits as `impl Trait`.

mod interface;
mod rows;

use std::collections::BTreeSet;

use anyhow::{Context, ensure};

use super::files;
use crate::workspace::Workspace;

/// The folder of the sources of the library, with a slash at its end.
const SOURCES: &str = "vmalloc/src/";

/// The document.
const DOCUMENT: &str = "vmalloc/SOUNDNESS.md";

/// Minimum number of functions. Fewer mean that the lint does not read the sources as it should.
const FUNCTIONS_MIN: usize = 100;

/// Compares the document with the sources.
///
/// # Errors
/// A function has no row, a row has no function, or a row has no reason.
pub(super) fn check(workspace: &Workspace) -> anyhow::Result<()> {
    let files = files::read(workspace, &["rs"])?;
    let sources = files
        .iter()
        .filter_map(|file| Some((file.path.strip_prefix(SOURCES)?.to_owned(), file.text.as_str())));
    let functions = interface::functions(&sources.collect::<Vec<_>>())?;
    ensure!(functions.len() >= FUNCTIONS_MIN, "only {} functions were found", functions.len());
    let text = std::fs::read_to_string(workspace.path(DOCUMENT)).context(DOCUMENT)?;
    let rows = rows::rows(&text).context(DOCUMENT)?;
    let messages = differences(&functions, &rows);
    ensure!(messages.is_empty(), "{DOCUMENT}\n    {}", messages.join("\n    "));
    Ok(())
}

/// Returns a message for every function without a row and every row without a function.
fn differences(functions: &BTreeSet<String>, rows: &BTreeSet<String>) -> Vec<String> {
    let missing = functions.difference(rows).map(|name| format!("no row for {name}"));
    let foreign = rows.difference(functions);
    missing.chain(foreign.map(|name| format!("no safe function for the row {name}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_are_compared() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let messages = differences(&set(&["A::f", "A::g"]), &set(&["A::g", "A::h"]));
        assert_eq!(messages, ["no row for A::f", "no safe function for the row A::h"]);
    }
}
