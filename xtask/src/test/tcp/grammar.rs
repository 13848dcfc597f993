//! Parses `/proc/vmallocinfo`-like reports by the rules that readers of that Linux file use.

use anyhow::{Context, ensure};

const PAGE_BYTES: u64 = 4096;

/// A row of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VmallocInfoRow {
    /// The first address of the region.
    pub(super) start: u64,
    /// The first address after the guard page.
    pub(super) end: u64,
    /// Number of mapped pages, or `None` for a lazy area.
    pub(super) pages: Option<u64>,
}

/// Parses a report, and checks every row.
pub(super) fn parse(report: &str) -> anyhow::Result<Vec<VmallocInfoRow>> {
    report.lines().map(|line| row(line).with_context(|| line.to_owned())).collect()
}

fn row(line: &str) -> anyhow::Result<VmallocInfoRow> {
    let (range, rest) = line.split_at_checked(37).context("too short")?;
    let (start, end) = range.split_once('-').context("no range")?;
    let (start, end) = (address(start)?, address(end)?);
    let rest = rest.strip_prefix(' ').context("no space after the range")?;
    let width = rest
        .char_indices()
        .find(|(index, c)| {
            let number_is_over = rest[..*index].ends_with(|c: char| c.is_ascii_digit());
            !c.is_ascii_digit() && (*c != ' ' || number_is_over)
        })
        .map_or(rest.len(), |(index, _)| index);
    let (size, tail) = rest.split_at(width);
    ensure!(size.len() >= 7, "the size has {} columns", size.len());
    let size: u64 = size.trim_start().parse().context("the size")?;
    ensure!(end.checked_sub(start) == Some(size), "the size is not that of the range");
    if tail == " unpurged vm_area" {
        return Ok(VmallocInfoRow { start, end, pages: None });
    }
    let pages = words(tail)?;
    if let Some(pages) = pages {
        ensure!((pages + 1) * PAGE_BYTES == size, "{pages} pages and a guard are not {size}");
    }
    Ok(VmallocInfoRow { start, end, pages })
}

fn address(text: &str) -> anyhow::Result<u64> {
    let digits = text.strip_prefix("0x").context("no 0x")?;
    let plain = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    ensure!(digits.len() == 16 && digits.bytes().all(plain), "no address: {text}");
    Ok(u64::from_str_radix(digits, 16)?)
}

/// Parses the end of a row: `( \S+)?( pages=\d+)?( vmalloc)?( vmap)?( vpages)?( N\d+=\d+)*`.
fn words(tail: &str) -> anyhow::Result<Option<u64>> {
    ensure!(tail.is_empty() || tail.starts_with(' '), "no space after the size");
    let mut words = tail.split(' ').skip(1).peekable();
    let is_known = |word: &str| {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let numbered = key == "pages" || key.strip_prefix('N').is_some_and(is_number);
        ["vmalloc", "vmap", "vpages"].contains(&word) || numbered && is_number(value)
    };
    words.next_if(|word| !word.is_empty() && !is_known(word));
    let pages = words.next_if(|word| word.starts_with("pages="));
    for flag in ["vmalloc", "vmap", "vpages"] {
        words.next_if_eq(&flag);
    }
    for word in words {
        ensure!(word.starts_with('N') && is_known(word), "{word:?} has no place there");
    }
    Ok(pages.map(|word| word["pages=".len()..].parse()).transpose()?)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_all_kinds() {
        let report = "0xffffc90000000000-0xffffc90000009000   36864 net/rx pages=8 vmalloc N0=8\n\
                      0xffffc90000010000-0xffffc90000014000   16384 unpurged vm_area\n\
                      0xffffc90000014000-0xffffc90000016000    8192 pages=1 vmalloc N0=1 N1=0\n\
                      0xffffc90000016000-0xffffc90040017000 1073745920 buf pages=262144 vmalloc\n\
                      0xffffc90000016000-0xffffc90000017000    4096\n";
        let rows = parse(report).unwrap();
        let pages: Vec<_> = rows.iter().map(|row| row.pages).collect();
        assert_eq!(pages, [Some(8), None, Some(1), Some(262_144), None]);
    }

    #[test]
    fn malformed_rows_are_refused() {
        for line in [
            "",
            "0xffffc90000000000-0xffffc90000009000 36864 net/rx pages=8 vmalloc",
            "0xffffc90000000000-0xffffc90000009000   36865 net/rx pages=8 vmalloc",
            "0xffffc90000000000-0xffffc90000009000   36864 net/rx pages=9 vmalloc",
            "0xFFFFC90000000000-0xffffc90000009000   36864 pages=8 vmalloc",
            "0xffffc90000000000-0xffffc90000009000   36864 a b pages=8 vmalloc",
            "0xffffc90000000000-0xffffc90000009000   36864 a vmalloc pages=8",
            "0xffffc90000000000-0xffffc90000009000   36864 a pages=8 vmalloc x=1",
        ] {
            assert!(row(line).is_err(), "{line}");
        }
    }
}
