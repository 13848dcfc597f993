//! The lint of the table of invariants: each row in ARCHITECTURE.md must name an existing test or type.

use anyhow::{Context, ensure};

use crate::workspace::Workspace;

/// The heading of the table.
const HEAD: &str = "| invariant | held by | file |";

/// Minimum number of rows of the table.
const ROWS_MIN: usize = 10;

/// Checks the table.
///
/// # Errors
/// The table is missing or too short, or a row names a file or an item that does not exist.
pub(super) fn check(workspace: &Workspace) -> anyhow::Result<()> {
    let document = std::fs::read_to_string(workspace.path("ARCHITECTURE.md"))?;
    let text = |path: &str| std::fs::read_to_string(workspace.path(path)).ok();
    check_document(&document, &text).context("ARCHITECTURE.md")
}

fn check_document(document: &str, text: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<()> {
    let rows: Vec<_> = document
        .lines()
        .skip_while(|line| *line != HEAD)
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    ensure!(
        rows.len() >= ROWS_MIN,
        "`{HEAD}` has {} rows, at least {ROWS_MIN} are needed",
        rows.len()
    );
    let messages: Vec<_> = rows.iter().filter_map(|row| fault(row, text)).collect();
    ensure!(messages.is_empty(), "{}", messages.join("\n    "));
    Ok(())
}

/// Returns the reason why a row is wrong, or `None` if it is right.
fn fault(row: &str, text: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
    let [invariant, held_by, file] = cells[..] else {
        return Some(format!("not three cells: {row}"));
    };
    let (names, files) = (spans(held_by), spans(file));
    if invariant.is_empty() || names.is_empty() || files.is_empty() {
        return Some(format!("a cell is empty or has no `name`: {row}"));
    }
    let mut texts = Vec::new();
    for file in files {
        match text(file) {
            Some(text) => texts.push(without_comments(&text)),
            None => return Some(format!("no file {file}: {row}")),
        }
    }
    let is_missing = |name: &&&str| !texts.iter().any(|text| defines(text, name));
    let missing = names.iter().find(is_missing)?;
    Some(format!("{file} has no test or type {missing}: {row}"))
}

/// Returns the code spans of a cell.
fn spans(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// Returns a source without the lines that are comments.
fn without_comments(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Returns whether a source defines a function or type `name`, or contains a guest test with that name.
fn defines(text: &str, name: &str) -> bool {
    let is_end = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let has_item = |keyword: &str| {
        let item = format!("{keyword} {name}");
        text.match_indices(&item).any(|(at, _)| is_end(&text[at + item.len()..]))
    };
    text.contains(&format!("\"{name}\""))
        || ["fn", "struct", "enum", "trait"].into_iter().any(has_item)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "fn a_test() {}\n// fn no_test() {}\npub struct Flushed(());\n\
        test(\"region::guard\", guard)";

    fn text(path: &str) -> Option<String> {
        (path == "src/a.rs").then(|| SOURCE.to_owned())
    }

    fn fault_of(held_by: &str, file: &str) -> Option<String> {
        fault(&format!("| Regions stay. | {held_by} | {file} |"), &text)
    }

    #[test]
    fn a_row_names_tests_types_and_guest_tests() {
        assert_eq!(fault_of("`a_test`", "`src/a.rs`"), None);
        assert_eq!(fault_of("the type `Flushed`, `region::guard`", "`src/a.rs`"), None);
    }

    #[test]
    fn a_row_with_a_missing_name_or_file_is_wrong() {
        assert!(fault_of("`a_tes`", "`src/a.rs`").unwrap().contains("no test or type a_tes"));
        assert!(fault_of("`guard`", "`src/a.rs`").is_some());
        assert!(fault_of("`no_test`", "`src/a.rs`").is_some());
        assert!(fault_of("`a_test`, `b_test`", "`src/a.rs`").is_some());
        assert!(fault_of("`a_test`", "`src/b.rs`").unwrap().contains("no file src/b.rs"));
        assert!(fault_of("a test", "`src/a.rs`").is_some());
        assert!(fault("| Regions stay. | `a_test` |", &text).is_some());
    }

    #[test]
    fn a_short_table_is_wrong() {
        let table = |rows: usize| {
            let row = "| Regions stay. | `a_test` | `src/a.rs` |\n";
            format!("{HEAD}\n|---|---|---|\n{}\ntext", row.repeat(rows))
        };
        assert!(check_document(&table(10), &text).is_ok());
        assert!(check_document(&table(9), &text).is_err());
        assert!(check_document("text", &text).is_err());
    }
}
